//! A list has few places: which networks stand for the grants in force, and who has to give way.
//!
//! While every grant can have an entry of its own, it has one. Else entries are chosen so that the list
//! holds them, and among such choices the one is taken that admits the fewest addresses beside those
//! granted and, among these, disturbs least of what stands. So neighbours are merged first, into ranges
//! that admit nobody else; then ranges are drawn inside a block that the rule of one of the grants in it
//! approved whole, and no further than must be. What still does not fit gives way: grants that policy
//! marks evictable, the soonest to end first, and at last the newest are refused.
//!
//! Grants that are open already are kept where the list has room for them at all, the places kept for
//! people included; new ones never use those places. Where people have filled the list, nothing is added
//! and nothing is given up.

mod cover;
mod limit_message;
mod reserve;
#[cfg(test)]
mod tests;

pub use limit_message::Places;
pub use reserve::scaled_reserve;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// An address that grants in force ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The address.
    pub(super) address: Ipv4Addr,
    /// When the last of its grants ends.
    pub(super) until: Timestamp,
    /// Whether policy lets all of its grants go early.
    pub(super) evictable: bool,
    /// The widest block that a rule approved whole for one of its grants.
    pub(super) widen: Option<Ipv4Net>,
    /// Whether an entry of ours admits it now.
    pub(super) held: bool,
    /// Whether an entry for it alone stands that is not ours, so that none of ours can.
    pub(super) admitted_by_others: bool,
}

/// The list as a read shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Our entries.
    pub(super) standing: BTreeSet<Ipv4Net>,
    /// What the entries admit that are not ours; no entry of ours may be the same.
    pub(super) foreign: BTreeSet<Ipv4Net>,
    /// How many entries are not ours.
    pub(super) others: usize,
    /// How many entries there may be.
    pub(super) limit: usize,
    /// How many of these are kept for people.
    pub(super) reserve: usize,
}

/// What is to stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Our entries; together they admit every member but those below.
    pub(super) entries: BTreeSet<Ipv4Net>,
    /// Members that are admitted now and give way.
    pub(super) evicted: BTreeSet<Ipv4Addr>,
    /// Members that are not admitted and find no place.
    pub(super) refused: BTreeSet<Ipv4Addr>,
    /// How few entries would do for all members.
    pub(super) needed: usize,
}

/// Chooses the entries for `members`: each address once, the longest waiting first.
pub(super) fn choose(members: &[Member], list: &List) -> Chosen {
    let all = sorted(members.iter().copied());
    let needed = cover::fewest(&all, &list.foreign);
    let room = Room::of(list);
    let admitted = if needed <= room.for_new {
        all
    } else {
        room.admit(members, list)
    };
    let fewest = cover::fewest(&admitted, &list.foreign);
    let adds = admitted.iter().any(|member| !member.held);
    let slots = if adds {
        room.for_new.max(fewest)
    } else {
        // Nothing new comes in: what stands may stay as it is.
        room.for_new.max(fewest).max(list.standing.len())
    };
    // There is a choice of that many entries: the fewest are no more. Else every address stands alone.
    let entries = cover::best(&admitted, slots, list).unwrap_or_else(|| singles(&admitted));
    // A range may admit one that would not have found a place by itself.
    let admits = |address| entries.iter().any(|entry| entry.contains(&address));
    let gone = |member: &&Member| !contains(&admitted, member.address) && !admits(member.address);
    let given_up = members.iter().filter(gone);
    let (evicted, refused): (Vec<&Member>, Vec<&Member>) = given_up.partition(|member| member.held);
    Chosen {
        evicted: evicted.iter().map(|member| member.address).collect(),
        refused: refused.iter().map(|member| member.address).collect(),
        needed,
        entries,
    }
}

/// How many entries of ours there may be.
struct Room {
    /// If something new is among them.
    for_new: usize,
    /// If they only keep open what is open.
    for_held: usize,
}

impl Room {
    fn of(list: &List) -> Self {
        let free = list.limit.saturating_sub(list.others);
        Self {
            for_new: free.saturating_sub(list.reserve),
            for_held: free.max(list.standing.len()),
        }
    }

    /// The members that get an entry, where not all can; sorted by address.
    fn admit(&self, members: &[Member], list: &List) -> Vec<Member> {
        let fewest = |set: &[Member]| cover::fewest(set, &list.foreign);
        let (held, waiting): (Vec<Member>, Vec<Member>) = in_order(members)
            .into_iter()
            .partition(|member| member.held);
        let mut admitted = sorted(held.iter().copied());
        if fewest(&admitted) > self.for_held {
            admitted.clear();
            for member in held {
                let with = joined(&admitted, member);
                if fewest(&with) <= self.for_held {
                    admitted = with;
                }
            }
        }
        for member in waiting {
            let with = joined(&admitted, member);
            if fewest(&with) <= self.for_new.max(fewest(&admitted)) {
                admitted = with;
            } else if let Some(instead) = self.evict_for(member, &admitted, list) {
                admitted = instead;
            }
        }
        admitted
    }

    /// `admitted` with `member` in place of evictable ones, if that helps: the soonest to end go, and no
    /// more of them than must.
    fn evict_for(&self, member: Member, admitted: &[Member], list: &List) -> Option<Vec<Member>> {
        let fits = |set: &[Member]| cover::fewest(set, &list.foreign) <= self.for_new;
        let yields =
            |other: &&Member| other.evictable && (!member.evictable || other.until < member.until);
        let mut evictable: Vec<Member> = admitted.iter().filter(yields).copied().collect();
        evictable.sort_by_key(|other| other.until);
        let without = |gone: &[Member]| -> Vec<Member> {
            let stay = admitted.iter().filter(|other| !gone.contains(other));
            sorted(stay.copied().chain([member]))
        };
        // More that go are not always fewer entries: those that stay may share a range with them.
        let mut soonest = (0..=evictable.len()).filter_map(|count| evictable.get(..count));
        let mut gone = soonest.find(|gone| fits(&without(gone)))?.to_vec();
        // One that went before may have gone for nothing: of these, the last to end stay.
        let mut spared = true;
        while spared {
            spared = false;
            for other in gone.clone().into_iter().rev() {
                let fewer = gone.iter().filter(|one| **one != other);
                let fewer: Vec<Member> = fewer.copied().collect();
                if fits(&without(&fewer)) {
                    (gone, spared) = (fewer, true);
                }
            }
        }
        Some(without(&gone))
    }
}

/// Those that policy does not mark first, the longest waiting first; then the evictable ones, the last to
/// end first.
fn in_order(members: &[Member]) -> Vec<Member> {
    let mut members = members.to_vec();
    members.sort_by_key(|member| {
        (
            member.evictable,
            member.evictable.then_some(Reverse(member.until)),
        )
    });
    members
}

fn sorted(members: impl Iterator<Item = Member>) -> Vec<Member> {
    let mut members: Vec<Member> = members.collect();
    members.sort_by_key(|member| member.address);
    members
}

fn joined(members: &[Member], member: Member) -> Vec<Member> {
    let mut members = members.to_vec();
    let at = members.partition_point(|other| other.address < member.address);
    members.insert(at, member);
    members
}

fn contains(sorted: &[Member], address: Ipv4Addr) -> bool {
    sorted
        .binary_search_by_key(&address, |member| member.address)
        .is_ok()
}

fn singles(members: &[Member]) -> BTreeSet<Ipv4Net> {
    let ours = members.iter().filter(|member| !member.admitted_by_others);
    ours.map(|member| member.address.into()).collect()
}
