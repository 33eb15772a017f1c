//! Feeds: sources whose deliveries doorward fetches itself.
//!
//! Each part of a feed has a cursor in the ledger, which advances in the same transaction that holds what
//! was read: a process that is killed in between reads it again, and of two replicas that read the same,
//! one wins. A lease keeps the others from asking too; it saves requests, and correctness does not rest
//! on it.

mod azure_logs;
mod blob;
mod commit;
mod list;
mod probe;
mod progress;
mod queue;
mod storage;

pub use list::{FeedView, conditions, list};
pub use probe::probe;
pub use progress::Feeds;

use crate::auth::SenderAuth;
use crate::config::{Feed, FeedKind};
use crate::flow::app::{App, Source};
use crate::flow::supervise::{Outcome, Supervisor, WokenBy};
use crate::store::{Lease, StoreError};
use doorward_core::intake::feed::{FeedFailure, FeedStatus};
use jiff::{SignedDuration, Timestamp};
use progress::Part;
use std::sync::Arc;
use std::time::Duration;

/// How long a lease is good for: longer than a request and what follows it take.
const GOOD_FOR: Duration = Duration::from_secs(90);

/// Azure takes 200 log queries in 30 s from one identity. All parts of all feeds together stay below half
/// of that, whichever replicas read them: each part waits this long for every part that there is.
const SPACING: Duration = Duration::from_millis(300);

/// The longest that a part which fails rests, unless Azure asks for more.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How soon a part is looked at again that another replica has.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// What came of asking once.
#[derive(Debug)]
struct Polled {
    status: FeedStatus,
    /// How long Azure asks to wait.
    patience: Option<Duration>,
    /// Whether that is about doorward's identity, and so about all parts that are asked as it.
    shared_patience: bool,
    /// How late the latest records were.
    latency: Option<SignedDuration>,
}

impl Polled {
    fn of(status: FeedStatus) -> Self {
        Self {
            status,
            patience: None,
            shared_patience: false,
            latency: None,
        }
    }
}

/// The feeds, each with its source.
pub fn all(app: &App) -> impl Iterator<Item = (&Source, &Feed)> {
    app.sources
        .values()
        .filter_map(|source| match &source.auth {
            SenderAuth::Feed(feed) => Some((source, &**feed)),
            SenderAuth::SharedKey { .. } | SenderAuth::Bearer(_) | SenderAuth::Signature(_) => None,
        })
}

/// Starts a loop for each part of each feed.
pub fn run(app: &Arc<App>, keeper: &Supervisor) {
    for (source, feed) in all(app) {
        if source.trust_status_403 {
            tracing::info!(
                source = source.name,
                "a 403 in this feed's rows may be the firewall's or a missing role's: the registry's settings are read \
                 before anything is opened"
            );
        }
        for part in Part::all(source, feed) {
            let name = format!("feed:{}:{}", source.name, part.name);
            keeper.keep(&name, WokenBy::MoreThanArrivals, move |app| {
                let part = part.clone();
                Box::pin(async move { run_once(app, &part.source, &part.name).await })
            });
        }
    }
}

/// Reads one part of a feed, by its name, if it is due; says when it is due next.
pub async fn run_once(app: &App, source: &str, part: &str) -> Outcome {
    let Some((source, feed)) = all(app).find(|(known, _)| known.name == source) else {
        return Ok(None);
    };
    let mut named = Part::all(source, feed).into_iter();
    let Some(part) = named.find(|known| known.name == part) else {
        return Ok(None);
    };
    let now = app.clock.now();
    if let Some(next) = app.feeds(|feeds| feeds.waits(&part, now)) {
        return Ok(Some(next));
    }
    let lease = part.lease();
    if let Lease::Taken { wait } = app.ledger.acquire(&lease, GOOD_FOR, Duration::ZERO).await? {
        let next = clock::add(now, wait.clamp(LOOK_AGAIN.0, LOOK_AGAIN.1));
        note(app, &part, &Polled::of(FeedStatus::Elsewhere), next);
        return Ok(Some(next));
    }
    // Whoever had it before may have read on.
    app.ledger.follow().await?;
    let polled = match poll(app, (source, feed), &part).await {
        Err(StoreError::Duplicate) => {
            // Another replica has read the same, and on.
            app.feeds(|feeds| feeds.part(&part).page = None);
            Polled::of(FeedStatus::CatchingUp)
        }
        polled => polled?,
    };
    let next = next(app, feed, &part, &polled);
    note(app, &part, &polled, next);
    let pause = Duration::try_from(next.duration_since(app.clock.now())).unwrap_or_default();
    if let Err(error) = app.ledger.release(&lease, pause).await {
        // It ends by itself.
        tracing::debug!(source = source.name, "a lease is not given back: {error}");
    }
    Ok(Some(next))
}

