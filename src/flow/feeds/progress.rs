//! What is known of feeds for now; how far they were read stands in the ledger.

use super::Polled;
use crate::azure::StorageAccount;
use crate::config::{Feed, FeedKind};
use crate::flow::app::Source;
use doorward_core::intake::feed::{FeedFailure, FeedStatus, blobs};
use doorward_core::ledger::event::Denied;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::bounded::Recent;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many log queries one process has under way: Azure takes five at once from one identity.
const AT_ONCE: usize = 4;

/// How many records of a part are known again without asking the ledger.
const MOST_SEEN: usize = 20_000;

/// What is known of all feeds.
pub struct Feeds {
    parts: BTreeMap<Part, Progress>,
    /// Until when Azure asked for patience, whichever part asked.
    patience: Option<Timestamp>,
    queries: Arc<Semaphore>,
}

/// A part of a feed: one registry's log, a queue, a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) source: String,
    /// How the ledger and the leases name it.
    pub(super) key: String,
    /// How people name it.
    pub(super) name: String,
}

impl Part {
    pub(super) fn of(source: &Source, registry: &ResourceId) -> Self {
        Self::named(source, registry.key(), registry.name())
    }

    pub(super) fn named(source: &Source, key: &str, name: &str) -> Self {
        Self {
            source: source.name.clone(),
            key: key.to_owned(),
            name: name.to_owned(),
        }
    }

    fn within(source: &Source, account: &StorageAccount, name: &str) -> Self {
        let place = account
            .endpoint
            .as_ref()
            .map_or(&*account.name, |url| url.as_str());
        let key = format!("{}/{name}", place.trim_end_matches('/'));
        Self::named(source, &key, name)
    }

    /// The parts of a feed that the configuration names.
    pub(super) fn all(source: &Source, feed: &Feed) -> Vec<Self> {
        match &feed.kind {
            FeedKind::AzureLogs => {
                let registries = feed.registries.iter();
                registries.map(|id| Self::of(source, id)).collect()
            }
            FeedKind::StorageQueue(queue) => {
                vec![Self::within(source, &queue.account, &queue.queue)]
            }
            FeedKind::Blob(blob) => {
                let containers = blob.containers.iter();
                containers
                    .map(|name| Self::within(source, &blob.account, name))
                    .collect()
            }
        }
    }

    /// The name of its lease, and of its loop.
    pub(super) fn lease(&self) -> String {
        format!("feed:{}:{}", self.source, self.key)
    }
}

/// What is known of one part.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) status: FeedStatus,
    /// Since when it fails, or does not.
    pub(super) since: Option<Timestamp>,
    /// When it was last read to its end, with all access confirmed.
    pub(super) read_at: Option<Timestamp>,
    /// When it was first read so.
    pub(super) first_read: Option<Timestamp>,
    /// When the newest row of any kind was taken in by its service.
    pub(super) newest: Option<Timestamp>,
    pub(super) latency: Option<SignedDuration>,
    /// How often in a row it failed.
    pub(super) failures: u32,
    /// Where a page ended that was full.
    pub(super) page: Option<(Timestamp, String)>,
    /// How far blobs were read since the advance of this number, beyond what it says.
    pub(super) blobs: Option<(u64, blobs::Progress)>,
    next: Option<Timestamp>,
    seen: Recent<u64, (), MOST_SEEN>,
}

impl Default for Feeds {
    fn default() -> Self {
        Self {
            parts: BTreeMap::new(),
            patience: None,
            queries: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Feeds {
    pub(super) fn part(&mut self, part: &Part) -> &mut Progress {
        self.parts.entry(part.clone()).or_default()
    }

    pub(super) fn known(&self, part: &Part) -> Option<&Progress> {
        self.parts.get(part)
    }

    pub(super) fn queries(&self) -> Arc<Semaphore> {
        Arc::clone(&self.queries)
    }

    /// When a part is due, if that is not now.
    pub(super) fn waits(&self, part: &Part, now: Timestamp) -> Option<Timestamp> {
        let own = self.parts.get(part).and_then(|part| part.next);
        own.max(self.patience).filter(|next| *next > now)
    }

    /// Takes in how a part fares; what was wrong before.
    pub(super) fn note(
        &mut self,
        part: &Part,
        polled: &Polled,
        (now, next): (Timestamp, Timestamp),
    ) -> Option<FeedFailure> {
        // That is about the identity, and so about every part that asks as it.
        if polled.shared_patience {
            self.patience = self.patience.max(Some(next));
        }
        let part = self.part(part);
        let before = part.status.failure().cloned();
        let failure = polled.status.failure();
        if part.since.is_none() || before.is_some() != failure.is_some() {
            part.since = Some(now);
        }
        part.failures = match failure {
            Some(_) => part.failures.saturating_add(1),
            None => 0,
        };
        if polled.status == FeedStatus::Reading {
            part.read_at = Some(now);
            part.first_read.get_or_insert(now);
        }
        part.status = polled.status.clone();
        part.latency = polled.latency.or(part.latency);
        part.next = Some(next);
        before
    }
}

impl Progress {
    /// Whether a record was read before, by this process.
    pub(super) fn has_seen(&self, event: &str) -> bool {
        self.seen.contains(&Denied::fingerprint(event))
    }

    pub(super) fn saw(&mut self, event: &str) {
        self.seen.insert(Denied::fingerprint(event), ());
    }
}
