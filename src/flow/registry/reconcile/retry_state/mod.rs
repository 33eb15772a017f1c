//! How fast a registry's turns follow each other: pauses after failures, a circuit that opens when they
//! go on, and a bound on writes, so that what arrives together is written together.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// The longest pause between two attempts while Azure does not answer, and the longest that anything
/// which is over waits for the next attempt, whatever Azure asks for. What Azure asks for otherwise is
/// bounded where it is read (`azure/error`, ten minutes).
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After so many failures in a row nothing is added for a while.
const FAILURES: u32 = 5;

/// How long nothing is added then, before one more attempt.
const OPEN_FOR: Duration = Duration::from_mins(1);

/// Two writes may follow each other at once, and after these one in this time.
pub(super) const WRITE_EVERY: Duration = Duration::from_secs(2);

/// How fast attempts follow each other for one registry. Lost in a restart, on purpose: then the
/// first attempt is made at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryState {
    failures: u32,
    not_before: Option<Timestamp>,
    /// The same for what is over; an end that falls into the pause cuts it short.
    removing_from: Option<Timestamp>,
    adding_from: Option<Timestamp>,
    written_until: Option<Timestamp>,
    wrote: Option<Timestamp>,
}

/// Whether a registry's writer adds entries. Removing is tried in every state, at most
/// thirty seconds apart, and each attempt begins with a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// It does.
    Closed,
    /// One attempt is made; it decides.
    HalfOpen,
    /// It does not: too many attempts have failed in a row.
    Open,
}

impl RetryState {
    /// Until when to do nothing at all, if so. `end` is when the next of our entries is over, past or to
    /// come.
    pub(super) fn waiting(self, now: Timestamp, end: Option<Timestamp>) -> Option<Timestamp> {
        let removing = end.zip(self.removing_from).map(|(end, from)| end.max(from));
        let until = self.not_before.into_iter().chain(removing).min();
        until.filter(|until| *until > now)
    }

    /// With what Azure asked for until `until`, this process or another one: that binds adding, and puts
    /// off nothing that is over.
    pub(super) fn throttled(self, now: Timestamp, until: Timestamp) -> Self {
        Self {
            not_before: self.not_before.max(Some(until)),
            removing_from: self.removing_from.or(Some(now)),
            ..self
        }
    }

    /// Whether entries are added at `now`.
    pub fn circuit(self, now: Timestamp) -> Circuit {
        match self.adding_from {
            Some(from) if from > now => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
            None => Circuit::Closed,
        }
    }

    /// After one more failure: twice as long a pause as before, at most thirty seconds, and at least what
    /// Azure asked for.
    pub(super) fn failed(self, now: Timestamp, asked: Option<Duration>) -> Self {
        let own =
            Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(self.failures.min(10)));
        let pause = own.min(LONGEST_PAUSE).max(asked.unwrap_or_default());
        let failures = self.failures.saturating_add(1);
        let opens = failures >= FAILURES && self.circuit(now) != Circuit::Open;
        let adding_from = if opens {
            Some(clock::add(now, OPEN_FOR))
        } else {
            self.adding_from
        };
        Self {
            failures,
            adding_from,
            ..self.until(now, clock::add(now, pause))
        }
    }

    /// Whether the last attempt failed.
    pub(super) fn has_failed(self) -> bool {
        self.failures > 0
    }

    /// Whether one more failure is one too many: nothing is added after it for a while.
    pub(super) fn is_last(self) -> bool {
        self.failures.saturating_add(1) >= FAILURES
    }

    /// After an attempt that did what was to be done.
    pub(super) fn succeeded(self) -> Self {
        Self {
            written_until: self.written_until,
            wrote: self.wrote,
            ..Self::default()
        }
    }

    /// After an attempt that did all that could be done: the next one is made once there is more to do.
    pub(super) fn at_once(self) -> Self {
        Self {
            not_before: None,
            removing_from: None,
            ..self
        }
    }

    /// After an attempt that could not do all yet: the next one is made at `at`.
    pub(super) fn until(self, now: Timestamp, at: Timestamp) -> Self {
        Self {
            not_before: Some(at),
            removing_from: Some(at.min(clock::add(now, LONGEST_PAUSE))),
            ..self
        }
    }

    /// After an attempt for which nothing was left but to add entries, which waits.
    pub(super) fn held_back(self, now: Timestamp) -> Self {
        self.until(now, self.adding_from.unwrap_or(now))
    }

    /// A write is sent.
    pub(super) fn wrote(self, now: Timestamp) -> Self {
        let from = self.written_until.map_or(now, |until| until.max(now));
        Self {
            written_until: Some(clock::add(from, WRITE_EVERY)),
            wrote: Some(now),
            ..self
        }
    }

    /// How long the next write waits for those before it.
    pub(super) fn before_write(self, now: Timestamp) -> Option<Duration> {
        let every = SignedDuration::try_from(WRITE_EVERY).unwrap_or_default();
        let left = self.written_until?.duration_since(now).checked_sub(every)?;
        Duration::try_from(left).ok().filter(|left| !left.is_zero())
    }
}

impl RetryState {
    /// How long a write that only adds waits where such writes follow each other every `every`.
    pub(super) fn before_adding(self, now: Timestamp, every: Duration) -> Option<Duration> {
        let waits = self.before_write(now);
        if every <= WRITE_EVERY {
            return waits;
        }
        let next = self.wrote.map(|at| clock::add(at, every));
        let spared = next.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
        waits.max(spared.filter(|left| !left.is_zero()))
    }
}

impl Circuit {
    /// The state as a number, for metrics: 0 closed, 1 half open, 2 open.
    pub fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

#[cfg(test)]
mod tests;
