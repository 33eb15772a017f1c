//! What would become of a grant, were it decided now.

use super::live::Live;
use super::patch::Patch;
use super::plan::{Step, Wanted, plan};
use super::posture::Obstacle;
use crate::ledger::grant::{Grant, Stage};
use jiff::Timestamp;

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

/// The write that would carry `grant` out beside what is wanted already, given this read; none if nothing
/// would be written.
pub fn change(live: &Live, wanted: &Wanted<'_>, grant: &Grant, now: Timestamp) -> Option<Patch> {
    let mut wanted = wanted.clone();
    wanted.grants.push((grant, Stage::Intended));
    plan(live, &wanted, now).patch
}
