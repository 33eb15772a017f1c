//! What waits: the next turn, a write that only adds, and ends that cannot be kept yet.

use super::pace::WRITE_EVERY;
use super::{may_be_left_behind, next_end};
use crate::app::App;
use crate::domain::firewall::{Obstacle, Patch};
use crate::domain::ledger::What;
use crate::domain::resource_id::ResourceId;
use crate::store::StoreError;
use jiff::Timestamp;
use std::time::Duration;

/// Until when `id` is to be left alone, if so: for less long where something is or will be over.
pub(super) fn waiting(app: &App, id: &ResourceId, now: Timestamp) -> Option<Timestamp> {
    let end = app.ledger.read(|state| {
        let behind = !may_be_left_behind(state, id).is_empty();
        if behind {
            Some(now)
        } else {
            next_end(state, id)
        }
    });
    app.pace(id).waiting(now, end)
}

/// How long `patch` waits for writes before it. One that takes something away, or gives back what a write
/// of ours took, waits for no more than those; one that only adds waits longer where few writes are left.
pub(super) fn before_write(app: &App, id: &ResourceId, patch: &Patch) -> Option<Duration> {
    let now = app.clock.now();
    if patch.remove.is_empty() && patch.give_back.is_empty() {
        app.pace(id)
            .before_adding(now, app.arm.sparing(WRITE_EVERY))
    } else {
        app.pace(id).before_write(now)
    }
}

/// Writes down, once for each grant, that its time is over and that nothing can be written while
/// `obstacle` stands.
pub(super) async fn note_ends(
    app: &App,
    id: &ResourceId,
    obstacle: &Obstacle,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let what: Vec<What> = app.ledger.read(|state| {
        let over = state.grants_of(id).filter(|it| it.is_over(now));
        let untold = over.filter(|it| !it.told.contains_key(What::END_WAITS));
        let waits = untold.map(|it| What::EndWaits {
            grant: it.grant.id,
            code: obstacle.code().to_owned(),
        });
        waits.collect()
    });
    if what.is_empty() {
        return Ok(());
    }
    app.ledger.append(now, what).await
}
