//! What waits: the next turn, a write that only adds, and ends that cannot be kept yet.

use super::conclude::SLOW_AFTER;
use super::retry_state::WRITE_EVERY;
use super::{due, may_be_left_behind, next_end};
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::firewall::{Obstacle, Patch};
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::GrantId;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::State;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// Patience that is shorter than this stays with the process that was asked for it.
const WORTH_NOTING: Duration = Duration::from_secs(10);

/// A registry on which all was done that could be, and that is looked at again all the same: a write that
/// was lost may land, or an obstacle may go. It holds nothing up that comes to be done meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// When it is looked at again.
    until: Timestamp,
    /// What was to be done for then, and could not be.
    due: BTreeSet<GrantId>,
}

/// Until when `id` is to be left alone, if so: while it pauses, and while it is only watched.
pub(super) fn waiting(app: &App, id: &ResourceId, now: Timestamp) -> Option<Timestamp> {
    pausing(app, id, now).or_else(|| watching(app, id, now))
}

/// All was done that could be: `id` is looked at again after `pause`, unless more comes to be done.
pub(super) fn watch(app: &App, id: &ResourceId, pause: Duration) {
    let now = app.clock.now();
    let until = clock::add(now, pause);
    let due = app.ledger.read(|state| due(state, id, now));
    app.set_watch(id, Some(Watch { until, due }));
}

/// Until when `id` is only watched, if there is nothing to do that was not there when it began to be.
fn watching(app: &App, id: &ResourceId, now: Timestamp) -> Option<Timestamp> {
    let watch = app.watch(id).filter(|watch| watch.until > now)?;
    let (due, end) = app.ledger.read(|state| {
        let ends = state.grants_of(id).map(|standing| standing.grant.until);
        let end = ends.filter(|end| *end > now).min();
        (due(state, id, now), end)
    });
    let new = due.difference(&watch.due).next().is_some();
    (!new).then(|| end.map_or(watch.until, |end| end.min(watch.until)))
}

/// Until when `id` is to be left alone, if so: for less long where something is or will be over.
pub(super) fn pausing(app: &App, id: &ResourceId, now: Timestamp) -> Option<Timestamp> {
    let (end, throttled) = app.ledger.read(|state| {
        let behind = !may_be_left_behind(state, id).is_empty();
        let end = if behind {
            Some(now)
        } else {
            next_end(state, id)
        };
        let throttled = state.throttled(id, now).map(|throttle| throttle.until);
        (end, throttled)
    });
    let retry_state = app.retry_state(id);
    let retry_state = throttled.map_or(retry_state, |until| retry_state.throttled(now, until));
    retry_state.waiting(now, end)
}

/// Writes down that Azure asked for patience, if that is long and not known yet: it binds whoever writes to
/// the registry next, after a restart and in another replica too.
pub(super) async fn note_throttle(
    app: &App,
    id: &ResourceId,
    asked: Duration,
    reason: &str,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    if asked < WORTH_NOTING {
        return Ok(());
    }
    let until = clock::add(now, asked);
    let known = app.ledger.read(|state| {
        let known = state.throttled(id, now)?;
        Some(clock::add(known.until, WORTH_NOTING))
    });
    if known.is_some_and(|known| until <= known) {
        return Ok(());
    }
    let throttled = LedgerEvent::Throttled {
        registry: id.clone(),
        until,
        reason: reason.to_owned(),
    };
    app.ledger.append(now, vec![throttled]).await
}

/// The grants that wait for Azure's patience to be over, for longer than is worth a word, and of which nobody was
/// told.
fn untold(state: &State, id: &ResourceId, now: Timestamp) -> Vec<(Grant, String)> {
    let Some(throttle) = state.throttled(id, now) else {
        return Vec::new();
    };
    let text = wording::throttled(throttle);
    let grants = state.grants_of(id).filter(|standing| {
        standing.waits_for_a_write()
            && !standing.is_over(now)
            && !standing.notified_at.contains_key(wording::SLOW)
            && throttle.until.duration_since(standing.since) > SLOW_AFTER
    });
    grants.map(|it| (it.grant.clone(), text.clone())).collect()
}

/// Whether people are to be told of openings that wait because Azure asked for patience.
pub(super) fn is_to_be_told(app: &App, id: &ResourceId, now: Timestamp) -> bool {
    app.ledger.read(|state| !untold(state, id, now).is_empty())
}

/// Tells them, once for each grant.
pub(super) async fn tell_of_throttle(app: &App, id: &ResourceId) -> Result<(), StoreError> {
    let now = app.clock.now();
    let untold = app.ledger.read(|state| untold(state, id, now));
    let told = untold.iter().map(|(grant, why)| {
        app.alert(
            wording::SLOW,
            wording::slow(grant, why),
            &About::grant(grant),
        )
    });
    let told: Vec<LedgerEvent> = told.collect();
    if told.is_empty() {
        return Ok(());
    }
    app.ledger.append(now, told).await
}

/// Whether a grant is past its end, and not concluded.
pub(super) fn has_ended(state: &State, id: &ResourceId, now: Timestamp) -> bool {
    let mut grants = state.grants_of(id);
    grants.any(|standing| standing.is_over(now))
}

/// A pause that nobody is hurt by: longer while Azure's patience with us runs low, unless something of
/// ours is to be taken away.
pub(super) fn backoff_for_reads(app: &App, id: &ResourceId, pause: Duration) -> Duration {
    let now = app.clock.now();
    if app.ledger.read(|state| has_ended(state, id, now)) {
        pause
    } else {
        app.arm.backoff_for_reads(pause)
    }
}

/// How long `patch` waits for writes before it. One that takes something away, or gives back what a write
/// of ours took, waits for no more than those; one that only adds waits longer where few writes are left.
pub(super) fn before_write(app: &App, id: &ResourceId, patch: &Patch) -> Option<Duration> {
    let now = app.clock.now();
    if patch.remove.is_empty() && patch.restore_entries.is_empty() {
        app.retry_state(id)
            .before_adding(now, app.arm.sparing(WRITE_EVERY))
    } else {
        app.retry_state(id).before_write(now)
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
    let what: Vec<LedgerEvent> = app.ledger.read(|state| {
        let over = state.grants_of(id).filter(|it| it.is_over(now));
        let untold = over.filter(|it| !it.notified_at.contains_key(LedgerEvent::END_WAITS));
        let waits = untold.map(|it| LedgerEvent::EndWaits {
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
