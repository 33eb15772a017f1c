//! Which sets of a policy hold an address, and which it only just misses.

use super::Policy;
use crate::sets::{Kind, Membership, Sets};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Farther away than this, an IPv4 address does not miss a set: it has nothing to do with it.
const NEAR_V4: u128 = 1 << 16;
/// The same for IPv6: one subnet.
const NEAR_V6: u128 = 1 << 64;

/// What a set says of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetExplained {
    /// Its name; for a set without one, what it is made of.
    pub name: String,
    /// Whether it holds the address; `None` where something that it needs was never loaded.
    pub holds: Option<bool>,
    /// What was never loaded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Which edition of a list it is from, where it counts its editions: Azure's `changeNumber`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_number: Option<u64>,
}

/// A set that an address only just misses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Near {
    /// The set.
    pub set: String,
    /// By how many addresses; 1 is the one beside it.
    pub outside_by: u128,
}

/// What every set of the policy says of an address, those with a name and those written in rules.
pub fn sets_around(policy: &Policy, sets: &Sets, address: IpAddr) -> Vec<SetExplained> {
    let mut explained = BTreeMap::new();
    for set in policy.all_sets() {
        let (holds, missing) = match set.holds(address, sets) {
            Membership::Inside(_) => (Some(true), Vec::new()),
            Membership::Outside => (Some(false), Vec::new()),
            Membership::Unknown(missing) => {
                (None, missing.iter().map(ToString::to_string).collect())
            }
        };
        let name = set.name.clone();
        let entry = SetExplained {
            name: name.clone(),
            holds,
            missing,
            change_number: match &set.kind {
                Kind::External(external) => sets.get(external).and_then(|it| it.change_number),
                Kind::Cidrs { .. } | Kind::AnyOf(_) => None,
            },
        };
        explained.entry(name).or_insert(entry);
    }
    explained.into_values().collect()
}

/// The set of the policy that an address misses by the least, if it comes near any.
pub fn nearest(policy: &Policy, sets: &Sets, address: IpAddr) -> Option<Near> {
    let near = match address.to_canonical() {
        IpAddr::V4(_) => NEAR_V4,
        IpAddr::V6(_) => NEAR_V6,
    };
    policy
        .all_sets()
        .filter_map(|set| {
            let outside_by = set.distance(address, sets)?;
            let set = set.name.clone();
            (1..=near)
                .contains(&outside_by)
                .then_some(Near { set, outside_by })
        })
        .min_by(|a, b| (a.outside_by, &a.set).cmp(&(b.outside_by, &b.set)))
}
