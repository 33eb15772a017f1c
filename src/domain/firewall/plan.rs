//! The smallest change that brings a registry's list to what is granted.

use super::live::{Live, Rule};
use super::posture::{Obstacle, diagnose, forbids_writing};
use crate::domain::grant::{Ending, Grant, Stage};
use crate::domain::id::GrantId;
use crate::domain::network;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be brought about.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The grants that are not over, each with how far it has come.
    pub grants: Vec<(&'a Grant, Stage)>,
    /// Networks that we claim: an entry for exactly one of them is ours. True where a write of it may
    /// still be on its way.
    pub claimed: BTreeMap<Ipv4Net, bool>,
    /// How many entries the list may have.
    pub limit: u32,
    /// Whether entries may be added: not in observe mode. Removing our own is always right.
    pub may_add: bool,
    /// Whether an operator has paused all opening: what is not written yet waits.
    pub paused: bool,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What follows from the read alone.
    pub steps: Vec<Step>,
    /// The write, if one is needed.
    pub patch: Option<Patch>,
    /// Why entries of ours whose grants are over cannot be removed now, if that is so.
    pub stuck: Option<Obstacle>,
}

/// What the read says of one grant.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Its entry stands there and is ours.
    Opened(GrantId),
    /// An entry that is not ours admits the address.
    Satisfied(GrantId, String),
    /// It cannot be opened.
    NotOpened(GrantId, Obstacle),
    /// It would be written, were doorward not only observing.
    Observed(GrantId),
    /// It is over, and nothing of it stands there.
    Ended(GrantId, Ending),
}

/// One write: what is added, what is taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Entries that come; the read did not show them.
    pub add: BTreeSet<Ipv4Net>,
    /// Entries, ours, that go.
    pub remove: BTreeSet<Ipv4Net>,
}

/// What a grant asks for, given a read.
enum Next {
    Nothing,
    Step(Step),
    Write,
}

/// Compares what a read shows with what is wanted at `now`.
pub fn plan(live: &Live, wanted: &Wanted<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut patch = Patch::default();
    let in_force = |(grant, _): &&(&Grant, Stage)| grant.until > now;
    let needed: BTreeSet<Ipv4Net> = wanted
        .grants
        .iter()
        .filter(in_force)
        .map(|(grant, _)| grant.address.network())
        .collect();
    for (grant, stage) in &wanted.grants {
        let network = grant.address.network();
        let (next, write) = if grant.until > now {
            (opening(live, wanted, grant, *stage), &mut patch.add)
        } else {
            (
                closing(live, wanted, grant, *stage, needed.contains(&network)),
                &mut patch.remove,
            )
        };
        match next {
            Next::Nothing => {}
            Next::Step(step) => plan.steps.push(step),
            Next::Write => _ = write.insert(network),
        }
    }
    patch.remove.extend(left_behind(live, wanted));
    if let Some(obstacle) = forbids_writing(live).filter(|_| !patch.remove.is_empty()) {
        plan.stuck = Some(obstacle);
        patch.remove.clear();
    }
    refuse_what_does_not_fit(live, wanted, &mut plan, &mut patch);
    plan.patch = (patch != Patch::default()).then_some(patch);
    plan
}

/// For a grant in force.
fn opening(live: &Live, wanted: &Wanted<'_>, grant: &Grant, stage: Stage) -> Next {
    let network = grant.address.network();
    match stage {
        // What becomes of an entry after it stood is a matter of drift; it is not written again.
        Stage::Open | Stage::Satisfied => return Next::Nothing,
        Stage::Intended => {}
    }
    if live.exact(network).is_some() && wanted.claimed.contains_key(&network) {
        return Next::Step(Step::Opened(grant.id));
    }
    if let Some(obstacle) = diagnose(live) {
        return Next::Step(Step::NotOpened(grant.id, obstacle));
    }
    match live.covering(grant.address.get()) {
        Some(rule) => Next::Step(Step::Satisfied(grant.id, rule.text.clone())),
        None if wanted.may_add && wanted.paused => Next::Nothing,
        None if wanted.may_add => Next::Write,
        None => Next::Step(Step::Observed(grant.id)),
    }
}

