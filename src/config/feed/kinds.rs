//! `feed` itself: its kind, what that is read from, and how often.

use super::storage::{BlobFeed, QueueFeed, blob, queue};
use crate::config::Secret;
use doorward_core::yaml::duration::Show;
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use std::path::Path;
use std::time::Duration;

/// How seldom at the least: later than that a denial is too old to open anything.
const SELDOM: Duration = Duration::from_mins(15);

/// The kinds of feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedKind {
    /// The registries' own logs, by log queries through Azure Resource Manager.
    AzureLogs,
    /// A queue of Azure Storage.
    StorageQueue(QueueFeed),
    /// Archived logs in a storage account.
    Blob(BlobFeed),
}

/// The kinds by their names.
#[derive(Clone, Copy)]
enum Kind {
    AzureLogs,
    StorageQueue,
    Blob,
}

impl Kind {
    const NAMES: [(&'static str, Self); 3] = [
        ("azure_logs", Self::AzureLogs),
        ("storage_queue", Self::StorageQueue),
        ("blob", Self::Blob),
    ];

    /// How often it is asked at the most, and unless the file says otherwise.
    fn pace(self) -> (Duration, Duration) {
        match self {
            // Azure limits log queries.
            Self::AzureLogs => (Duration::from_mins(1), Duration::from_mins(1)),
            Self::StorageQueue => (Duration::from_secs(1), Duration::from_secs(10)),
            Self::Blob => (Duration::from_secs(1), Duration::from_mins(1)),
        }
    }
}

/// A feed, but for what stands beside it in its source.
pub(super) struct Read {
    pub(super) kind: FeedKind,
    pub(super) every: Duration,
    pub(super) secrets: Vec<Secret>,
}

/// Reads `feed`.
pub(super) fn read(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Read> {
    let mut fields = item.fields(sink)?;
    let kind = fields.need("kind", "write `kind: azure_logs`", sink);
    let kind = kind.and_then(|at| at.word(&Kind::NAMES, sink));
    let every = kind.and_then(|kind| every(&mut fields, kind, sink));
    let mut secrets = Vec::new();
    let read = match kind {
        Some(Kind::StorageQueue) => {
            queue(&mut fields, (folder, &mut secrets), sink).map(FeedKind::StorageQueue)
        }
        Some(Kind::Blob) => blob(&mut fields, (folder, &mut secrets), sink).map(FeedKind::Blob),
        Some(Kind::AzureLogs) | None => Some(FeedKind::AzureLogs),
    };
    if kind.is_some() {
        fields.finish(sink);
    }
    Some(Read {
        kind: read?,
        every: every?,
        secrets,
    })
}

fn every(fields: &mut Fields<'_>, kind: Kind, sink: &mut Sink<'_>) -> Option<Duration> {
    let (often, usual) = kind.pace();
    let Some(at) = fields.take("every") else {
        return Some(usual);
    };
    let every = at.duration(sink)?;
    if !(often..=SELDOM).contains(&every) {
        let help = format!("write {} to {}", Show(often), Show(SELDOM));
        at.error(
            "a feed is not asked for news that often or that seldom",
            help,
            sink,
        );
    }
    Some(every)
}
