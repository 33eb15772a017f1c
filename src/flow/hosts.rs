//! Asks Azure which hosts lead to the enrolled registries, until all are known.

use crate::app::App;
use crate::azure::Call;
use crate::clock;
use jiff::Timestamp;
use std::time::Duration;

/// How soon a registry is asked for again that could not be read.
const AGAIN: Duration = Duration::from_secs(10);

/// Reads each registry that has not been read; when to look again, if one still has not.
pub async fn turn(app: &App) -> Option<Timestamp> {
    for id in app.unread_registries() {
        let call = Call::new(app.clock.id());
        match app
            .arm
            .registry(&id, app.arm.read_api_version(), &call)
            .await
        {
            Ok(registry) => match app.live(&id, &registry) {
                Ok(live) => app.learn(&id, &live),
                Err(error) => tracing::error!(registry = id.name(), "{error}"),
            },
            Err(error) => {
                tracing::error!(registry = id.name(), "the registry cannot be read: {error}");
            }
        }
    }
    (!app.unread_registries().is_empty()).then(|| clock::add(app.clock.now(), AGAIN))
}
