//! What a registry's last read says, for the question whether an entry could help at all.

use crate::app::App;
use crate::azure::Call;
use crate::domain::firewall::Live;
use crate::domain::resource_id::ResourceId;
use futures_util::future::join_all;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a read is believed: what is mended counts soon. Whoever writes reads again right before.
const BELIEVED: SignedDuration = SignedDuration::from_mins(1);

/// How soon a registry is read again that could not be read.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);

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

    /// The registry as it was read a short while ago.
    pub fn of(&self, id: &ResourceId, now: Timestamp) -> Option<Arc<Live>> {
        let (at, live) = self.read.get(id)?;
        (now.duration_since(*at) < BELIEVED).then(|| Arc::clone(live))
    }

    /// Whether it is time to read the registry; takes that as tried.
    fn try_now(&mut self, id: &ResourceId, now: Timestamp) -> bool {
        let tried = self.tried.get(id);
        let wait = tried.is_some_and(|at| now.duration_since(*at) < AGAIN);
        if wait || self.of(id, now).is_some() {
            return false;
        }
        self.tried.insert(id.clone(), now);
        true
    }
}

/// Reads those of the registries anew whose last read is too old. What cannot be read is unknown.
pub async fn refresh(app: &App, registries: BTreeSet<ResourceId>) {
    let now = app.clock.now();
    let due = registries
        .into_iter()
        .filter(|id| app.postures(|postures| postures.try_now(id, now)));
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
