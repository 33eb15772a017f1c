//! What the program knows for now and learns again after a restart.

use crate::flow::app::App;
use crate::flow::feeds::Feeds;
use crate::flow::ledger_watch::LedgerNotices;
use crate::flow::notify::{Attempts, Lanes};
use crate::flow::registry::posture::Postures;
use crate::flow::registry::reconcile::{RetryState, Sent, Tagged, Watch};
use crate::flow::supervise::Loops;
use crate::flow::view::states::Heard;
use doorward_core::intake::routing::Hosts;
use doorward_core::ledger::id::{AlertId, GrantId};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::LastRead;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use tokio::sync::Semaphore;

/// What is known for now: nothing in here matters after a restart.
#[derive(Default)]
pub struct Memory {
    /// Which hosts lead to which registry.
    pub hosts: RwLock<Hosts>,
    /// The registries' login servers.
    pub login_servers: RwLock<BTreeMap<ResourceId, String>>,
    limits: Mutex<BTreeMap<ResourceId, Limit>>,
    latest: Mutex<BTreeMap<ResourceId, Latest>>,
    retry_states: Mutex<BTreeMap<ResourceId, RetryState>>,
    watches: Mutex<BTreeMap<ResourceId, Watch>>,
    reads: Mutex<BTreeMap<ResourceId, LastRead>>,
    sent: Mutex<BTreeMap<ResourceId, Sent>>,
    troubles: Mutex<BTreeMap<ResourceId, String>>,
    attempts: Mutex<Attempts>,
    taken: Mutex<BTreeMap<(AlertId, String), Option<String>>>,
    follow_ups: Mutex<BTreeSet<AlertId>>,
    lanes: Mutex<Lanes>,
    loops: Mutex<Loops>,
    tagged: Mutex<BTreeMap<ResourceId, Tagged>>,
    missing: Mutex<BTreeMap<ResourceId, BTreeMap<GrantId, Timestamp>>>,
    looks: Mutex<BTreeMap<ResourceId, (Timestamp, u64)>>,
    absent: Mutex<BTreeMap<ResourceId, Timestamp>>,
    noticed: Mutex<BTreeSet<(String, &'static str)>>,
    postures: Mutex<Postures>,
    feeds: Mutex<Feeds>,
    ledger_notices: Mutex<LedgerNotices>,
    heard: Mutex<BTreeMap<String, Heard>>,
    expecting: OnceLock<Timestamp>,
    /// What is known of the policy's files.
    pub policy: Mutex<crate::flow::policy::Files>,
    /// What is known of the sources of address sets.
    pub sets: Mutex<crate::flow::sets::RefreshSchedule>,
    /// What was refused to callers who are not known.
    pub refusals: super::refusals::Refusals,
    /// How many pages are told of changes.
    pub watching: Watchers,
    /// Held by whoever loads address sets: one at a time.
    pub sets_refresh: tokio::sync::Mutex<()>,
}

/// How many pages are told of changes at once.
const MOST_WATCHERS: usize = 64;

/// Places for those who are told of changes.
pub struct Watchers(pub Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_WATCHERS)))
    }
}

/// How many messages about requests are remembered as written down.
const MOST_FOLLOW_UPS: usize = 50_000;

/// How many reads in a row must show an older change than is known before it is believed.
const STALE_READS: u32 = 20;

/// How many entries a registry's list may have, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many.
    pub entries: u32,
    /// Until when that is believed, and nobody is asked.
    pub until: Timestamp,
}

/// The latest change of a registry that is known.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    modified: Option<Timestamp>,
    /// Since when reads show an older one.
    stale_since: Option<Timestamp>,
    stale_reads: u32,
    /// Whether reads have shown an older one for so long that it is believed.
    overruled: bool,
}

impl Memory {
    /// Since when this process expects sources to speak.
    pub(super) fn expecting_since(&self, now: Timestamp) -> Timestamp {
        *self.expecting.get_or_init(|| now)
    }

    /// When each source was heard by this process.
    pub(super) fn heard(&self) -> MutexGuard<'_, BTreeMap<String, Heard>> {
        locked(&self.heard)
    }

    /// A memory that begins with the hosts that configuration names.
    pub fn knowing(hosts: Hosts) -> Self {
        Self {
            hosts: RwLock::new(hosts),
            ..Self::default()
        }
    }
}

impl App {
    /// What is known of how the registries stand.
    pub fn postures<T>(&self, with: impl FnOnce(&mut Postures) -> T) -> T {
        with(&mut locked(&self.memory.postures))
    }

