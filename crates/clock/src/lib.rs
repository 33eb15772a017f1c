//! The only place that reads the time. Everything else is handed a [`Timestamp`] or a [`Clock`].

use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::{ContextV7, Uuid};

/// Where the shell gets the time from, and how it waits.
///
/// A clock that is *set* never makes anybody wait: sleeping moves it forward, so that a test tells
/// an hour's story in milliseconds and a simulated Azure can share the time with what it serves.
#[derive(Clone, Debug)]
pub struct Clock {
    inner: Inner,
    /// What the ids that were given out last ended with.
    ids: Arc<Mutex<ContextV7>>,
}

#[derive(Clone, Debug)]
enum Inner {
    System,
    Set {
        at: Arc<watch::Sender<Timestamp>>,
        /// How far off this one shows it, in milliseconds.
        off: Arc<AtomicI64>,
    },
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self::of(Inner::System)
    }

    /// A clock that stands at `at` until it is told otherwise.
    pub fn set_to(at: Timestamp) -> Self {
        let at = Arc::new(watch::channel(at).0);
        let off = Arc::default();
        Self::of(Inner::Set { at, off })
    }

    /// Another machine's clock: one that goes with this one where it is set, and that can be
    /// [`put`](Self::put) off by itself.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::of(match &self.inner {
            Inner::System => Inner::System,
            Inner::Set { at, off } => Inner::Set {
                at: Arc::clone(at),
                off: Arc::new(AtomicI64::new(off.load(Ordering::Relaxed))),
            },
        })
    }

    /// Puts a set clock and its clones `off` the time that it shares, ahead or back; the system's clock
    /// stays.
    pub fn put(&self, by: SignedDuration) {
        if let Inner::Set { off, .. } = &self.inner {
            let by = i64::try_from(by.as_millis()).unwrap_or_default();
            off.store(by, Ordering::Relaxed);
        }
    }

    fn of(inner: Inner) -> Self {
        Self {
            inner,
            ids: Arc::default(),
        }
    }

    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.inner {
            Inner::System => Timestamp::now(),
            Inner::Set { at, off } => {
                let off = SignedDuration::from_millis(off.load(Ordering::Relaxed));
                at.borrow().checked_add(off).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// A new identifier: a UUID of version 7. Ids sort in the order in which this clock and its clones
    /// gave them out, within a millisecond too, and when the machine's time is set back.
    pub fn id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*ids, seconds, nanoseconds))
    }

    /// Waits for `duration`; a set clock moves forward by it instead.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub async fn sleep(&self, duration: Duration) {
        match &self.inner {
            Inner::System => tokio::time::sleep(duration).await,
            Inner::Set { .. } => {
                self.advance(duration);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until `at`. Unlike [`Clock::sleep`] this never moves a set clock: it returns when
    /// somebody else has moved it that far. For loops that wait for their next turn.
    pub async fn reached(&self, at: Timestamp) {
        match &self.inner {
            Inner::System => {
                let wait = at.duration_since(self.now());
                self.sleep(Duration::try_from(wait).unwrap_or_default())
                    .await;
            }
            Inner::Set { at: shared, .. } => {
                // An error means that the clock is gone, and with it whoever waits.
                let is_there = |_: &Timestamp| self.now() >= at;
                shared.subscribe().wait_for(is_there).await.ok();
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
        if let Inner::Set { at, .. } = &self.inner {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_beside_each_other_go_together_and_are_put_off_alone() {
        let one = Clock::set_to(Timestamp::UNIX_EPOCH);
        let other = one.beside();
        other.put(SignedDuration::from_secs(-5));
        one.advance(Duration::from_secs(7));
        let seconds = |clock: &Clock| clock.now().as_second();
        assert_eq!((seconds(&one), seconds(&other)), (7, 2));
        assert_eq!(seconds(&other.clone()), 2);
    }

    #[test]
    fn ids_sort_in_the_order_in_which_they_were_given_out() {
        let clock = Clock::set_to("2026-11-22T12:00:00.000400Z".parse().unwrap());
        let mut ids: Vec<Uuid> = (0..10_000).map(|_| clock.id()).collect();
        clock.advance(Duration::from_micros(300));
        ids.push(clock.clone().id());
        clock.advance(Duration::from_millis(1));
        ids.push(clock.id());
        assert!(ids.is_sorted_by(|one, next| one < next));
    }
}
