//! Whether an address was granted before on a registry: how long ago, and by whom.

use super::bounded::Recent;
use crate::net::address::GlobalIpv4;
use crate::yaml::duration::Show;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long it is remembered that an address was granted; no policy can ask for longer.
pub const LONGEST: Duration = Duration::from_hours(90 * 24);

/// How many addresses are remembered of one registry; those granted longest ago go first.
const MOST: usize = 5_000;

/// Who granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// A person who answered a request.
    Person,
    /// A rule of the policy, alone.
    Policy,
    /// Either.
    Any,
}

/// The condition `seen` of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How long ago at most.
    pub within: Duration,
    /// By whom.
    pub by: By,
}

/// When an address was last granted on a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// By a person.
    pub person: Option<Timestamp>,
    /// By the policy alone.
    pub policy: Option<Timestamp>,
}

impl By {
    /// Each by its name in a policy.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("person", Self::Person),
        ("policy", Self::Policy),
        ("any", Self::Any),
    ];
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person => "a person",
            Self::Policy => "the policy",
            Self::Any => "anybody",
        })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "within {} by {}", Show(self.within), self.by)
    }
}

impl Seen {
    /// Whether it holds at `now` for an address that was granted then.
    pub fn holds(&self, before: Before, now: Timestamp) -> bool {
        let when = match self.by {
            By::Person => before.person,
            By::Policy => before.policy,
            By::Any => before.last(),
        };
        let within = SignedDuration::try_from(self.within).unwrap_or(SignedDuration::MAX);
        when.is_some_and(|at| now.duration_since(at) <= within)
    }

    /// Whether it holds wherever `other` does.
    pub fn includes(&self, other: &Self) -> bool {
        self.within >= other.within && (self.by == By::Any || self.by == other.by)
    }
}

impl Before {
    /// The last time, whoever it was.
    pub fn last(self) -> Option<Timestamp> {
        self.person.max(self.policy)
    }

    /// Takes in a grant of `at`; `person`: somebody answered a request.
    pub fn add(&mut self, at: Timestamp, person: bool) {
        let slot = if person {
            &mut self.person
        } else {
            &mut self.policy
        };
        *slot = (*slot).max(Some(at));
    }
}

/// Which addresses were granted on one registry: bounded in number and in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered(Recent<Ipv4Addr, Before, MOST>);

impl Remembered {
    /// Takes in a grant of `at` that has come to its end.
    pub fn add(&mut self, address: GlobalIpv4, at: Timestamp, person: bool) {
        let mut before = self.of(address.get());
        before.add(at, person);
        self.0.insert(address.get(), before);
    }

    /// A person took it back, or said no: what was before no longer speaks for the address.
    pub fn forget_address(&mut self, address: GlobalIpv4) {
        self.0.remove(&address.get());
    }

    /// When `address` was last granted.
    pub fn of(&self, address: Ipv4Addr) -> Before {
        self.0.get(&address).copied().unwrap_or_default()
    }

    /// Drops what is older than any policy can ask for.
    pub fn forget(&mut self, now: Timestamp) {
        let longest = SignedDuration::try_from(LONGEST).unwrap_or(SignedDuration::MAX);
        self.0.forget(|before| {
            let last = before.last();
            last.is_none_or(|at| now.duration_since(at) > longest)
        });
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3600).unwrap()
    }

    #[test]
    fn who_and_how_long_ago() {
        let before = Before {
            person: Some(at(0)),
            policy: Some(at(10)),
        };
        let seen = |hours, by| Seen {
            within: Duration::from_hours(hours),
            by,
        };
        assert!(seen(12, By::Person).holds(before, at(12)));
        assert!(!seen(11, By::Person).holds(before, at(12)));
        assert!(seen(2, By::Any).holds(before, at(12)));
        assert!(!seen(12, By::Any).holds(Before::default(), at(12)));
        assert!(seen(12, By::Any).includes(&seen(2, By::Person)));
        assert!(!seen(12, By::Policy).includes(&seen(2, By::Any)));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut memory = Remembered::default();
        for number in 0..u32::try_from(MOST).unwrap() + 10 {
            let address = Ipv4Addr::from(0x1400_0000 + number);
            memory.add(address.try_into().unwrap(), at(0), false);
        }
        assert_eq!(memory.len(), MOST);
        memory.forget(at(24 * 90 + 1));
        assert!(memory.is_empty());
    }
}
