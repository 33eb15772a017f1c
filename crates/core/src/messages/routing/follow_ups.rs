//! What is told of a request after it was asked: that nobody has answered, and what became of it.

use super::{Routes, Subject};
use crate::ledger::actor::Actor;
use crate::ledger::alert::Alert;
use crate::ledger::chain::Hash;
use crate::ledger::details::Details;
use crate::ledger::id::{AlertId, RequestId};
use crate::ledger::request::Answer;
use crate::messages::codes::{ANSWERED, ESCALATION, EXPIRED, OPENED, OPENING_ENDED, REMINDER};
use crate::messages::message::Matter;
use crate::messages::outcome::{Outcome, outcome};
use crate::messages::wording::duration;
use crate::net::resource_id::ResourceId;
use crate::state::{Asked, State};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use std::time::Duration;
use uuid::Uuid;

/// What is to be told now, and when to look again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowUps {
    /// Messages, each with an id that is the same whoever writes it.
    pub due: Vec<Alert>,
    /// When the next one may be due.
    pub next: Option<Timestamp>,
}

/// What is to be told of all requests at `now`. `follows` are the channels that show what became of a
/// message: those alone hear of answers.
pub fn follow_ups(state: &State, routes: &Routes, follows: &[&str], now: Timestamp) -> FollowUps {
    let mut all = FollowUps::default();
    for asked in state.requests.values() {
        if asked.open(now) {
            unanswered(asked, routes, now, &mut all);
            all.look_at(asked.request.until);
        }
        became(state, asked, follows, now, &mut all);
    }
    all
}

impl FollowUps {
    fn look_at(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

fn unanswered(asked: &Asked, routes: &Routes, now: Timestamp, all: &mut FollowUps) {
    if asked.withheld {
        // Nobody was asked for the first time.
        return;
    }
    let Some(since) = asked.decision.as_ref().map(|decision| decision.at) else {
        return;
    };
    let rule = asked.request.rule.as_deref();
    let subject = Subject {
        code: REMINDER,
        registry: Some(asked.request.registry.name()),
        rule,
        kind: asked
            .decision
            .as_ref()
            .map(|it| it.denial.report.denial.kind),
    };
    let Some(route) = routes.of_question(subject) else {
        return;
    };
    // A rule's own channel hears the reminder too, as it was asked.
    let named = asked.request.channel.iter().cloned().collect::<Vec<_>>();
    let asked_at = if named.is_empty() {
        route.to.clone()
    } else {
        named
    };
    let reminder = route.remind.map(|after| (REMINDER, after, asked_at));
    let escalation = route.escalate.clone();
    let escalation = escalation.map(|(after, to)| (ESCALATION, after, to));
    for (code, after, channels) in reminder.into_iter().chain(escalation) {
        let due = later(since, after);
        if due > now {
            all.look_at(due);
            continue;
        }
        let waited = duration(SignedDuration::try_from(after).unwrap_or_default());
        let text = format!(
            "Nobody has answered for {waited}: `{}` was refused by `{}`",
            asked.request.address,
            asked.request.registry.name()
        );
        let id = id(asked.request.id, code, "");
        all.due.push(alert(asked, (id, code, text), channels, None));
    }
}

fn became(state: &State, asked: &Asked, follows: &[&str], now: Timestamp, all: &mut FollowUps) {
    let outcome = outcome(asked, None, now);
    let code = match &outcome {
        Outcome::Open | Outcome::Removing { .. } => return,
        Outcome::Denied { .. } | Outcome::Adding { .. } | Outcome::Unknown => ANSWERED,
        Outcome::Active { .. } | Outcome::Covered { .. } => OPENED,
        Outcome::Expired => EXPIRED,
        Outcome::NotOpened { .. } | Outcome::Ended { .. } | Outcome::Kept { .. } => OPENING_ENDED,
    };
    let request = &asked.request;
    let text = outcome.text(request.registry.name(), &request.address.to_string());
    let text = approved_by(asked).map_or(text.clone(), |by| format!("{by} {text}"));
    for channel in follows {
        let id = id(request.id, code, channel);
        let channels = vec![(*channel).to_owned()];
        let it = alert(
            asked,
            (id, code, text.clone()),
            channels,
            Some(outcome.title()),
        );
        let thread = state.deliveries.thread(channel, &Matter::of(&it));
        // Who never heard the question is not told of its answer.
        let told = thread.is_none_or(|thread| thread.code == code);
        if !told && !state.outbox.contains_key(&id) {
            all.due.push(it);
        }
    }
}

/// Who has said yes, in a sentence; none if a no or nothing ended it.
fn approved_by(asked: &Asked) -> Option<String> {
    let (_, answer) = asked.answer.as_ref()?;
    if *answer == Answer::Deny {
        return None;
    }
    let voices = asked.voices.iter().map(|voice| &voice.by);
    let all: Vec<String> = voices.chain(&asked.by).map(Actor::in_words).collect();
    let (last, others) = all.split_last()?;
    Some(match others {
        [] => format!("Approved by {last}."),
        others => format!("Approved by {} and {last}.", others.join(", ")),
    })
}

fn alert(
    asked: &Asked,
    (id, code, text): (AlertId, &str, String),
    channels: Vec<String>,
    outcome: Option<String>,
) -> Alert {
    let request = &asked.request;
    let decision = asked.decision.as_deref();
    let ttl = Duration::from_secs(request.ttl_seconds);
    let details = decision.map(|decision| {
        let before = crate::ledger::details::AddressFacts {
            sets: decision
                .verdict
                .sets
                .iter()
                .map(|it| it.name.clone())
                .collect(),
            owned: decision.denial.owned,
            ..Default::default()
        };
        let details = Details::of(&decision.denial, &decision.verdict, before, ttl);
        Box::new(Details { outcome, ..details })
    });
    Alert {
        id,
        code: code.to_owned(),
        text,
        channels,
        registry: Some(ResourceId::clone(&request.registry)),
        address: Some(IpAddr::V4(request.address.get())),
        denial: Some(request.denial),
        grant: None,
        grants: Vec::new(),
        request: Some(request.id),
        details,
        resends: None,
    }
}

/// The same for the same request, code and channel, so that two replicas write one message.
fn id(request: RequestId, code: &str, channel: &str) -> AlertId {
    let hash = Hash::of(format!("{request}\0{code}\0{channel}").as_bytes());
    let bytes = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    AlertId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// The id of the copy of a message that goes to another channel instead.
pub fn fallback_id(alert: AlertId, channel: &str) -> AlertId {
    let hash = Hash::of(format!("{alert}\0fallback\0{channel}").as_bytes());
    let bytes = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    AlertId(Uuid::from_bytes(bytes))
}

fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
