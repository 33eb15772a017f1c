//! What stands, put into the gauges: done when somebody asks for them, so that none is older than that.

use crate::flow::app::App;
use crate::flow::notify::channels::{self, ChannelState};
use crate::flow::registry::reconcile::limit_as_known;
use crate::flow::sets;
use crate::flow::view::states;
use crate::metrics::LedgerNumbers;

/// Sets every gauge that tells what stands.
pub async fn take(app: &App) {
    let now = app.clock.now();
    for id in app.registries.keys() {
        let read = app.last_read(id);
        let numbers = app.ledger.read(|state| state.in_numbers(id, &read, now));
        let limit = limit_as_known(app, id);
        app.metrics.standing.registry(id.name(), &numbers, limit);
        let state = states::registry(app, id);
        app.metrics.standing.states().registry(id.name(), state);
    }
    for source in app.sources.values() {
        let state = states::source(app, source);
        app.metrics.standing.states().source(&source.name, state);
    }
    let sets = sets::list(app);
    let sets = sets.iter().map(|it| (it.name.as_str(), it.state));
    app.metrics.standing.states().sets(sets);
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
