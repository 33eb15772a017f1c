//! The imperative shell: read what stands, ask the core, act, write down.
//!
//! Each part is a *turn* that does what is to be done now and returns. [`run`] has each taken in a loop
//! that waits for the ledger to grow or for a time to come, and that is kept alive ([`supervise`]); tests
//! take the turns themselves, and some run the loops.

pub mod access;
pub mod app;
pub mod chat;
pub mod decide;
mod effectiveness;
pub mod feeds;
pub mod intake;
pub mod ledger_watch;
pub mod measure;
pub mod memory;
pub mod notice;
pub mod notify;
pub mod orders;
pub mod policy;
pub mod refusals;
pub mod registry;
pub mod respond;
pub mod sets;
pub mod silence;
pub mod supervise;
pub mod usage;
pub mod view;

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::net::resource_id::ResourceId;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use supervise::{AFTER_A_FAILURE, Outcome, Supervisor, WokenBy};

/// How often the policy's folder is looked at; a change counts after this at the latest.
const POLICY_EVERY: Duration = Duration::from_secs(5);

/// Starts every loop of `app`; they end when the supervisor is told to stop.
pub fn run(app: &Arc<App>, keeper: &Supervisor) {
    for id in app.registries.keys() {
        let id = id.clone();
        let name = format!("registry:{}", id.name());
        keeper.keep(&name, WokenBy::MoreThanArrivals, move |app| {
            let id = id.clone();
            Box::pin(async move { registry_turn(app, &id).await })
        });
    }
    feeds::run(app, keeper);
    for lane in app.channels.keys().flat_map(|name| notify::Lane::of(name)) {
        keeper.keep(&lane.name(), WokenBy::MoreThanArrivals, move |app| {
            let lane = lane.clone();
            Box::pin(async move { notify::lane_turn(app, &lane).await })
        });
    }
    keeper.keep("channels", WokenBy::MoreThanArrivals, |app| {
        Box::pin(notify::removed_channels(app))
    });
    keeper.keep("follow_ups", WokenBy::MoreThanArrivals, |app| {
        Box::pin(notify::follow_ups::run_once(app))
    });
    keeper.keep("verdicts", WokenBy::Appends, |app| {
        Box::pin(triage_once(app))
    });
    keeper.keep("pauses", WokenBy::MoreThanArrivals, |app| {
        Box::pin(orders::pauses::run_once(app))
    });
    keeper.keep("hosts", WokenBy::MoreThanArrivals, |app| {
        Box::pin(async move { Ok(registry::hosts::run_once(app).await) })
    });
    keeper.keep("ledger_watch", WokenBy::Time, |app| {
        Box::pin(ledger_watch::run_once(app))
    });
    // A delivery without denials leaves nothing in the ledger, and is a sign of life.
    keeper.keep("silence", WokenBy::Time, |app| {
        Box::pin(silence::run_once(app))
    });
    // Its files say nothing of the ledger.
    keeper.keep("policy", WokenBy::Time, |app| Box::pin(policy_turn(app)));
    keeper.keep("sets", WokenBy::MoreThanArrivals, |app| {
        Box::pin(async move { Ok(Some(sets::run_once(app).await)) })
    });
}

async fn registry_turn(app: &App, id: &ResourceId) -> Outcome {
    Ok(match registry::reconcile::run_once(app, id).await? {
        registry::reconcile::TickOutcome::Again(at) => Some(at),
        registry::reconcile::TickOutcome::Idle | registry::reconcile::TickOutcome::Done => {
            registry::reconcile::next(app, id)
        }
    })
}

async fn policy_turn(app: &App) -> Outcome {
    policy::run_once(app).await;
    Ok(Some(clock::add(app.clock.now(), POLICY_EVERY)))
}

async fn triage_once(app: &App) -> Result<Option<Timestamp>, StoreError> {
    decide::triage::run_once(app).await?;
    let waiting = app.ledger.read(|state| !state.undecided.is_empty());
    let waiting = waiting.then(|| clock::add(app.clock.now(), AFTER_A_FAILURE));
    let told = decide::flood::next(app)
        .into_iter()
        .chain(registry::outages::next(app));
    Ok(waiting.into_iter().chain(told).min())
}
