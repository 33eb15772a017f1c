//! One writer for a registry, however many replicas share the ledger.
//!
//! The lease is in the database's time; what is begun under it is timed by this process's own clocks,
//! from before the database was asked. A PATCH begins only while more of the lease is left than the
//! PATCH may take, and a successor waits for both: no two replicas have a PATCH under way for the same
//! registry. Azure knows no such leases: a request whose bytes have left a process that is then stopped
//! may still arrive late. Reads see that, as they see any write of others.

use crate::azure::PATCH_WITHIN;
use crate::flow::app::App;
use crate::store::{Lease, StoreError};
use clock::Stopwatch;
use doorward_core::net::resource_id::ResourceId;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long a lease is good for. It is taken for each turn, and again right before a write.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// How soon it is asked for again while another replica has it, at the soonest and at the latest.
const ASK_AGAIN: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(5);

/// The right to write to one registry for now.
#[derive(Debug)]
pub struct Held {
    /// Since when, and as which holder in the row of holders; nothing where nobody else can write.
    shared: Option<(Stopwatch, i64)>,
}

/// Takes the lease of the registry `id`, or renews it; else how long to wait before asking again.
pub async fn take(app: &App, id: &ResourceId) -> Result<Result<Held, Duration>, StoreError> {
    // Started before the database is asked, so that it never believes in more than it was given.
    let since = app.clock.stopwatch();
    let lease = app.ledger.acquire(id.key(), GOOD_FOR, PATCH_WITHIN).await?;
    Ok(match lease {
        Lease::Alone => Ok(Held { shared: None }),
        Lease::Ours { generation } => Ok(Held {
            shared: Some((since, generation)),
        }),
        Lease::Taken { wait } => Err(wait.clamp(*ASK_AGAIN.start(), *ASK_AGAIN.end())),
    })
}

/// Lets go of it: no PATCH is under way. Others may take it after `pause`, and soon in any case: what Azure
/// asked for stands in the ledger, and binds them there.
pub async fn release(app: &App, id: &ResourceId, held: &Held, pause: Duration) {
    if held.shared.is_none() {
        return;
    }
    let pause = pause.min(*ASK_AGAIN.end());
    if let Err(error) = app.ledger.release(id.key(), pause).await {
        // It ends by itself.
        tracing::debug!(registry = id.name(), "a lease is not given back: {error}");
    }
}

impl Held {
    /// Whether a PATCH that begins now is over before anybody else may write.
    pub fn may_patch(&self) -> bool {
        let left = |since: &Stopwatch| GOOD_FOR.saturating_sub(since.elapsed());
        self.shared
            .as_ref()
            .is_none_or(|(since, _)| left(since) > PATCH_WITHIN)
    }

    /// How often the lease had passed on when it was taken.
    pub fn generation(&self) -> Option<i64> {
        self.shared.as_ref().map(|(_, generation)| *generation)
    }
}
