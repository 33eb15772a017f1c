//! The only place that reads the time. Everything else is handed a [`Timestamp`] or a [`Clock`].

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

/// Where the shell gets the time from, and how it waits.
///
/// A clock that is *set* never makes anybody wait: sleeping moves it forward, so that a test tells
/// an hour's story in milliseconds and a simulated Azure can share the time with what it serves.
#[derive(Clone, Debug)]
pub struct Clock(Inner);

#[derive(Clone, Debug)]
enum Inner {
    System,
    Set(Arc<watch::Sender<Timestamp>>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that stands at `at` until it is told otherwise.
    pub fn set_to(at: Timestamp) -> Self {
        Self(Inner::Set(Arc::new(watch::channel(at).0)))
    }

    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Inner::System => Timestamp::now(),
            Inner::Set(at) => *at.borrow(),
        }
    }

    /// A new identifier: a UUID of version 7, so that ids sort by time.
    pub fn id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            seconds,
            nanoseconds,
        ))
    }

    /// Waits for `duration`; a set clock moves forward by it instead.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Inner::System => tokio::time::sleep(duration).await,
            Inner::Set(_) => {
                self.advance(duration);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until `at`. Unlike [`Clock::sleep`] this never moves a set clock: it returns when
    /// somebody else has moved it that far. For loops that wait for their next turn.
    pub async fn reached(&self, at: Timestamp) {
        match &self.0 {
            Inner::System => {
                let wait = at.duration_since(self.now());
                self.sleep(Duration::try_from(wait).unwrap_or_default())
                    .await;
            }
            Inner::Set(now) => {
                // An error means that the clock is gone, and with it whoever waits.
                now.subscribe().wait_for(|now| *now >= at).await.ok();
            }
        }
    }

    /// Starts to measure how long something takes.
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch {
            clock: self.clone(),
            at: self.now(),
            instant: Instant::now(),
        }
    }

    /// Moves a set clock forward; the system's clock cannot be moved and stays.
    pub fn advance(&self, duration: Duration) {
        if let Inner::Set(at) = &self.0 {
            at.send_modify(|at| *at = add(*at, duration));
        }
    }
}

/// How long something takes, by whichever clock has gone further: one stands still while the machine is
/// halted, the other may be put back.
#[derive(Clone, Debug)]
pub struct Stopwatch {
    clock: Clock,
    at: Timestamp,
    instant: Instant,
}

impl Stopwatch {
    /// The time since it was started; a pause of the process counts.
    pub fn elapsed(&self) -> Duration {
        let by_time = self.clock.now().duration_since(self.at);
        let by_time = Duration::try_from(by_time).unwrap_or_default();
        by_time.max(self.instant.elapsed())
    }
}

/// `at` plus `duration`, at most the end of representable time.
pub fn add(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| at.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}
