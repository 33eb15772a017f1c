//! What policy and sets say of an address, as a number: while it stays the same, so does what rules say of
//! another denial like the last one.

use super::Policy;
use super::evaluate::stale;
use crate::ledger::chain::Hash;
use crate::sets::{Membership, Sets};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Write as _;
use std::net::IpAddr;

/// A number for what policy and sets say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis(u64);

impl Basis {
    /// What `policy` rests on for `address` at `now`: its rules, which of their sets hold the address or
    /// cannot tell, and which of their hours it is.
    pub fn of(policy: &Policy, sets: &Sets, address: Option<IpAddr>, now: Timestamp) -> Self {
        let mut text = policy.hash.clone();
        for rule in &policy.rules {
            let sign = |held: bool| if held { '+' } else { '-' };
            text.extend(rule.when.hours.iter().map(|hours| sign(hours.contain(now))));
            for set in &rule.when.address {
                let held = address.map(|ip| set.holds(ip, sets));
                text.push(match held {
                    None => '.',
                    Some(Membership::Outside) => 'o',
                    Some(Membership::Unknown(_)) => '?',
                    Some(Membership::Inside(_)) if set.is_evidence(sets) => 'i',
                    Some(Membership::Inside(_)) => 's',
                });
            }
            // Writing into a string does not fail.
            write!(text, "{};", stale(rule, sets, now).len()).ok();
        }
        let hash = Hash::of(text.as_bytes());
        Self(u64::from_be_bytes(
            hash.as_bytes().first_chunk().copied().unwrap_or_default(),
        ))
    }
}

impl Serialize for Basis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Basis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16);
        number.map(Self).map_err(serde::de::Error::custom)
    }
}
