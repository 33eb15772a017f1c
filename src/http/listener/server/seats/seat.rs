//! What a connection does with its seat.

use super::{Held, Permit};
use std::time::Duration;
use tokio::time::Instant;

/// How many requests a connection may make at once of which no sender is proven.
pub(super) const FREE_REQUESTS: u32 = 8;

/// How far apart those behind them are answered.
pub(super) const REQUEST_EVERY: Duration = Duration::from_millis(100);

/// What a connection's time comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::listener::server) enum Due {
    /// It has asked for nothing.
    Timeout,
    /// It is idle for too long.
    Idle,
    /// It has lasted for too long.
    Old,
    /// Nothing before then.
    At(Instant),
}

impl Permit {
    fn change(&self, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.seats.table().seats.get_mut(&self.id) {
            change(held);
        }
    }

    /// A request begins.
    pub(in crate::http) fn begin(&self, now: Instant) {
        self.change(|held| {
            if held.busy == 0 {
                held.changed = now;
            }
            held.busy = held.busy.saturating_add(1);
        });
    }

    /// It is known whose it is; `sender`: one of the configured senders, so that its address is known
    /// from now on.
    pub(in crate::http) fn prove(&self, sender: bool, now: Instant) {
        let mut table = self.seats.table();
        let Some(held) = table.seats.get_mut(&self.id) else {
            return;
        };
        held.proven = held.proven.saturating_add(1);
        held.has_proven = true;
        let peer = held.peer;
        if sender {
            table.know(peer, now);
        }
    }

    /// It is over, or refused; `proven`: its sender was.
    pub(in crate::http) fn end(&self, proven: bool, now: Instant) {
        self.change(|held| {
            held.busy = held.busy.saturating_sub(1);
            if proven {
                held.proven = held.proven.saturating_sub(1);
            }
            if held.busy == 0 {
                held.changed = now;
            }
        });
    }

    /// When the next request of this connection is answered, if not at once: whoever asks for much and
    /// proves nothing is answered at a pace, lest it take all of the processor.
    pub(in crate::http::listener::server) fn turn(&self, now: Instant) -> Option<Instant> {
        let mut table = self.seats.table();
        let held = table.seats.get_mut(&self.id)?;
        held.requests = held.requests.saturating_add(1);
        held.has_asked = true;
        if held.is_proxy || held.has_proven || held.requests <= FREE_REQUESTS {
            return None;
        }
        let turn = held.next.max(now);
        held.next = turn.checked_add(REQUEST_EVERY)?;
        (turn > now).then_some(turn)
    }

    /// Completes when the seat is another's.
    pub(in crate::http::listener::server) async fn taken(&self) {
        self.taken.cancelled().await;
    }

    /// What the connection's time has come to.
    pub(in crate::http::listener::server) fn due(&self, now: Instant) -> Due {
        let limits = self.seats.limits;
        let table = self.seats.table();
        let Some(held) = table.seats.get(&self.id) else {
            return Due::Idle;
        };
        let old = held.since.checked_add(limits.age);
        let first = held.since.checked_add(limits.headers);
        // While it is at work it cannot become idle for too long before that.
        let from = if held.busy > 0 { now } else { held.changed };
        let idle = from.checked_add(limits.idle);
        let is_over = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        if !held.has_asked && is_over(first) {
            return Due::Timeout;
        }
        if is_over(old) {
            return Due::Old;
        }
        if is_over(idle) {
            return Due::Idle;
        }
        let first = first.filter(|_| !held.has_asked);
        let next = [old, idle, first].into_iter().flatten().min();
        Due::At(next.unwrap_or(now))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.seats.table().take(self.id);
    }
}
