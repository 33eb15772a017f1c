//! What a registry's last read says, for the question whether an entry could help at all; and which
//! registries cannot be read.

use crate::azure::{ArmError, Call, Unreadable};
use crate::flow::app::App;
use doorward_core::firewall::{Live, Malformed};
use doorward_core::net::resource_id::ResourceId;
use futures_util::future::join_all;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a read is believed: what is mended counts soon. Whoever writes reads again right before.
/// While Azure has few reads left for us, it is believed for longer, four times as long at most.
const BELIEVED: Duration = Duration::from_mins(1);

/// How soon a registry is read again that could not be read: one that was never read, and one that was.
/// Twice as late each time, at most [`LATEST`].
const AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));

/// How late a registry is read again that could not be read.
const LATEST: Duration = Duration::from_mins(2);

/// How long verdicts wait for such a read: then nothing is known, and the writer finds out.
const WAIT: Duration = Duration::from_secs(5);

/// The registries as they were last read, and those that cannot be read.
#[derive(Default)]
pub struct Postures {
    read: BTreeMap<ResourceId, (Timestamp, Arc<Live>)>,
    tried: BTreeMap<ResourceId, Timestamp>,
    failing: BTreeMap<ResourceId, Failing>,
}

/// A registry that cannot be read.
#[derive(Clone, Debug)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// Why, the last time.
    pub why: Unreadable,
    failures: u32,
    again: Timestamp,
}

impl Postures {
    /// Takes in a read; what was wrong before, if it failed until now.
    pub fn learn(&mut self, id: &ResourceId, live: &Live, now: Timestamp) -> Option<Failing> {
        self.read.insert(id.clone(), (now, Arc::new(live.clone())));
        self.failing.remove(id)
    }

    /// The registries that cannot be read.
    pub fn failing(&self) -> &BTreeMap<ResourceId, Failing> {
        &self.failing
    }

    /// When the registry was last read.
    pub fn read_at(&self, id: &ResourceId) -> Option<Timestamp> {
        self.read.get(id).map(|(at, _)| *at)
    }

    /// The registry as it was last read, however long ago.
    pub fn last(&self, id: &ResourceId) -> Option<Arc<Live>> {
        let (_, live) = self.read.get(id)?;
        Some(Arc::clone(live))
    }

    /// The registry, if its last read is younger than `believed`.
    fn of(&self, id: &ResourceId, now: Timestamp, believed: Duration) -> Option<Arc<Live>> {
        let (at, live) = self.read.get(id)?;
        is_within(*at, now, believed).then(|| Arc::clone(live))
    }

    /// Whether the registry, of which no read is believed, was not read just `again` ago; takes that as
    /// tried. One that cannot be read is tried by nobody who decides.
    fn try_now(&mut self, id: &ResourceId, now: Timestamp, again: Duration) -> bool {
        let tried = self.tried.get(id);
        let tried = tried.is_some_and(|at| is_within(*at, now, again));
        if tried || self.failing.contains_key(id) {
            return false;
        }
        self.tried.insert(id.clone(), now);
        true
    }

    /// The registry could not be read; what was wrong before, if it failed then too. `slower` is how many
    /// times as long as otherwise it rests now.
    fn fails(
        &mut self,
        id: &ResourceId,
        failing: Failing,
        now: Timestamp,
        (asked, slower): (Option<Duration>, u32),
    ) -> Option<Failing> {
        let before = self.failing.get(id).cloned();
        let failures = before.as_ref().map_or(0, |before| before.failures);
        let first = if self.read.contains_key(id) {
            AGAIN.1
        } else {
            AGAIN.0
        };
        let doubled = first.saturating_mul(2_u32.saturating_pow(failures.min(10)));
        let pause = doubled.min(LATEST).saturating_mul(slower);
        let pause = pause.max(asked.unwrap_or_default());
        let failing = Failing {
            since: before.as_ref().map_or(failing.since, |before| before.since),
            failures: failures.saturating_add(1),
            again: clock::add(now, pause),
            ..failing
        };
        self.failing.insert(id.clone(), failing);
        before
    }

    /// Those of the registries that were never read, and of all that fail, whose time has come.
    pub fn due(&self, unread: Vec<ResourceId>, now: Timestamp) -> BTreeSet<ResourceId> {
        let new = unread.into_iter();
        let new = new.filter(|id| !self.failing.contains_key(id));
        let again = self.failing.iter().filter(|(_, it)| it.again <= now);
        new.chain(again.map(|(id, _)| id.clone())).collect()
    }

    /// When the next one that fails is read again.
    pub fn next(&self) -> Option<Timestamp> {
        self.failing.values().map(|it| it.again).min()
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

/// Why a registry cannot be read, if so.
pub fn failing(app: &App, id: &ResourceId) -> Option<Failing> {
    app.postures(|postures| postures.failing.get(id).cloned())
}

/// Reads those of the registries anew whose last read is too old. What cannot be read is unknown, and is
/// read again beside all verdicts, by and by (`hosts.rs`).
pub async fn refresh(app: &App, registries: BTreeSet<ResourceId>) {
    let now = app.clock.now();
    let due = registries
        .into_iter()
        .filter(|id| of(app, id, now).is_none())
        .filter(|id| app.postures(|postures| postures.try_now(id, now, app.arm.seldom(AGAIN.1))));
    let reads = due.map(|id| async move { read_within(app, &id, WAIT).await });
    join_all(reads).await;
}

/// What keeps a registry from being known.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Arm(#[from] ArmError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Reads a registry. If that fails, it is noted why; a line in the log tells of each change, not of each
/// read.
pub async fn read_within(app: &App, id: &ResourceId, within: Duration) {
    let since = app.clock.now();
    let (why, asked, detail) = match tokio::time::timeout(within, read(app, id)).await {
        Ok(Ok(())) => return,
        Ok(Err(ReadError::Arm(error))) => {
            let why = Unreadable::of(&error, app.arm.credential());
            (why, error.retry_after(), error.to_string())
        }
        Ok(Err(ReadError::Malformed(error))) => (Unreadable::malformed(), None, error.to_string()),
        Err(_) => {
            let detail = format!("no answer within {} s", within.as_secs());
            (Unreadable::silent(), None, detail)
        }
    };
    let now = app.clock.now();
    let failing = Failing {
        since,
        why: why.clone(),
        failures: 0,
        again: now,
    };
    let slower = app.arm.seldom(Duration::from_secs(1)).as_secs();
    let slower = u32::try_from(slower).unwrap_or(u32::MAX);
    let before = app.postures(|postures| postures.fails(id, failing, now, (asked, slower)));
    let before = before.map(|before| before.why.reason);
    let (name, reason) = (id.name(), why.reason.name());
    if before == Some(why.reason) {
        tracing::debug!(registry = name, reason, "still unreadable: {detail}");
        return;
    }
    tracing::error!(
        registry = name,
        reason,
        "the registry cannot be read: {detail}"
    );
    let before = before.map(crate::azure::Reason::name);
    app.metrics
        .health
        .azure_unreadable(name, before, Some(reason));
}

async fn read(app: &App, id: &ResourceId) -> Result<(), ReadError> {
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
