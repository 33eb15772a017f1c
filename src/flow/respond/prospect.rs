//! What is asked of an answer to a request as things stand, what a yes would come to, and the digest of
//! what a person is shown of it.

use super::of_request;
use crate::flow::app::App;
use crate::flow::decide::forecast;
use crate::flow::decide::forecast::Foresight;
use doorward_core::approvals::shown::Outlook;
use doorward_core::approvals::{Approvals, Refusal, Seen, Shown, Terms, Who, may_answer};
use doorward_core::firewall::Effect;
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::request::{Answer, Request};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::verdict::Verdict;
use doorward_core::state::{Asked, Voice};
use jiff::Timestamp;
use std::time::Duration;

/// What is asked of an answer, and what a yes would come to.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// What is asked of an answer.
    pub terms: Terms,
    /// The longest that a yes may open, and how long one opens that does not say.
    pub longest: Duration,
    /// What a yes would come to.
    pub foresight: Foresight,
    /// What it would change on the registry's list.
    pub effect: Effect,
    /// The digest of all that.
    pub seen: Seen,
    /// The yes that count so far: each to what is shown now.
    pub voices: Vec<Voice>,
    /// The yes that count no more, since what they were given to has changed.
    pub lapsed: Vec<Voice>,
}

impl App {
    /// What is asked of answers to a request: by its registry now, by its rule when it was asked, and by
    /// the same rule now.
    pub fn terms(&self, request: &Request) -> Terms {
        let Some(enrolled) = self.registries.get(&request.registry) else {
            return Terms::of(&Approvals::none());
        };
        let policy = self.policy.load();
        let rule = request.rule.as_ref().and_then(|name| policy.rule(name));
        let now = rule.and_then(|rule| rule.approvals.as_ref());
        let asked = [request.approvals.as_ref(), now];
        let registry = Terms::of(&enrolled.approvals);
        let asked = asked.into_iter().flatten();
        asked.fold(registry, Terms::raised_by)
    }

    /// The longest that a yes to what a verdict asks about a registry may open.
    pub(in crate::flow) fn longest_on(&self, registry: &ResourceId, verdict: &Verdict) -> Duration {
        let enrolled = self.registries.get(registry);
        let of_registry = enrolled.and_then(|it| it.approvals.max);
        let of_rule = verdict.approvals.as_ref().and_then(|it| it.max);
        let both = of_registry.into_iter().chain(of_rule);
        both.min().unwrap_or(Duration::MAX)
    }

    /// Whether whoever has a request's link may answer it.
    pub fn answers_by_link(&self, request: &Request) -> bool {
        self.terms(request).takes_links()
    }

    /// The longest that a yes to a request may open under `terms`.
    pub fn longest(&self, request: &Request, terms: &Terms) -> Duration {
        let asked = Duration::from_secs(request.ttl_seconds);
        let most = terms.max.unwrap_or(Duration::MAX);
        asked.min(most).min(self.max_ttl)
    }
}

/// What is asked of an answer to a request, and what a yes would come to.
pub fn of(app: &App, asked: &Asked) -> Prospect {
    let request = &asked.request;
    let terms = app.terms(request);
    let longest = app.longest(request, &terms);
    let grant = of_request(app, request, clock::add(app.clock.now(), longest));
    let (foresight, effect) = forecast::with_effect(app, &grant);
    let outlook = match &foresight {
        Foresight::Opens => Outlook::Opens,
        Foresight::Unknown => Outlook::Unknown,
        Foresight::Not(why) => Outlook::Not(why.clone()),
    };
    let shown = Shown {
        request,
        terms: &terms,
        approvers: &app.approvers,
        lasts_seconds: longest.as_secs(),
        policy: &app.policy.load().hash,
        outlook: &outlook,
        effect: &effect,
    };
    let seen = shown.digest();
    let digest = seen.digest().to_string();
    let counts = |voice: &Voice| voice.given.shown.as_ref() == Some(&digest);
    let (voices, lapsed) = asked.voices.iter().cloned().partition(counts);
    Prospect {
        terms,
        longest,
        foresight,
        effect,
        seen,
        voices,
        lapsed,
    }
}

impl Prospect {
    /// Why somebody cannot say yes as things stand, whatever they wish for; none if they can.
    pub fn refuses(&self, app: &App, request: &Request, who: &Who) -> Option<Refusal> {
        let asker = request.asker.as_ref();
        let refused = may_answer(who, Answer::Allow, &self.terms, &app.approvers, asker).err();
        refused.or_else(|| self.has_said_yes(app, who).map(|_| Refusal::SaidYes))
    }

    /// The yes that somebody has given and that counts.
    pub fn has_said_yes(&self, app: &App, who: &Who) -> Option<&Voice> {
        let person = who.person()?;
        let mut voices = self.voices.iter();
        voices.find(|voice| app.approvers.is_same(person, &voice.by))
    }
}

/// The grant that a yes at `now` makes which does not say more.
pub(in crate::flow) fn plain_grant(app: &App, request: &Request, now: Timestamp) -> Grant {
    let longest = app.longest(request, &app.terms(request));
    of_request(app, request, clock::add(now, longest))
}
