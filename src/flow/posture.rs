//! What a registry's last read says, for the question whether an entry could help at all.

use crate::app::App;
use crate::azure::Call;
use crate::domain::firewall::Live;
use crate::domain::resource_id::ResourceId;
use futures_util::future::join_all;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a read is believed: what is mended counts soon. Whoever writes reads again right before.
/// While Azure has few reads left for us, it is believed for longer, four times as long at most.
const BELIEVED: Duration = Duration::from_mins(1);

/// How soon a registry is read again that could not be read.
const AGAIN: Duration = Duration::from_secs(30);

/// How long verdicts wait for such a read: then nothing is known, and the writer finds out.
const WAIT: Duration = Duration::from_secs(5);

/// The registries as they were last read, and when a read was last tried.
#[derive(Default)]
pub struct Postures {
    read: BTreeMap<ResourceId, (Timestamp, Arc<Live>)>,
    tried: BTreeMap<ResourceId, Timestamp>,
}

impl Postures {
    /// Takes in a read.
    pub fn learn(&mut self, id: &ResourceId, live: &Live, now: Timestamp) {
        self.read.insert(id.clone(), (now, Arc::new(live.clone())));
    }

    /// The registry, if its last read is younger than `believed`.
    fn of(&self, id: &ResourceId, now: Timestamp, believed: Duration) -> Option<Arc<Live>> {
        let (at, live) = self.read.get(id)?;
        is_within(*at, now, believed).then(|| Arc::clone(live))
    }

    /// Whether the registry, of which no read is believed, was not read just `again` ago; takes that as
    /// tried.
    fn try_now(&mut self, id: &ResourceId, now: Timestamp, again: Duration) -> bool {
        let tried = self.tried.get(id);
        if tried.is_some_and(|at| is_within(*at, now, again)) {
            return false;
        }
        self.tried.insert(id.clone(), now);
        true
    }
}

fn is_within(at: Timestamp, now: Timestamp, time: Duration) -> bool {
    let ago = Duration::try_from(now.duration_since(at));
    ago.unwrap_or_default() < time
}

/// The registry as it was read a short while ago.
pub fn of(app: &App, id: &ResourceId, now: Timestamp) -> Option<Arc<Live>> {
    let believed = app.arm.seldom(BELIEVED);
    app.postures(|postures| postures.of(id, now, believed))
}

/// Reads those of the registries anew whose last read is too old. What cannot be read is unknown.
pub async fn refresh(app: &App, registries: BTreeSet<ResourceId>) {
    let now = app.clock.now();
    let due = registries
        .into_iter()
        .filter(|id| of(app, id, now).is_none())
        .filter(|id| app.postures(|postures| postures.try_now(id, now, app.arm.seldom(AGAIN))));
    let reads = due.map(|id| async move {
        let read = tokio::time::timeout(WAIT, read(app, &id)).await;
        let why = match read {
            Ok(Ok(())) => return,
            Ok(Err(why)) => why.to_string(),
            Err(_) => format!("no answer within {} s", WAIT.as_secs()),
        };
        tracing::info!(
            registry = id.name(),
            "the registry cannot be read, so nobody knows yet whether an entry could help: {why}"
        );
    });
    join_all(reads).await;
}

async fn read(app: &App, id: &ResourceId) -> anyhow::Result<()> {
    let call = Call::new(app.clock.id());
    let version = app.arm.read_api_version();
    let live = app.live(id, &app.arm.registry(id, version, &call).await?)?;
    app.learn(id, &live);
    Ok(())
}

/// The entries on the registry that are doorward's own.
pub fn ours(app: &App, id: &ResourceId, now: Timestamp) -> BTreeSet<Ipv4Net> {
    app.ledger.read(|state| {
        let registry = state.registries.get(id);
        let claims = registry.map(|registry| registry.claimed.all(now));
        claims
            .into_iter()
            .flatten()
            .map(|(network, _)| network)
            .collect()
    })
}
