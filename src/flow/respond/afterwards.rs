//! After a yes: whoever could have given it closes, extends or keeps what it opened.

use super::prospect;
use crate::flow::app::App;
use crate::flow::orders;
use crate::flow::orders::{By, OrderError};
use doorward_core::approvals::may::may_wish;
use doorward_core::approvals::{Refusal, Who, Wish, may_answer};
use doorward_core::ledger::id::{GrantId, RequestId};
use doorward_core::ledger::request::Answer;
use doorward_core::state::Asked;
use std::time::Duration;

/// What is to become of what a request has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// End it now.
    Close,
    /// Put its end off, to so long from now.
    Extend(Duration),
    /// Keep its entry for good.
    Keep,
}

/// An order that was not followed.
#[derive(Debug, thiserror::Error)]
pub enum AfterwardsError {
    /// Nothing that the request has opened stands.
    #[error("nothing that this request has opened is active any more")]
    NothingOpen,
    /// Whoever orders may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It takes several people to open, so one alone does not open it for longer.
    #[error(
        "it takes {0} people to approve this, so one alone cannot have it stay open for longer: it can be asked for again"
    )]
    TakesSeveral(u32),
    /// Only somebody who is known keeps an entry for good.
    #[error("somebody who is known by name keeps a rule for good: a link does not say who you are")]
    Unknown,
    /// The order itself was not followed.
    #[error(transparent)]
    Order(#[from] OrderError),
}

/// Follows an order of somebody who could have said yes. Closing takes no more than that; what stays open
/// for longer is bounded like the yes itself.
pub async fn order(
    app: &App,
    id: RequestId,
    order: Order,
    (who, reason): (&Who, Option<&str>),
) -> Result<(), AfterwardsError> {
    let asked = app.ledger.read(|state| state.requests.get(&id).cloned());
    let asked = asked.ok_or(AfterwardsError::NothingOpen)?;
    may(app, &asked, order, who)?;
    let grant = opened(app, id).ok_or(AfterwardsError::NothingOpen)?;
    let terms = app.terms(&asked.request);
    let reason = reason.map(str::trim).filter(|why| !why.is_empty());
    let wish = Wish {
        reason,
        ..Wish::default()
    };
    let asks = match order {
        Order::Close => Answer::Deny,
        Order::Extend(_) | Order::Keep => Answer::Allow,
    };
    may_wish(wish, asks, &terms, Duration::MAX)?;
    let by = By::known(who.actor(&app.approvers), reason);
    match order {
        Order::Close => orders::revoke(app, grant, &by).await?,
        Order::Keep => orders::keep(app, grant, &by).await?,
        Order::Extend(time) => {
            let most = prospect::of(app, &asked).longest;
            if time > most {
                return Err(Refusal::TooLong(most).into());
            }
            orders::extend(app, grant, time, &by).await?
        }
    };
    Ok(())
}

/// Whether somebody may give an order about what a request has opened.
pub fn may(app: &App, asked: &Asked, order: Order, who: &Who) -> Result<(), AfterwardsError> {
    let request = &asked.request;
    let terms = app.terms(request);
    let answer = match order {
        // Nobody is kept from closing what they asked for.
        Order::Close => Answer::Deny,
        Order::Extend(_) | Order::Keep => Answer::Allow,
    };
    may_answer(who, answer, &terms, &app.approvers, request.asker.as_ref())?;
    if order == Order::Close {
        return Ok(());
    }
    if terms.count > 1 {
        return Err(AfterwardsError::TakesSeveral(terms.count));
    }
    if order == Order::Keep && who.person().is_none() {
        return Err(AfterwardsError::Unknown);
    }
    Ok(())
}

/// The grant that a request has made and that is not over.
pub fn opened(app: &App, id: RequestId) -> Option<GrantId> {
    let now = app.clock.now();
    app.ledger.read(|state| {
        let mut grants = state.grants.values();
        let of = grants.find(|it| it.grant.request == Some(id) && !it.is_over(now));
        of.map(|it| it.grant.id)
    })
}
