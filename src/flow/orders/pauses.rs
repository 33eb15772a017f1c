//! Pauses that end by themselves.

use crate::flow::app::App;
use crate::flow::supervise::Outcome;
use crate::store::StoreError;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use jiff::Timestamp;

/// Ends the pauses whose time has come; says when the next one does.
pub async fn run_once(app: &App) -> Outcome {
    let (now, as_of) = (app.clock.now(), app.ledger.as_of());
    let ends = app.ledger.read(|state| state.pauses.ends());
    let is_due = |until: &Option<Timestamp>| until.is_some_and(|until| until <= now);
    let resumed = app.ledger.read(|state| {
        let resumed = |registry| LedgerEvent::Resumed {
            registry,
            by: Actor::TIME,
            because: None,
        };
        let each = state.pauses.registries();
        if state.pauses.all().is_some_and(|all| is_due(&all.until)) {
            // That ends every other pause too: those that last longer begin anew.
            let lasting = each.filter(|(_, pause)| !is_due(&pause.until));
            let again = lasting.map(|(id, pause)| LedgerEvent::Paused {
                registry: Some(id.clone()),
                by: pause.by.clone(),
                because: pause.because.clone(),
                until: pause.until,
            });
            return std::iter::once(resumed(None)).chain(again).collect();
        }
        let due = each.filter(|(_, pause)| is_due(&pause.until));
        due.map(|(id, _)| resumed(Some(id.clone())))
            .collect::<Vec<_>>()
    });
    let next = ends.into_iter().filter(|until| *until > now).min();
    if resumed.is_empty() {
        return Ok(next);
    }
    match app.ledger.append_as_of(now, as_of, resumed).await {
        Ok(()) => Ok(next),
        // What came between is weighed at once.
        Err(StoreError::Conflict) => Ok(Some(now)),
        Err(error) => Err(error),
    }
}
