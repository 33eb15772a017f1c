//! What the page of a request shows: everything that a person needs to answer it, as of now.

use super::answers;
use super::prose::Prose;
use super::reply;
use crate::flow::app::App;
use crate::flow::decide::forecast::{self, Change, Foresight};
use crate::flow::notify::facts;
use doorward_core::ledger::details::{AddressFacts, Details, Effectiveness};
use doorward_core::ledger::request::Request;
use doorward_core::messages::message::{before, whose};
use doorward_core::messages::outcome::{Outcome, outcome};
use doorward_core::messages::wording;
use doorward_core::state::Asked;
use jiff::Timestamp;
use std::time::Duration;

/// A request and what is known around it.
pub(in crate::http) struct RequestView {
    /// The registry's name.
    pub(super) registry: String,
    /// Whether which registry refused is a guess.
    pub(super) guess: bool,
    /// Who would be let in.
    pub(super) address: String,
    /// Whose address that is.
    pub(super) whose: Prose,
    /// Whether it was let in before, and by whom.
    pub(super) before: Prose,
    /// What was asked for: the caller's own words.
    pub(super) image: Option<Prose>,
    /// How often it was refused, and since when.
    pub(super) refused: Prose,
    /// What would help instead.
    pub(super) advice: Vec<Advice>,
    /// How long a yes would open.
    pub(super) ttl: String,
    /// The same, short enough for a button.
    pub(super) short: String,
    /// Until when it can be answered.
    pub(super) until: Prose,
    /// How long that is from now.
    pub(super) left: String,
    /// The policy's rule.
    pub(super) rule: Option<Prose>,
    /// Why the rule asks.
    pub(super) because: Option<Prose>,
    /// Who reported the refusal.
    pub(super) source: String,
    /// What a yes would change.
    pub(super) change: Option<Change>,
    /// What a person should know before they answer.
    pub(super) warning: Option<Prose>,
    /// Names that the ledger and the commands know it by.
    pub(super) ids: Vec<(&'static str, String)>,
}

/// A better way in.
pub(super) struct Advice {
    /// In a sentence.
    pub(super) text: Prose,
    /// Where there is more about it.
    pub(super) link: Option<String>,
}

/// What became of a request, as its page shows it.
pub(in crate::http) struct Became {
    /// In a few words.
    pub(super) title: Prose,
    /// In a sentence or two.
    pub(super) text: Prose,
    /// Who answered what, and when.
    pub(super) answer: Prose,
    /// The class of the note that says so.
    pub(super) tone: &'static str,
    /// In how many seconds the page looks again.
    pub(super) again: u32,
}

impl RequestView {
    /// The request as things are at `now`.
    pub(in crate::http) fn of(app: &App, asked: &Asked, now: Timestamp) -> Self {
        let request = &asked.request;
        let (details, facts) = (details(app, asked), address(app, request));
        let open = asked.open(now);
        Self {
            registry: request.registry.name().to_owned(),
            guess: request.is_guess(),
            address: request.address.to_string(),
            whose: Prose::new(wording::capital(&whose(&facts))),
            before: Prose::new(wording::capital(&before(&facts))),
            image: answers::image(request).map(Prose::new),
            refused: refused(app, asked, &details),
            advice: details.help.iter().map(Advice::of).collect(),
            ttl: wording::duration(answers::longest(app, request)),
            short: short(&wording::duration(answers::longest(app, request))),
            until: Prose::time(request.until),
            left: wording::duration(request.until.duration_since(now)),
            rule: request.rule.clone().map(Prose::new),
            because: request.because.clone().map(Prose::new),
            source: request.source.clone(),
            change: open.then(|| forecast::change(app, request)).flatten(),
            warning: open
                .then(|| warning(app, request))
                .flatten()
                .map(Prose::new),
            ids: vec![
                ("Request", request.id.to_string()),
                ("Denial", request.denial.to_string()),
                ("Registry", request.registry.to_string()),
            ],
        }
    }
}

/// `2 h 30 min` for `2 hours 30 minutes`.
fn short(duration: &str) -> String {
    let units = [
        ("day", "d"),
        ("hour", "h"),
        ("minute", "min"),
        ("second", "s"),
    ];
    let word = |word: &str| {
        let unit = units.iter().find(|(unit, _)| word.starts_with(unit));
        unit.map_or_else(|| word.to_owned(), |(_, short)| (*short).to_owned())
    };
    duration.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What would help instead, as the message about it says, and when it was refused first.
fn details(app: &App, asked: &Asked) -> Details {
    let ttl = Duration::from_secs(asked.request.ttl_seconds);
    let decision = asked.decision.as_deref();
    decision.map_or_else(Details::default, |it| {
        let said = (it.registry.as_ref(), &it.verdict);
        facts::details(app, &it.denial, said, ttl)
    })
}

/// Whose address it is, as of now.
fn address(app: &App, request: &Request) -> AddressFacts {
    let address = request.address.get();
    let before = app.ledger.read(|state| {
        let known = state.registries.get(&request.registry);
        known.map(|known| known.seen.of(address))
    });
    let (policy, sets) = (app.policy.load(), app.sets.load());
    AddressFacts::of(&policy, &sets, address.into(), before.unwrap_or_default())
}

/// How often the address was refused, and since when.
fn refused(app: &App, asked: &Asked, details: &Details) -> Prose {
    let denial = asked.request.denial;
    let times = app.ledger.read(|state| state.times_repeated(denial));
    let first = details
        .denied_at
        .or(asked.decision.as_ref().map(|decision| decision.at));
    let first = first.map(wording::time);
    Prose::new(match (times, first) {
        (0, None) => "Once".to_owned(),
        (0, Some(at)) => format!("Once, at {at}"),
        (times, None) => format!("{} times", times.saturating_add(1)),
        (times, Some(at)) => format!("{} times since {at}", times.saturating_add(1)),
    })
}

impl Advice {
    fn of(help: &Effectiveness) -> Self {
        Self {
            text: Prose::new(wording::sentence(&wording::capital(&help.text))),
            link: help.link.clone(),
        }
    }
}

/// What a person should know before they say yes.
fn warning(app: &App, request: &Request) -> Option<String> {
    match forecast::of(app, request) {
        Foresight::Opens => None,
        Foresight::Unknown => Some(
            "The registry has not been read yet, so it is not known whether approving would open anything."
                .to_owned(),
        ),
        Foresight::Not(why) => Some(wording::sentence(&format!(
            "Approving would open nothing at the moment: {why}"
        ))),
    }
}

impl Became {
    /// What became of an answered request.
    pub(in crate::http) fn of(app: &App, asked: &Asked, now: Timestamp) -> Self {
        let request = &asked.request;
        let outcome = outcome(asked, forecast::held_by(app, &request.registry), now);
        let (registry, address) = (request.registry.name(), request.address.to_string());
        Self {
            title: Prose::new(outcome.title()),
            text: Prose::new(outcome.text(registry, &address)),
            answer: Prose::new(reply::told(asked).unwrap_or_default()),
            tone: tone(&outcome),
            again: match outcome {
                _ if outcome.is_moving() => 2,
                Outcome::Active { .. } => 20,
                _ => 0,
            },
        }
    }
}

/// How good the news are.
pub(super) fn tone(outcome: &Outcome) -> &'static str {
    match outcome {
        _ if outcome.is_open() => "good",
        Outcome::NotOpened { .. } => "bad",
        Outcome::Adding { .. } | Outcome::Removing { .. } | Outcome::Unknown => "wait",
        _ => "",
    }
}