async fn poll(
    app: &App,
    (source, feed): (&Source, &Feed),
    part: &Part,
) -> Result<Polled, StoreError> {
    match &feed.kind {
        FeedKind::AzureLogs => {
            let mut registries = feed.registries.iter();
            let registry = registries.find(|id| id.key() == part.key);
            match registry {
                Some(registry) => azure_logs::poll(app, source, feed, registry).await,
                None => Ok(Polled::of(FeedStatus::Starting)),
            }
        }
        FeedKind::StorageQueue(kind) => queue::poll(app, (source, feed), kind, part).await,
        FeedKind::Blob(kind) => blob::poll(app, (source, feed), kind, part).await,
    }
}

/// When a part is asked again after this.
fn next(app: &App, feed: &Feed, part: &Part, polled: &Polled) -> Timestamp {
    let now = app.clock.now();
    // Only log queries have a limit that all parts share.
    let (every, at_once) = if feed.kind == FeedKind::AzureLogs {
        let logs = all(app).filter(|(_, feed)| feed.kind == FeedKind::AzureLogs);
        let parts: usize = logs.map(|(_, feed)| feed.registries.len()).sum();
        let spacing = SPACING.saturating_mul(u32::try_from(parts).unwrap_or(u32::MAX));
        let every = app.arm.seldom(feed.every.max(spacing));
        (every, spacing.max(LOOK_AGAIN.0))
    } else {
        (feed.every, Duration::ZERO)
    };
    let pause = match &polled.status {
        FeedStatus::CatchingUp => at_once,
        FeedStatus::Failing(_) => {
            let failures = app.feeds(|feeds| feeds.part(part).failures);
            let doubled = every.saturating_mul(2_u32.saturating_pow(failures.min(8)));
            doubled.min(LONGEST_PAUSE.max(every))
        }
        FeedStatus::Starting | FeedStatus::Reading | FeedStatus::Elsewhere => every,
    };
    clock::add(now, pause.max(polled.patience.unwrap_or_default()))
}

/// Remembers and shows how a part fares.
fn note(app: &App, part: &Part, polled: &Polled, next: Timestamp) {
    let now = app.clock.now();
    let before = app.feeds(|feeds| feeds.note(part, polled, (now, next)));
    let (source, partition) = (part.source.as_str(), part.name.as_str());
    let failure = polled.status.failure();
    let names = (
        before.as_ref().map(FeedFailure::name),
        failure.map(FeedFailure::name),
    );
    if names.0 != names.1 {
        if let Some(failure) = failure {
            tracing::warn!(source, partition, "a feed fails: {}", failure.text());
        } else {
            tracing::info!(source, partition, "a feed is read again");
        }
        app.metrics
            .feeds
            .failing((source, partition), names.0, names.1);
    }
    if polled.status != FeedStatus::Elsewhere {
        app.metrics.feeds.asked(source, polled.status.name());
    }
    if polled.status == FeedStatus::Reading {
        app.metrics.feeds.succeeded((source, partition), now);
    }
    if let Some(latency) = polled.latency {
        app.metrics.feeds.late_by((source, partition), latency);
    }
}
