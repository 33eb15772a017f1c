//! People's answers to requests, and what they order afterwards.

pub mod afterwards;
pub mod prospect;

use super::decide::anew;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::approvals::may::may_wish;
use doorward_core::approvals::{Part, Refusal, Seen, Who, Wish, may_answer};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::{GrantId, RequestId};
use doorward_core::ledger::request::{Answer, Given, Request};
use doorward_core::messages::wording;
use doorward_core::state::Asked;
use jiff::Timestamp;
use prospect::Prospect;
use std::time::Duration;

/// What somebody answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Yes or no.
    pub answer: Answer,
    /// Who, and what proves it.
    pub who: Who,
    /// Why, if they say so: one line.
    pub reason: Option<String>,
    /// For how long a yes opens; none for as long as is shown.
    pub lasts: Option<Duration>,
    /// The digest of what they were shown ([`Prospect::seen`]). A yes needs it; a no without it is taken
    /// whatever has changed.
    pub shown: Option<Seen>,
}

/// What came of an answer that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The request is answered.
    Final,
    /// It was one yes of several, and the request stays open.
    OneOf {
        /// How many have said yes.
        given: u32,
        /// How many have to.
        needed: u32,
    },
}

/// An answer that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The request is unknown or too old.
    #[error("this request has expired: the next denial of the same address raises a new one")]
    Over,
    /// It has been answered.
    #[error("this request has been answered already: the first response is final")]
    Answered,
    /// Whoever answers may not, or not like this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A yes does not say what was shown.
    #[error("this does not say what was shown: open the request and answer there")]
    NotShown,
    /// It is not as it was shown any more.
    #[error("this was not taken, since something has changed meanwhile: {}", changed(.0))]
    Changed(Vec<Part>),
    /// An operator has paused all opening.
    #[error("this was not opened, the request stays open, and it can be answered later: {0}")]
    Paused(String),
    /// Azure has not said yet which registry is meant.
    #[error(
        "this was not opened, the request stays open, and it can be answered later: whether `{0}` is the host of this \
         registry can be told once Azure shows the registry"
    )]
    Unread(String),
    /// The answer could not be written down, so it was not taken.
    #[error("the answer could not be recorded and was not taken: try again in a moment")]
    Store(#[from] StoreError),
}

fn changed(parts: &[Part]) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    names.join("; ")
}

/// Takes an answer, once. It is compared with what stands in the same step as it is written down: of two
/// at once the first one counts, and the other is told.
pub async fn answer(app: &App, id: RequestId, reply: &Reply) -> Result<Taken, AnswerError> {
    // A read that is too old to decide on is made anew, as before it was shown.
    super::decide::forecast::refresh(app, id).await;
    match anew::decide(app, || decide(app, id, reply)).await {
        Err(AnswerError::Store(StoreError::Duplicate)) => Err(overtaken(app, id, reply)),
        other => other,
    }
}

/// Why an answer came too late that the database has refused.
fn overtaken(app: &App, id: RequestId, reply: &Reply) -> AnswerError {
    match open(app, id) {
        Err(error) => error,
        Ok(asked) => prospect::of(app, &asked)
            .has_said_yes(app, &reply.who)
            .map_or(AnswerError::Answered, |_| Refusal::SaidYes.into()),
    }
}

/// A request that can still be answered.
fn open(app: &App, id: RequestId) -> Result<Asked, AnswerError> {
    let asked = app.ledger.read(|state| state.requests.get(&id).cloned());
    let asked = asked.ok_or(AnswerError::Over)?;
    if asked.answer.is_some() {
        return Err(AnswerError::Answered);
    }
    if asked.open(app.clock.now()) {
        Ok(asked)
    } else {
        Err(AnswerError::Over)
    }
}

