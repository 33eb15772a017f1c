//! What stands, put into the gauges: done when somebody asks for them, so that none is older than that.

use crate::flow::app::App;
use crate::flow::notify::channels::{self, ChannelState};
use crate::flow::registry::reconcile::{is_stopped_by_failures, limit_as_known};
use crate::metrics::LedgerNumbers;
use doorward_core::net::resource_id::ResourceId;

/// How many entries a registry's list may have, as far as is known without asking.
pub fn limit(app: &App, id: &ResourceId) -> u32 {
    limit_as_known(app, id)
}

/// Whether nothing is added to a registry for a while, since too many attempts have failed.
pub fn is_stopped(app: &App, id: &ResourceId) -> bool {
    is_stopped_by_failures(app, id)
}

/// Sets every gauge that tells what stands.
pub async fn take(app: &App) {
    let now = app.clock.now();
    for id in app.registries.keys() {
        let read = app.last_read(id);
        let numbers = app.ledger.read(|state| state.in_numbers(id, &read, now));
        let limit = limit_as_known(app, id);
        app.metrics.standing.registry(id.name(), &numbers, limit);
    }
    let health = &app.metrics.health;
    for channel in channels::health(app) {
        let states = ChannelState::ALL.into_iter().map(ChannelState::name);
        health.channel_state(&channel.name, channel.state.name(), states);
    }
    // A database that does not answer says nothing of its size; that it does not is told elsewhere.
    let bytes = app.ledger.size().await.ok();
    let numbers = app.ledger.read(|state| LedgerNumbers {
        entries: 0,
        bytes,
        undecided: state.undecided.len(),
        undelivered: state.outbox.len(),
    });
    app.metrics.standing.ledger(LedgerNumbers {
        entries: app.ledger.as_of(),
        ..numbers
    });
}
