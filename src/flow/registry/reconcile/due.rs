//! What is to be done at a registry, and when.

use super::{
    App, BTreeMap, BTreeSet, Circuit, GrantId, GrantRecord, Live, Networks, Plan, Registry,
    ResourceId, State, Timestamp, Wanted, drift, may_be_left_behind, ownership_tags, plan,
    scaled_reserve,
};

/// Whether there is a reason to read `id` at `now`: for grants, for the tags that tell of them, or to see
/// what others changed.
pub(super) fn is_due(app: &App, id: &ResourceId, now: Timestamp) -> bool {
    drift::is_due(app, id, now)
        || ownership_tags::is_due(app, id)
        || app.ledger.read(|state| has_work(state, id, now))
}

/// Whether anything is to be done for `id` at `now`: something to open, to close, to settle, or to
/// watch for.
pub fn has_work(state: &State, id: &ResourceId, now: Timestamp) -> bool {
    let hangs = |registry: &Registry| {
        registry.unsettled.is_some() || !registry.sight.restore_entries.is_empty()
    };
    state.registries.get(id).is_some_and(hangs)
        || !due(state, id, now).is_empty()
        || !may_be_left_behind(state, id).is_empty()
}

/// The grants for which something is to be done at `now`.
pub(super) fn due(state: &State, id: &ResourceId, now: Timestamp) -> BTreeSet<GrantId> {
    // While a registry is paused, what is not open yet waits.
    let paused = state.pauses.of(id).is_some();
    let due = |standing: &&GrantRecord| {
        if paused {
            standing.is_over(now)
        } else {
            standing.is_due(now)
        }
    };
    let due = state.grants_of(id).filter(due);
    due.map(|standing| standing.grant.id).collect()
}

/// When there is something to do for `id` next, if nothing happens before: a grant ends, or the registry
/// is to be looked at.
pub fn next(app: &App, id: &ResourceId) -> Option<Timestamp> {
    let end = app.ledger.read(|state| next_end(state, id));
    end.into_iter().chain(drift::next(app, id)).min()
}

/// When the next grant of `id` ends, if one stands.
pub fn next_end(state: &State, id: &ResourceId) -> Option<Timestamp> {
    state
        .grants_of(id)
        .map(|standing| standing.grant.until)
        .min()
}

pub(super) fn plan_now(app: &App, id: &ResourceId, live: &Live, limit: u32) -> Plan {
    let now = app.clock.now();
    app.ledger
        .read(|state| plan(live, &wanted(app, (id, state), limit, now), now))
}

/// What is to be brought about on a registry whose list may have `limit` entries.
pub(in crate::flow) fn wanted<'a>(
    app: &App,
    (id, state): (&'a ResourceId, &'a State),
    limit: u32,
    now: Timestamp,
) -> Wanted<'a> {
    let registry = state.registries.get(id);
    let claimed = registry.map(|registry| &registry.claimed);
    let networks = registry.and_then(|registry| registry.networks);
    let restoring = state.grants_of(id).filter(|standing| standing.restoring);
    let restoring = restoring.map(|standing| standing.grant.id);
    Wanted {
        grants: state
            .grants_of(id)
            .map(|standing| (&standing.grant, standing.stage))
            .collect(),
        claimed: claimed.map_or_else(BTreeMap::new, |claims| claims.all(now).collect()),
        limit,
        reserve: app.registries.get(id).map_or(0, |known| {
            scaled_reserve(known.reserve, known.max_entries, limit)
        }),
        may_add: app.may_add,
        paused: state.pauses.of(id).is_some()
            || state.throttled(id, now).is_some()
            || is_stopped_by_failures(app, id)
            || networks == Some(Networks::Lost),
        restore: restoring.collect(),
        restore_entries: registry.map_or_else(Vec::new, |it| it.sight.restore_entries.clone()),
    }
}

/// Whether nothing is added to a registry for a while, since too many attempts have failed.
pub(in crate::flow) fn is_stopped_by_failures(app: &App, id: &ResourceId) -> bool {
    app.retry_state(id).circuit(app.clock.now()) == Circuit::Open
}

/// How many entries a registry's list may have, as far as is known without asking.
pub(in crate::flow) fn limit_as_known(app: &App, id: &ResourceId) -> u32 {
    let known = app.known_limit(id).map(|known| known.entries);
    let enrolled = app.registries.get(id);
    known
        .or(enrolled.map(|enrolled| enrolled.max_entries))
        .unwrap_or(0)
}