/// What an answer leads to as things stand.
fn decide(
    app: &App,
    id: RequestId,
    reply: &Reply,
) -> Result<(Vec<LedgerEvent>, Taken), AnswerError> {
    let asked = open(app, id)?;
    let request = &asked.request;
    let prospect = prospect::of(app, &asked);
    let asked_by = request.asker.as_ref();
    let (terms, approvers) = (&prospect.terms, &app.approvers);
    may_answer(&reply.who, reply.answer, terms, approvers, asked_by)?;
    if reply.answer == Answer::Allow {
        may_open(app, request)?;
    }
    match reply.shown {
        Some(seen) if !seen.is_same(&prospect.seen) => {
            return Err(AnswerError::Changed(seen.differs_in(&prospect.seen)));
        }
        None if reply.answer == Answer::Allow => return Err(AnswerError::NotShown),
        _ => {}
    }
    let wish = Wish {
        reason: reply.reason.as_deref(),
        lasts: reply.lasts,
    };
    may_wish(wish, reply.answer, &prospect.terms, prospect.longest)?;
    let who = &reply.who;
    let (by, given) = (who.actor(&app.approvers), given(reply));
    if reply.answer == Answer::Allow {
        if prospect.has_said_yes(app, who).is_some() {
            return Err(Refusal::SaidYes.into());
        }
        let so_far = u32::try_from(prospect.voices.len()).unwrap_or(u32::MAX);
        let with_this = so_far.saturating_add(1);
        if with_this < prospect.terms.count {
            let request = id;
            let taken = Taken::OneOf {
                given: with_this,
                needed: prospect.terms.count,
            };
            let what = LedgerEvent::Approval { request, by, given };
            return Ok((vec![what], taken));
        }
    }
    let granted = (reply.answer == Answer::Allow)
        .then(|| grant(app, &prospect, request, &given, app.clock.now()));
    let answered = LedgerEvent::Answered {
        request: id,
        answer: reply.answer,
        by,
        given: Some(given),
    };
    let granted = granted.map(LedgerEvent::Granted);
    Ok((
        std::iter::once(answered).chain(granted).collect(),
        Taken::Final,
    ))
}

/// Whether anything may be opened for a request at all.
fn may_open(app: &App, request: &Request) -> Result<(), AnswerError> {
    let pause = app
        .ledger
        .read(|state| state.pauses.of(&request.registry).cloned());
    if let Some(pause) = pause {
        return Err(AnswerError::Paused(wording::paused(&pause)));
    }
    let presumed = request.presumed.as_ref();
    let unread = presumed.filter(|host| !app.leads_to(host, &request.registry));
    unread.map_or(Ok(()), |host| Err(AnswerError::Unread(host.clone())))
}

/// An answer as the ledger has it.
fn given(reply: &Reply) -> Given {
    let reason = reply.reason.as_deref().map(str::trim);
    let reason = reason.filter(|why| !why.is_empty()).map(str::to_owned);
    let allows = reply.answer == Answer::Allow;
    Given {
        strength: reply.who.strength(),
        reason,
        lasts: reply.lasts.filter(|_| allows),
        shown: reply.shown.map(|seen| seen.digest().to_string()),
    }
}

/// The grant that the last yes makes, for the shortest time of all that were chosen.
fn grant(app: &App, prospect: &Prospect, request: &Request, last: &Given, now: Timestamp) -> Grant {
    let all = prospect.voices.iter().map(|voice| &voice.given);
    let chosen = all.chain([last]).filter_map(|given| given.lasts).min();
    let lasts = chosen.unwrap_or(prospect.longest).min(prospect.longest);
    of_request(app, request, clock::add(now, lasts))
}

/// The grant of what was asked for, until `until`.
fn of_request(app: &App, request: &Request, until: Timestamp) -> Grant {
    Grant {
        id: GrantId(app.clock.id()),
        registry: request.registry.clone(),
        address: request.address,
        until,
        denial: request.denial,
        request: Some(request.id),
        rule: request.rule.clone(),
        channel: request.channel.clone(),
        renew: request.renew,
        evictable: request.evictable,
        widen: request.widen,
    }
}