    /// What is known of the feeds.
    pub fn feeds<T>(&self, with: impl FnOnce(&mut Feeds) -> T) -> T {
        with(&mut locked(&self.memory.feeds))
    }

    /// What has been told of the ledger's own health.
    pub fn ledger_notices<T>(&self, with: impl FnOnce(&mut LedgerNotices) -> T) -> T {
        with(&mut locked(&self.memory.ledger_notices))
    }

    /// What is known of a registry's limit of entries, of whatever age.
    pub fn known_limit(&self, id: &ResourceId) -> Option<Limit> {
        locked(&self.memory.limits).get(id).copied()
    }

    /// Remembers that.
    pub fn remember_limit(&self, id: &ResourceId, limit: Limit) {
        locked(&self.memory.limits).insert(id.clone(), limit);
    }

    /// Whether a read of a registry that shows `modified` as its latest change is older than what is
    /// known of it. After reads of `patience` that all say so it is believed, and known from then on.
    pub fn is_stale(
        &self,
        id: &ResourceId,
        modified: Timestamp,
        now: Timestamp,
        patience: SignedDuration,
    ) -> bool {
        let written = self.ledger.read(|state| state.registries.get(id)?.modified);
        let mut memory = locked(&self.memory.latest);
        let known = memory.entry(id.clone()).or_default();
        if !known.overruled {
            known.modified = known.modified.max(written);
        }
        if known.modified.is_none_or(|latest| modified >= latest) {
            known.modified = Some(modified);
            known.stale_since = None;
            known.stale_reads = 0;
            return false;
        }
        let since = *known.stale_since.get_or_insert(now);
        known.stale_reads = known.stale_reads.saturating_add(1);
        if now.duration_since(since) < patience || known.stale_reads < STALE_READS {
            return true;
        }
        *known = Latest {
            modified: Some(modified),
            overruled: true,
            ..Latest::default()
        };
        false
    }

    /// How fast attempts for a registry follow each other now.
    pub fn retry_state(&self, id: &ResourceId) -> RetryState {
        locked(&self.memory.retry_states)
            .get(id)
            .copied()
            .unwrap_or_default()
    }

    /// Sets that pace.
    pub fn set_pace(&self, id: &ResourceId, retry_state: RetryState) {
        locked(&self.memory.retry_states).insert(id.clone(), retry_state);
    }

    /// Until when a registry is watched and no more, if it is.
    pub fn watch(&self, id: &ResourceId) -> Option<Watch> {
        locked(&self.memory.watches).get(id).cloned()
    }

    /// Sets that, or ends it.
    pub fn set_watch(&self, id: &ResourceId, watch: Option<Watch>) {
        let mut watches = locked(&self.memory.watches);
        match watch {
            Some(watch) => watches.insert(id.clone(), watch),
            None => watches.remove(id),
        };
    }

    /// What this process's own last read of a registry showed.
    pub fn last_read(&self, id: &ResourceId) -> LastRead {
        locked(&self.memory.reads)
            .get(id)
            .cloned()
            .unwrap_or_default()
    }

    /// Remembers a read that was asked for at `at`.
    pub fn has_read(&self, id: &ResourceId, at: Timestamp, networks: BTreeSet<Ipv4Net>) {
        let mut reads = locked(&self.memory.reads);
        let read = reads.entry(id.clone()).or_default();
        (read.at, read.networks) = (Some(at), networks);
    }

    /// Remembers that a write is sent at `at`.
    pub fn has_written(&self, id: &ResourceId, at: Timestamp) {
        let mut reads = locked(&self.memory.reads);
        reads.entry(id.clone()).or_default().wrote = Some(at);
    }

    /// The write of this process that was sent last to a registry, where its answer did not say that it is done.
    pub fn sent(&self, id: &ResourceId) -> Option<Sent> {
        locked(&self.memory.sent).get(id).cloned()
    }

    /// Remembers that.
    pub fn set_sent(&self, id: &ResourceId, sent: Sent) {
        locked(&self.memory.sent).insert(id.clone(), sent);
    }

    /// Why the attempts for a registry failed last, since one succeeded.
    pub fn trouble(&self, id: &ResourceId) -> Option<String> {
        locked(&self.memory.troubles).get(id).cloned()
    }

    /// Remembers that, or forgets it.
    pub fn set_trouble(&self, id: &ResourceId, trouble: Option<String>) {
        let mut troubles = locked(&self.memory.troubles);
        match trouble {
            Some(trouble) => _ = troubles.insert(id.clone(), trouble),
            None => _ = troubles.remove(id),
        }
    }

