//! Grants that did not help are told, once each.

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::firewall::Seen;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::state::effectiveness;
use doorward_core::state::effectiveness::Effectiveness;
use doorward_core::state::{GrantRecord, State};

/// Tells of every grant whose address was refused after its entry had had its time.
pub(super) async fn run_once(app: &App) -> Result<(), StoreError> {
    let as_of = app.ledger.as_of();
    let failed: Vec<(GrantRecord, Option<Seen>)> = app.ledger.read(|state| {
        let failed = state.grants.values();
        let failed = failed.filter(|standing| standing.course.is_still_denied(app.windows.grace));
        failed
            .map(|standing| (standing.clone(), seen(state, standing)))
            .collect()
    });
    if failed.is_empty() {
        return Ok(());
    }
    let told = failed
        .iter()
        .map(|(GrantRecord { grant, course, .. }, seen)| {
            let text = effectiveness::still_denied(grant, course, seen.as_ref());
            vec![
                LedgerEvent::GrantOutcome(course.verdict(
                    grant.id,
                    Effectiveness::StillDenied,
                    None,
                )),
                app.alert("still_denied", text, &About::grant(grant)),
            ]
        });
    let now = app.clock.now();
    match app.ledger.decide(now, as_of, told.collect()).await {
        // What came between wakes the next turn.
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

fn seen(state: &State, standing: &GrantRecord) -> Option<Seen> {
    let registry = state.registries.get(&standing.grant.registry)?;
    registry.sight.seen.clone()
}
