//! Registries that cannot be read are told: once when that has lasted, once when it is over.

use super::posture::Failing;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::ledger::alert::About;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long a registry fails before people are told.
const TOLD_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How soon after such a message there is another, about an outage that has ended and come again.
const TOLD_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// What the ledger says was told of a registry, last.
#[derive(Clone, Copy, Default)]
struct OutageNotice {
    unreadable: Option<Timestamp>,
    readable: Option<Timestamp>,
}

impl OutageNotice {
    fn stands(self) -> bool {
        self.unreadable > self.readable
    }

    /// When people are to be told of `failing`; never while they have been.
    fn due(self, failing: &Failing) -> Option<Timestamp> {
        if self.stands() {
            return None;
        }
        let lasted = failing.since.checked_add(TOLD_AFTER).ok()?;
        let again = self.unreadable.map(|at| at.checked_add(TOLD_EVERY));
        Some(lasted.max(again.and_then(Result::ok).unwrap_or(lasted)))
    }
}

/// Tells what is to be told now.
pub(in crate::flow) async fn run_once(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let failing = failing(app);
    for id in app.registries.keys() {
        let notified = notified(app, id);
        let message = match failing.get(id) {
            Some(it) if notified.due(it).is_some_and(|at| at <= now) => {
                let text = wording::azure_unreadable(id, it.since, &it.why.to_string());
                app.alert(wording::AZURE_UNREADABLE, text, &About::registry(id))
            }
            None if notified.stands() && was_read_since(app, id, notified) => {
                let text = wording::azure_readable(id);
                app.alert(wording::AZURE_READABLE, text, &About::registry(id))
            }
            _ => continue,
        };
        app.ledger.append(now, vec![message]).await?;
    }
    Ok(())
}

/// When something is to be told next, if a registry goes on failing.
pub(in crate::flow) fn next(app: &App) -> Option<Timestamp> {
    let failing = failing(app);
    let due = failing
        .iter()
        .filter_map(|(id, it)| notified(app, id).due(it));
    due.min()
}

fn failing(app: &App) -> BTreeMap<ResourceId, Failing> {
    app.postures(|postures| postures.failing().clone())
}

/// Whether this process has read the registry after people were told that it cannot be.
fn was_read_since(app: &App, id: &ResourceId, notified: OutageNotice) -> bool {
    app.postures(|postures| postures.read_at(id)) > notified.unreadable
}

fn notified(app: &App, id: &ResourceId) -> OutageNotice {
    app.ledger.read(|state| {
        let notified = |code| state.registries.get(id)?.notified_at.get(code).copied();
        OutageNotice {
            unreadable: notified(wording::AZURE_UNREADABLE),
            readable: notified(wording::AZURE_READABLE),
        }
    })
}
