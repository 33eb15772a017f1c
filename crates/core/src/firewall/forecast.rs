//! What would become of a grant, were it decided now.

use super::live::Live;
use super::patch::Patch;
use super::plan::{Step, Wanted, plan};
use super::posture::Obstacle;
use crate::ledger::grant::{Grant, Stage};
use crate::net::network;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// Why a grant would open nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// doorward only observes.
    Observe,
    /// This entry, which is not doorward's, admits the address already.
    Covered(String),
    /// The registry's state, or its full list.
    Obstacle(Obstacle),
}

/// Why `grant` would open nothing, beside what is wanted already and given this read; none if it would.
pub fn foresee(
    live: &Live,
    wanted: &Wanted<'_>,
    grant: &Grant,
    now: Timestamp,
) -> Option<Hindrance> {
    let mut wanted = wanted.clone();
    wanted.grants.push((grant, Stage::Intended));
    let steps = plan(live, &wanted, now).steps;
    steps.into_iter().find_map(|step| match step {
        Step::NotOpened(id, obstacle) if id == grant.id => Some(Hindrance::Obstacle(obstacle)),
        Step::CoveredByExisting(id, entry) if id == grant.id => Some(Hindrance::Covered(entry)),
        Step::Observed(id) if id == grant.id => Some(Hindrance::Observe),
        Step::Opened(..)
        | Step::NotOpened(..)
        | Step::CoveredByExisting(..)
        | Step::Observed(_)
        | Step::Ended(..) => None,
    })
}

/// What a grant would change on the registry's list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// Entries that would come.
    #[serde(with = "network::list")]
    pub add: Vec<Ipv4Net>,
    /// Entries of doorward's own that would go for them.
    #[serde(with = "network::list")]
    pub remove: Vec<Ipv4Net>,
}

/// What `grant` would change, beside what is wanted already and given this read.
pub fn effect(live: &Live, wanted: &Wanted<'_>, grant: &Grant, now: Timestamp) -> Effect {
    let before = plan(live, wanted, now).patch.unwrap_or_default();
    let mut wanted = wanted.clone();
    wanted.grants.push((grant, Stage::Intended));
    let after = plan(live, &wanted, now).patch.unwrap_or_default();
    let new = |after: &BTreeSet<Ipv4Net>, before| after.difference(before).copied().collect();
    Effect {
        add: new(&after.add, &before.add),
        remove: new(&after.remove, &before.remove),
    }
}

/// The write that would carry `grant` out beside what is wanted already, given this read; none if nothing
/// would be written.
pub fn change(live: &Live, wanted: &Wanted<'_>, grant: &Grant, now: Timestamp) -> Option<Patch> {
    let mut wanted = wanted.clone();
    wanted.grants.push((grant, Stage::Intended));
    plan(live, &wanted, now).patch
}
