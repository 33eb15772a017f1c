//! Reading a registry, and learning its hosts on the way.

use super::AttemptError;
use crate::azure::Call;
use crate::flow::app::App;
use crate::flow::memory::Limit;
use doorward_core::firewall::{Live, Places};
use doorward_core::ledger::event::Write;
use doorward_core::net::resource_id::ResourceId;
use jiff::SignedDuration;
use std::time::Duration;

/// How long a limit that Azure told is believed.
const LIMIT_FOR: Duration = Duration::from_mins(10);

/// How soon Azure is asked for it again after it did not answer: no turn is to wait for that again and
/// again.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// A read that is older than one before it is not believed for this long. After that it is: whatever
/// it shows is then what Azure keeps saying.
const STALE_FOR: SignedDuration = SignedDuration::from_mins(2);

/// The registry as `api_version` shows it; never one that is older than what was read before.
pub(super) async fn live(
    app: &App,
    id: &ResourceId,
    api_version: &str,
    call: &Call,
) -> Result<Live, AttemptError> {
    let asked = app.clock.now();
    let mut live = app.live(id, &app.arm.registry(id, api_version, call).await?)?;
    live.asked = Some((app.last_read(id).at, asked));
    let now = app.clock.now();
    let older = |modified| app.is_stale(id, modified, now, STALE_FOR);
    if live.modified.is_some_and(older) {
        return Err(AttemptError::Stale);
    }
    app.learn(id, &live);
    let networks = live.rules.iter().filter_map(|rule| rule.network);
    app.has_read(id, asked, networks.collect());
    Ok(live)
}

/// How many entries the list may have: what Azure says; while it does not, what it said last; and if it
/// never has, what configuration says.
pub(super) async fn limit(app: &App, id: &ResourceId, call: &Call) -> u32 {
    let known = app.known_limit(id);
    if let Some(known) = known.filter(|known| app.clock.now() < known.until) {
        return known.entries;
    }
    let (told, believed) = match app.arm.ip_rule_limit(id, call).await {
        Ok(told) => (told, LIMIT_FOR),
        Err(error) => {
            tracing::info!(
                registry = id.name(),
                correlation = %call.correlation_id,
                "the limit of entries cannot be read, the last that is known is used, or `max_entries`: {error}"
            );
            (None, ASK_AGAIN)
        }
    };
    let enrolled = app.registries.get(id);
    let entries = told
        .or(known.map(|known| known.entries))
        .or(enrolled.map(|enrolled| enrolled.max_entries))
        .unwrap_or(0);
    let until = clock::add(app.clock.now(), believed);
    app.remember_limit(id, Limit { entries, until });
    entries
}

/// Learns from Azure's refusal of `write`, made from `live`, how many entries the list may have. Whether the
/// next plan differs by it.
pub(super) fn learn_limit(app: &App, write: &Write, live: &Live, said: &str) -> bool {
    let after = write.patch().entries_after(live);
    let told = Places::told(said).and_then(|told| told.limit(live.rules.len(), after));
    let Some(entries) = told else {
        return false;
    };
    tracing::warn!(
        registry = write.registry.name(),
        entries,
        sent = after,
        "Azure refused a list for its length: fewer entries are sent from now on"
    );
    let until = clock::add(app.clock.now(), LIMIT_FOR);
    app.remember_limit(&write.registry, Limit { entries, until });
    true
}