    /// What is known of a registry's tags.
    pub fn tagged(&self, id: &ResourceId) -> Tagged {
        locked(&self.memory.tagged)
            .get(id)
            .cloned()
            .unwrap_or_default()
    }

    /// Remembers that.
    pub fn set_tagged(&self, id: &ResourceId, tagged: Tagged) {
        locked(&self.memory.tagged).insert(id.clone(), tagged);
    }

    /// Since when each of these grants' entries is missing, now that a read at `now` shows all of them
    /// missing on the registry, and no others.
    pub fn missing_since(
        &self,
        id: &ResourceId,
        now: Timestamp,
        missing: &[GrantId],
    ) -> BTreeMap<GrantId, Timestamp> {
        let mut memory = locked(&self.memory.missing);
        let before = memory.remove(id).unwrap_or_default();
        let since = |grant: &GrantId| (*grant, before.get(grant).copied().unwrap_or(now));
        let since: BTreeMap<GrantId, Timestamp> = missing.iter().map(since).collect();
        memory.insert(id.clone(), since.clone());
        since
    }

    /// Since when Azure has said, whenever it was asked, that there is no such registry; it says so at
    /// `now`.
    pub fn absent_since(&self, id: &ResourceId, now: Timestamp) -> Timestamp {
        *locked(&self.memory.absent).entry(id.clone()).or_insert(now)
    }

    /// Azure has shown the registry.
    pub fn found(&self, id: &ResourceId) {
        locked(&self.memory.absent).remove(id);
    }

    /// When a registry was last read for drift, and of how many changes of others events had told then.
    pub fn last_look(&self, id: &ResourceId) -> Option<(Timestamp, u64)> {
        locked(&self.memory.looks).get(id).copied()
    }

    /// Remembers that.
    pub fn looked(&self, id: &ResourceId, now: Timestamp, heard: u64) {
        locked(&self.memory.looks).insert(id.clone(), (now, heard));
    }

    /// How often a message was tried on a channel, and when it may be tried again.
    pub fn attempts(&self, alert: AlertId, channel: &str) -> (u32, Timestamp) {
        let known = locked(&self.memory.attempts)
            .get(&(alert, channel.to_owned()))
            .copied();
        known.unwrap_or((0, Timestamp::MIN))
    }

    /// Remembers that.
    pub fn set_attempts(&self, alert: AlertId, channel: &str, failures: u32, again: Timestamp) {
        locked(&self.memory.attempts).insert((alert, channel.to_owned()), (failures, again));
    }

    /// Whether this is the first time that something was noticed of a source.
    pub fn notice(&self, source: &str, what: &'static str) -> bool {
        locked(&self.memory.noticed).insert((source.to_owned(), what))
    }

    /// Whether a channel has taken a message, though that is not written down yet.
    pub fn was_taken(&self, alert: AlertId, channel: &str) -> bool {
        locked(&self.memory.taken).contains_key(&(alert, channel.to_owned()))
    }

    /// Remembers that.
    pub fn set_taken(&self, alert: AlertId, channel: &str, receipt: Option<String>) {
        locked(&self.memory.taken).insert((alert, channel.to_owned()), receipt);
    }

    /// By what the channel knows a message that it has taken, where it says so.
    pub fn receipt(&self, alert: Option<AlertId>, channel: &str) -> Option<String> {
        let key = (alert?, channel.to_owned());
        locked(&self.memory.taken).get(&key).cloned().flatten()
    }

    /// Whether this process has not yet written down a message about a request.
    pub fn is_new_follow_up(&self, alert: AlertId) -> bool {
        !locked(&self.memory.follow_ups).contains(&alert)
    }

    /// Remembers that it has; the oldest are forgotten, and then the ledger refuses them.
    pub fn followed_up(&self, alert: AlertId) {
        let mut known = locked(&self.memory.follow_ups);
        if known.len() >= MOST_FOLLOW_UPS {
            known.clear();
        }
        known.insert(alert);
    }

    /// Forgets attempts for messages that `waits` no longer names.
    pub fn forget_attempts(&self, waits: impl Fn(&AlertId) -> bool) {
        locked(&self.memory.attempts).retain(|(alert, _), _| waits(alert));
        locked(&self.memory.taken).retain(|(alert, _), _| waits(alert));
    }

    /// How the lanes of channels fare.
    pub fn lanes<T>(&self, with: impl FnOnce(&mut Lanes) -> T) -> T {
        with(&mut locked(&self.memory.lanes))
    }

    /// What is known of the loops.
    pub fn loops<T>(&self, with: impl FnOnce(&mut Loops) -> T) -> T {
        with(&mut locked(&self.memory.loops))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
