//! A person's answer to a request.

use super::decide::anew;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::{GrantId, RequestId};
use doorward_core::ledger::request::{Answer, Request};
use doorward_core::messages::wording;
use jiff::Timestamp;
use std::time::Duration;

/// An answer that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The request is unknown or too old.
    #[error("this request has expired: the next denial of the same address raises a new one")]
    Over,
    /// It has been answered.
    #[error("this request has been answered already: the first response is final")]
    Answered,
    /// Links only show on this registry.
    #[error(
        "links only show requests of this registry, they do not answer them: an operator can allow that with \
         `approvals: link` on the registry in the configuration"
    )]
    NotByLink,
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

/// Takes an answer that came by a link, once.
pub async fn by_link(app: &App, id: RequestId, answer: Answer) -> Result<(), AnswerError> {
    match anew::decide(app, || decide(app, id, answer)).await {
        Err(AnswerError::Store(StoreError::Duplicate)) => Err(AnswerError::Answered),
        other => other,
    }
}

/// What an answer leads to as things stand.
fn decide(app: &App, id: RequestId, answer: Answer) -> Result<(Vec<LedgerEvent>, ()), AnswerError> {
    let now = app.clock.now();
    let asked = app
        .ledger
        .read(|state| state.requests.get(&id).cloned())
        .ok_or(AnswerError::Over)?;
    if asked.answer.is_some() {
        return Err(AnswerError::Answered);
    }
    if !asked.open(now) {
        return Err(AnswerError::Over);
    }
    if !app.answers_by_link(&asked.request) {
        return Err(AnswerError::NotByLink);
    }
    let pause = app
        .ledger
        .read(|state| state.pauses.of(&asked.request.registry).cloned());
    if let (Answer::Allow, Some(pause)) = (answer, pause) {
        return Err(AnswerError::Paused(wording::paused(&pause)));
    }
    let host = asked.request.presumed.as_ref().filter(|host| {
        let known = app.leads_to(host, &asked.request.registry);
        answer == Answer::Allow && !known
    });
    if let Some(host) = host {
        return Err(AnswerError::Unread(host.clone()));
    }
    let mut what = vec![LedgerEvent::Answered {
        request: id,
        answer,
        by: Actor::LINK,
    }];
    if answer == Answer::Allow {
        what.push(LedgerEvent::Granted(grant(app, &asked.request, now)));
    }
    Ok((what, ()))
}

/// The grant that a yes at `now` makes.
pub(super) fn grant(app: &App, request: &Request, now: Timestamp) -> Grant {
    let ttl = Duration::from_secs(request.ttl_seconds).min(app.max_ttl);
    Grant {
        id: GrantId(app.clock.id()),
        registry: request.registry.clone(),
        address: request.address,
        until: clock::add(now, ttl),
        denial: request.denial,
        request: Some(request.id),
        rule: request.rule.clone(),
        channel: request.channel.clone(),
        renew: request.renew,
        evictable: request.evictable,
        widen: request.widen,
    }
}
