//! What is looked out for: entries that one read does not show, and those that a lost write may leave behind.

use super::SURELY_GONE;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::firewall::{Live, Plan, Step};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Ending;
use doorward_core::ledger::id::GrantId;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::State;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

/// One read that does not show an entry of ours may be stale: only reads over [`SURELY_GONE`] say that
/// others took it away. Takes such conclusions out of the plan until then; whether there are any.
pub(super) fn set_aside_unsure(app: &App, id: &ResourceId, plan: &mut Plan) -> bool {
    let now = app.clock.now();
    let missing = |step: &Step| match step {
        Step::Ended(grant, Ending::RemovedByOthers) => Some(*grant),
        Step::Ended(..)
        | Step::Opened(..)
        | Step::CoveredByExisting(..)
        | Step::NotOpened(..)
        | Step::Observed(_) => None,
    };
    let all: Vec<GrantId> = plan.steps.iter().filter_map(missing).collect();
    let since = app.missing_since(id, now, &all);
    let unsure = |grant: &GrantId| {
        since
            .get(grant)
            .is_some_and(|at| now.duration_since(*at) < SURELY_GONE)
    };
    plan.steps
        .retain(|step| !missing(step).as_ref().is_some_and(unsure));
    all.iter().any(unsure)
}

/// The entries that a write whose reply was lost may leave behind, and that no grant needs any more.
pub(super) fn may_be_left_behind(state: &State, id: &ResourceId) -> Vec<Ipv4Net> {
    let Some(registry) = state.registries.get(id) else {
        return Vec::new();
    };
    let unseen = registry.claimed.unseen();
    unseen.filter(|network| !registry.needs(*network)).collect()
}

/// Of those, the ones that can no longer come, and that `live` does not show: nobody looks for them any
/// more. Whether others are left to look for.
pub(super) async fn look_out(app: &App, id: &ResourceId, live: &Live) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let (over, left): (Vec<Ipv4Net>, Vec<Ipv4Net>) = app.ledger.read(|state| {
        let claims = state.registries.get(id).map(|known| &known.claimed);
        let waits: BTreeSet<Ipv4Net> = claims
            .into_iter()
            .flat_map(|claims| claims.all(now))
            .filter_map(|(network, may_land)| may_land.then_some(network))
            .collect();
        let behind = may_be_left_behind(state, id).into_iter();
        behind.partition(|network| !waits.contains(network) && live.exact(*network).is_none())
    });
    if !over.is_empty() {
        let what = LedgerEvent::NeverLanded {
            registry: id.clone(),
            entries: over,
        };
        app.ledger.append(now, vec![what]).await?;
    }
    Ok(!left.is_empty())
}
