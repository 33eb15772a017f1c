//! The imperative shell: read what stands, ask the core, act, write down.
//!
//! Each part is a *turn* that does what is to be done now and returns. [`run`] wraps each in a loop
//! that waits for the ledger to grow or for a time to come; tests take the turns themselves.

mod anew;
mod batch;
mod drift;
mod help;
pub mod hosts;
pub mod intake;
pub mod lease;
pub mod notify;
pub mod orders;
pub mod policy;
pub mod posture;
mod precedents;
pub mod readiness;
pub mod reconcile;
pub mod respond;
pub mod sets;
pub mod shadow;
pub mod storms;
pub mod sweep;
pub mod triage;
pub mod uses;

use crate::app::App;
use crate::clock;
use crate::domain::resource_id::ResourceId;
use crate::store::StoreError;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How soon a turn is tried again that the ledger's database failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// How often the policy's folder is looked at; a change counts after this at the latest.
const POLICY_EVERY: Duration = Duration::from_secs(5);

/// Starts every loop on `tasks`; they end when `stop` is cancelled.
pub fn run(app: &Arc<App>, tasks: &TaskTracker, stop: &CancellationToken) {
    for id in app.registries.keys() {
        let (app, id, stop) = (Arc::clone(app), id.clone(), stop.clone());
        tasks.spawn(async move { registry_loop(&app, &id, &stop).await });
    }
    tasks.spawn(every(Arc::clone(app), stop.clone(), async |app: &App| {
        triage_turn(app).await
    }));
    tasks.spawn(every(Arc::clone(app), stop.clone(), async |app: &App| {
        notify::turn(app).await
    }));
    tasks.spawn(every(Arc::clone(app), stop.clone(), async |app: &App| {
        Ok(hosts::turn(app).await)
    }));
    tasks.spawn(every(Arc::clone(app), stop.clone(), async |app: &App| {
        policy::turn(app).await;
        Ok(Some(clock::add(app.clock.now(), POLICY_EVERY)))
    }));
    tasks.spawn(every(Arc::clone(app), stop.clone(), async |app: &App| {
        Ok(Some(sets::turn(app).await))
    }));
}

async fn triage_turn(app: &App) -> Result<Option<Timestamp>, StoreError> {
    triage::turn(app).await?;
    let waiting = app.ledger.read(|state| !state.undecided.is_empty());
    let waiting = waiting.then(|| clock::add(app.clock.now(), AFTER_A_FAILURE));
    Ok(waiting.into_iter().chain(storms::next(app)).min())
}

async fn registry_loop(app: &App, id: &ResourceId, stop: &CancellationToken) {
    let mut changed = app.ledger.changed();
    loop {
        changed.mark_unchanged();
        let again = match reconcile::turn(app, id).await {
            Ok(reconcile::Turn::Again(at)) => Some(at),
            Ok(reconcile::Turn::Idle | reconcile::Turn::Done) => reconcile::next(app, id),
            Err(error) => Some(after_a_failure(app, &error)),
        };
        if !wait(app, &mut changed, again, stop).await {
            return;
        }
    }
}

async fn every(
    app: Arc<App>,
    stop: CancellationToken,
    turn: impl AsyncFn(&App) -> Result<Option<Timestamp>, StoreError>,
) {
    let mut changed = app.ledger.changed();
    loop {
        changed.mark_unchanged();
        let again = turn(&app)
            .await
            .unwrap_or_else(|error| Some(after_a_failure(&app, &error)));
        if !wait(&app, &mut changed, again, &stop).await {
            return;
        }
    }
}

fn after_a_failure(app: &App, error: &StoreError) -> Timestamp {
    tracing::error!("{error}");
    clock::add(app.clock.now(), AFTER_A_FAILURE)
}

/// Waits for the ledger to grow or for a time to come; `false` when it is time to stop.
async fn wait(
    app: &App,
    changed: &mut watch::Receiver<i64>,
    until: Option<Timestamp>,
    stop: &CancellationToken,
) -> bool {
    let time = async {
        match until {
            Some(until) => app.clock.reached(until).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop.cancelled() => false,
        changed = changed.changed() => changed.is_ok(),
        () = time => true,
    }
}