/// For a grant that is over. `needed`: another grant of ours needs the same address.
fn closing(live: &Live, wanted: &Wanted<'_>, grant: &Grant, stage: Stage, needed: bool) -> Next {
    let network = grant.address.network();
    let ended = |ending| Next::Step(Step::Ended(grant.id, ending));
    if stage == Stage::Satisfied {
        return ended(Ending::LeftToOthers);
    }
    match (live.exact(network), wanted.claimed.get(&network)) {
        (Some(_), Some(_)) if needed => ended(Ending::CarriedOn),
        (Some(_), Some(_)) => Next::Write,
        (Some(_), None) => ended(Ending::LeftToOthers),
        // A write of it may still land: the grant is not over before that is ruled out.
        (None, Some(true)) => Next::Nothing,
        (None, _) if stage == Stage::Open => ended(Ending::RemovedByOthers),
        (None, _) => ended(Ending::NeverOpened),
    }
}

/// Entries that a lost write of ours left behind after the grants for them were over.
fn left_behind(live: &Live, wanted: &Wanted<'_>) -> Vec<Ipv4Net> {
    let needed = |network: &Ipv4Net| {
        let mut grants = wanted.grants.iter();
        grants.any(|(grant, _)| grant.address.network() == *network)
    };
    let claimed = wanted.claimed.keys().copied();
    claimed
        .filter(|network| !needed(network) && live.exact(*network).is_some())
        .collect()
}

/// Additions beyond the limit are refused, the ones decided last first; removals make room.
fn refuse_what_does_not_fit(live: &Live, wanted: &Wanted<'_>, plan: &mut Plan, patch: &mut Patch) {
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let stay = live.rules.len().saturating_sub(patch.remove.len());
    let room = limit.saturating_sub(stay);
    if patch.add.len() <= room {
        return;
    }
    let needed = stay.saturating_add(patch.add.len());
    let refused = Obstacle::Full {
        needed,
        limit: wanted.limit,
    };
    let mut kept = BTreeSet::new();
    for (grant, _) in wanted
        .grants
        .iter()
        .filter(|(grant, _)| patch.add.contains(&grant.address.network()))
    {
        if kept.contains(&grant.address.network()) || kept.len() < room {
            kept.insert(grant.address.network());
        } else {
            plan.steps.push(Step::NotOpened(grant.id, refused.clone()));
        }
    }
    patch.add = kept;
}

impl Patch {
    /// The list after this write, entry by entry, as they were read or as we write them.
    fn rules(&self, live: &Live) -> Vec<Value> {
        let gone = |rule: &&Rule| self.remove.iter().any(|network| rule.is_exactly(*network));
        let stay = live
            .rules
            .iter()
            .filter(|rule| !gone(rule))
            .map(|rule| rule.raw.clone());
        let new = self
            .add
            .iter()
            .map(|network| json!({ "action": "Allow", "value": network::text(*network) }));
        stay.chain(new).collect()
    }

    /// The PATCH's body: the rule set as read, with only our difference in it, and the default
    /// action always `Deny`. Nothing else of the registry is named.
    pub fn body(&self, live: &Live) -> Value {
        let mut set: Map<String, Value> = live.rule_set.clone();
        set.insert("defaultAction".to_owned(), json!("Deny"));
        set.insert("ipRules".to_owned(), Value::Array(self.rules(live)));
        json!({ "properties": { "networkRuleSet": set } })
    }

    /// Whether a later read shows this write: every addition there, every removal gone.
    pub fn shows_in(&self, live: &Live) -> bool {
        self.add
            .iter()
            .all(|network| live.exact(*network).is_some())
            && self
                .remove
                .iter()
                .all(|network| live.exact(*network).is_none())
    }

    /// What others changed between two reads around this write: entries gone and entries new, if any.
    pub fn changes_of_others(
        &self,
        before: &Live,
        after: &Live,
    ) -> Option<(Vec<String>, Vec<String>)> {
        let ours = |rule: &&Rule| {
            self.add
                .iter()
                .chain(&self.remove)
                .any(|network| rule.is_exactly(*network))
        };
        let missing_in =
            |other: &Live, rule: &&Rule| !other.rules.iter().any(|there| there.is_same(rule));
        let of = |live: &Live, other: &Live| -> Vec<String> {
            let changed = live
                .rules
                .iter()
                .filter(|rule| !ours(rule) && missing_in(other, rule));
            changed.map(|rule| rule.text.clone()).collect()
        };
        let (gone, new) = (of(before, after), of(after, before));
        (!gone.is_empty() || !new.is_empty()).then_some((gone, new))
    }
}
