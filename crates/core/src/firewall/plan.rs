//! The smallest change that brings a registry's list to what is granted.

use super::drift::missing_in;
use super::live::Live;
use super::patch::Patch;
use super::posture::{Obstacle, diagnose, forbids_writing};
use super::quota::{Chosen, List, Member, choose};
use crate::ledger::grant::{Ending, Grant, Stage};
use crate::ledger::id::GrantId;
use crate::net::network;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

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
    /// How many of these are kept for people.
    pub reserve: u32,
    /// Whether entries may be added: not in observe mode. Removing our own is always right.
    pub may_add: bool,
    /// Whether opening has stopped for a while, by an operator's pause too: what is not written yet waits.
    pub paused: bool,
    /// Open grants whose entries others took away, and that are to be written again.
    pub restore: BTreeSet<GrantId>,
    /// Entries of others that a write of ours dropped, and that are to be put back.
    pub restore_entries: Vec<String>,
}

impl Wanted<'_> {
    /// The places that are kept for people: no more than there are.
    fn kept_for_people(&self) -> u32 {
        self.reserve.min(self.limit)
    }
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
    /// This entry, which is ours, stands there and admits its address.
    Opened(GrantId, Ipv4Net),
    /// An entry that is not ours admits the address.
    CoveredByExisting(GrantId, String),
    /// It cannot be opened.
    NotOpened(GrantId, Obstacle),
    /// It would be written, were doorward not only observing.
    Observed(GrantId),
    /// It is over, and nothing of it stands there.
    Ended(GrantId, Ending),
}

/// Compares what a read shows with what is wanted at `now`.
pub fn plan(live: &Live, wanted: &Wanted<'_>, now: Timestamp) -> Plan {
    let scene = Scene::of(live, wanted, now);
    let mut steps = Vec::new();
    let mut members = BTreeMap::new();
    for (order, (grant, stage)) in wanted.grants.iter().enumerate() {
        match scene.asks(grant, *stage) {
            Asks::Nothing => {}
            Asks::Step(step) => steps.push(step),
            Asks::Entry(member) => join(&mut members, order, member),
        }
    }
    let mut members: Vec<(usize, Member)> = members.into_values().collect();
    members.sort_by_key(|(order, _)| *order);
    let members: Vec<Member> = members.into_iter().map(|(_, member)| member).collect();
    let chosen = choose(&members, &scene.list);
    steps.extend(scene.steps(&chosen));
    let standing = &scene.list.standing;
    let mut patch = Patch {
        add: chosen.entries.difference(standing).copied().collect(),
        remove: standing.difference(&chosen.entries).copied().collect(),
        restore_entries: Vec::new(),
    };
    restore_entries(live, wanted, &mut patch);
    let stuck = forbids_writing(live).filter(|_| !patch.remove.is_empty());
    let writes = stuck.is_none() && patch != Patch::default();
    Plan {
        steps,
        patch: writes.then_some(patch),
        stuck,
    }
}

/// A read, and what is wanted of it.
struct Scene<'a> {
    live: &'a Live,
    wanted: &'a Wanted<'a>,
    now: Timestamp,
    list: List,
}

/// What a grant asks for, given a read.
enum Asks {
    Nothing,
    Step(Step),
    Entry(Member),
}

impl<'a> Scene<'a> {
    fn of(live: &'a Live, wanted: &'a Wanted<'a>, now: Timestamp) -> Self {
        let networks = || live.rules.iter().filter_map(|rule| rule.network);
        let ours = |network: &Ipv4Net| wanted.claimed.contains_key(network);
        let ours_stand = networks().filter(|network| ours(network)).count();
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let list = List {
            standing: networks().filter(ours).collect(),
            foreign: networks().filter(|network| !ours(network)).collect(),
            others: live.rules.len().saturating_sub(ours_stand),
            limit: count(wanted.limit),
            reserve: count(wanted.kept_for_people()),
        };
        Self {
            live,
            wanted,
            now,
            list,
        }
    }

    /// The entry of ours that admits `address`, the narrowest if there are several.
    fn admits(&self, address: Ipv4Addr) -> Option<Ipv4Net> {
        let ours = self.list.standing.iter().copied();
        ours.filter(|entry| entry.contains(&address))
            .max_by_key(Ipv4Net::prefix_len)
    }

