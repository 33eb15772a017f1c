//! Reading a registry, and learning its hosts on the way.

use super::Trouble;
use crate::app::App;
use crate::azure::Call;
use crate::domain::firewall::Live;
use crate::domain::resource_id::ResourceId;
use jiff::SignedDuration;

/// How long a limit that Azure told is believed.
const LIMIT_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A read that is older than one before it is not believed for this long. After that it is: whatever
/// it shows is then what Azure keeps saying.
const STALE_FOR: SignedDuration = SignedDuration::from_mins(2);

/// The registry as `api_version` shows it; never one that is older than what was read before.
pub(super) async fn live(
    app: &App,
    id: &ResourceId,
    api_version: &str,
    call: &Call,
) -> Result<Live, Trouble> {
    let live = app.live(id, &app.arm.registry(id, api_version, call).await?)?;
    let now = app.clock.now();
    let older = |modified| app.is_stale(id, modified, now, STALE_FOR);
    if live.modified.is_some_and(older) {
        return Err(Trouble::Stale);
    }
    app.learn(id, &live);
    Ok(live)
}

/// How many entries the list may have: what Azure says, else what configuration says.
pub(super) async fn limit(app: &App, id: &ResourceId, call: &Call) -> u32 {
    let now = app.clock.now();
    if let Some(limit) = app.known_limit(id, now, LIMIT_FOR) {
        return limit;
    }
    let configured = app
        .registries
        .get(id)
        .map_or(0, |enrolled| enrolled.max_entries);
    match app.arm.ip_rule_limit(id, call).await {
        Ok(Some(limit)) => {
            app.remember_limit(id, now, limit);
            limit
        }
        Ok(None) => {
            app.remember_limit(id, now, configured);
            configured
        }
        Err(error) => {
            tracing::info!(
                registry = id.name(),
                "the limit of entries cannot be read, `max_entries` is used: {error}"
            );
            configured
        }
    }
}