    /// What a grant in force asks for.
    fn asks(&self, grant: &Grant, stage: Stage) -> Asks {
        let address = grant.address.get();
        if grant.until <= self.now || stage == Stage::CoveredByExisting {
            return Asks::Nothing;
        }
        let held = self.admits(address).is_some();
        if !held {
            if stage == Stage::Open && !self.wanted.restore.contains(&grant.id) {
                // What becomes of an entry after it stood is a matter of drift; it is not written again
                // unless drift says so.
                return Asks::Nothing;
            }
            if let Some(obstacle) = diagnose(self.live) {
                return Asks::Step(Step::NotOpened(grant.id, obstacle));
            }
            if let Some(rule) = self.live.covering(address) {
                return Asks::Step(Step::CoveredByExisting(grant.id, rule.text.clone()));
            }
            if !self.wanted.may_add {
                return Asks::Step(Step::Observed(grant.id));
            }
            if self.wanted.paused {
                return Asks::Nothing;
            }
        }
        Asks::Entry(Member {
            address,
            until: grant.until,
            evictable: grant.evictable,
            widen: grant.widen.filter(|block| block.contains(&address)),
            held,
            admitted_by_others: self.list.foreign.contains(&grant.address.network()),
        })
    }

    /// What follows for the grants from the choice of entries.
    fn steps(&self, chosen: &Chosen) -> Vec<Step> {
        let grants = self.wanted.grants.iter();
        let step = |(grant, stage): &(&Grant, Stage)| {
            if grant.until > self.now {
                self.opening(grant, *stage, chosen)
            } else {
                self.closing(grant, *stage, chosen)
            }
        };
        grants.filter_map(step).collect()
    }

    /// For a grant in force.
    fn opening(&self, grant: &Grant, stage: Stage, chosen: &Chosen) -> Option<Step> {
        let address = grant.address.get();
        let given_up = chosen.refused.contains(&address) || chosen.evicted.contains(&address);
        match (stage, self.admits(address)) {
            (Stage::Intended, _) if given_up => Some(Step::NotOpened(grant.id, self.full(chosen))),
            (Stage::Intended, Some(entry)) => Some(Step::Opened(grant.id, entry)),
            // Its range goes, and an entry of others for the address alone stands there meanwhile.
            (Stage::Open, Some(_)) if !given_up && !admitted(&chosen.entries, address) => {
                let rule = self.live.exact(grant.address.network())?;
                Some(Step::CoveredByExisting(grant.id, rule.text.clone()))
            }
            (Stage::Intended | Stage::Open | Stage::CoveredByExisting, _) => None,
        }
    }

    /// For a grant that is over.
    fn closing(&self, grant: &Grant, stage: Stage, chosen: &Chosen) -> Option<Step> {
        let address = grant.address.get();
        let ended = |ending| Some(Step::Ended(grant.id, ending));
        if stage == Stage::CoveredByExisting {
            return ended(Ending::LeftToOthers);
        }
        if self.admits(address).is_some() {
            // Else a write takes it away first.
            let stays = admitted(&chosen.entries, address);
            return stays.then_some(Step::Ended(grant.id, Ending::CarriedOn));
        }
        let may_land =
            |(network, may_land): (&Ipv4Net, &bool)| *may_land && network.contains(&address);
        if self.live.exact(grant.address.network()).is_some() {
            ended(Ending::LeftToOthers)
        } else if self.wanted.claimed.iter().any(may_land) {
            // A write of it may still land: the grant is not over before that is ruled out.
            None
        } else if stage == Stage::Open {
            ended(Ending::RemovedByOthers)
        } else {
            ended(Ending::NeverOpened)
        }
    }

    fn full(&self, chosen: &Chosen) -> Obstacle {
        Obstacle::Full {
            needed: self.list.others.saturating_add(chosen.needed),
            others: self.list.others,
            ours: self.list.standing.len(),
            reserve: self.wanted.kept_for_people(),
            limit: self.wanted.limit,
        }
    }
}

/// What is to be put back and is not there, where it can be written and finds room.
fn restore_entries(live: &Live, wanted: &Wanted<'_>, patch: &mut Patch) {
    if !wanted.may_add || wanted.paused || diagnose(live).is_some() {
        return;
    }
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let stay = live.rules.len().saturating_sub(patch.remove.len());
    let room = limit.saturating_sub(stay.saturating_add(patch.add.len()));
    let ours = patch.add.iter().map(|network| network::text(*network));
    let mut there: Vec<String> = live.entries().into_iter().chain(ours).collect();
    for text in &wanted.restore_entries {
        let one = missing_in(&there, std::slice::from_ref(text));
        if patch.restore_entries.len() < room && !one.is_empty() {
            patch.restore_entries.push(text.clone());
            there.push(text.clone());
        }
    }
}

/// Several grants may ask for one address: it is kept as long as the last of them, and given up only if
/// all of them let it go.
fn join(members: &mut BTreeMap<Ipv4Addr, (usize, Member)>, order: usize, new: Member) {
    members
        .entry(new.address)
        .and_modify(|(_, member)| {
            let widest = [member.widen, new.widen].into_iter().flatten();
            member.until = member.until.max(new.until);
            member.evictable &= new.evictable;
            member.widen = widest.min_by_key(Ipv4Net::prefix_len);
        })
        .or_insert((order, new));
}

fn admitted(entries: &BTreeSet<Ipv4Net>, address: Ipv4Addr) -> bool {
    entries.iter().any(|entry| entry.contains(&address))
}
