//! What the choice of entries may and may not do, against a search through all choices.

use super::cover::{Cost, best, fewest};
use super::*;
use proptest::prelude::*;

/// All of these stories' addresses lie in one block of sixteen.
fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(20, 1, 2, last)
}

fn net(text: &str) -> Ipv4Net {
    crate::net::network::parse(text).unwrap()
}

fn member(last: u8) -> Member {
    Member {
        address: address(last),
        until: Timestamp::from_second(i64::from(last)).unwrap(),
        evictable: false,
        widen: None,
        held: false,
        admitted_by_others: false,
    }
}

fn members(lasts: &[u8]) -> Vec<Member> {
    lasts.iter().map(|last| member(*last)).collect()
}

/// A list of five places, two of them kept, in which these entries of ours stand.
fn list(standing: &[&str]) -> List {
    List {
        standing: standing.iter().map(|text| net(text)).collect(),
        limit: 5,
        reserve: 2,
        ..List::default()
    }
}

fn entries(chosen: &Chosen) -> Vec<String> {
    let texts = chosen.entries.iter();
    texts
        .map(|entry| crate::net::network::text(*entry))
        .collect()
}

#[test]
fn while_there_is_room_everybody_stands_alone() {
    let chosen = choose(&members(&[2, 3, 4]), &list(&[]));
    assert_eq!(entries(&chosen), ["20.1.2.2", "20.1.2.3", "20.1.2.4"]);
    assert!(chosen.refused.is_empty());
}

#[test]
fn neighbours_share_an_entry_when_they_must_and_no_more_of_them_than_must() {
    let chosen = choose(&members(&[2, 3, 4, 5]), &list(&[]));
    assert_eq!(entries(&chosen).len(), 3);
    assert!(chosen.refused.is_empty());
    let chosen = choose(&members(&[2, 3, 4, 5, 8, 9]), &list(&[]));
    assert_eq!(
        entries(&chosen),
        ["20.1.2.2/31", "20.1.2.4/31", "20.1.2.8/31"]
    );
}

#[test]
fn what_stands_stays_while_it_is_right() {
    let all: Vec<Member> = members(&[2, 3, 8])
        .into_iter()
        .map(|member| Member {
            held: true,
            ..member
        })
        .collect();
    let standing = ["20.1.2.2/31", "20.1.2.8"];
    assert_eq!(entries(&choose(&all, &list(&standing))), standing);
    // The third is over: the range is split in the same write.
    let ended = [all[0], all[2]];
    assert_eq!(
        entries(&choose(&ended, &list(&standing))),
        ["20.1.2.2", "20.1.2.8"]
    );
}

#[test]
fn a_range_may_reach_as_far_as_a_rule_of_one_in_it_approved() {
    let mut all = members(&[1, 6, 9, 12]);
    all[1].widen = Some(net("20.1.2.0/29"));
    let chosen = choose(&all, &list(&[]));
    assert_eq!(entries(&chosen), ["20.1.2.0/29", "20.1.2.9", "20.1.2.12"]);
    // The block of another one does not help those outside it.
    all[1].widen = None;
    let chosen = choose(&all, &list(&[]));
    assert_eq!(chosen.refused, [address(12)].into());
}

#[test]
fn a_range_never_reaches_where_nothing_may_be_opened() {
    let at = |last: u8| Ipv4Addr::new(192, 88, last, 1);
    let widen = Some(net("192.88.96.0/21"));
    let all: Vec<Member> = [98, 100, 101, 102]
        .map(|last| Member {
            address: at(last),
            widen,
            ..member(0)
        })
        .into();
    let mut list = list(&[]);
    list.reserve = 4;
    let chosen = choose(&all, &list);
    // 192.88.99.0/24 lies between.
    assert_eq!(entries(&chosen), ["192.88.98.1"]);
    let chosen = choose(&all[1..], &list);
    assert_eq!(entries(&chosen), ["192.88.100.0/22"]);
}

#[test]
fn evictable_ones_give_way_the_soonest_to_end_first() {
    let mut all = members(&[1, 3, 5, 7]);
    for evictable in &mut all[..3] {
        (evictable.evictable, evictable.held) = (true, true);
    }
    let standing = ["20.1.2.1", "20.1.2.3", "20.1.2.5"];
    let chosen = choose(&all, &list(&standing));
    assert_eq!(chosen.evicted, [address(1)].into());
    assert_eq!(entries(&chosen), ["20.1.2.3", "20.1.2.5", "20.1.2.7"]);
    // One that may go itself takes nobody's place who stays longer.
    all[3].evictable = true;
    all[3].until = Timestamp::UNIX_EPOCH;
    let chosen = choose(&all, &list(&standing));
    assert_eq!(
        (chosen.evicted.len(), chosen.refused),
        (0, [address(7)].into())
    );
}

#[test]
fn who_gives_way_need_not_drag_those_along_who_share_a_range() {
    let mut all = members(&[0, 1, 2, 3, 9, 5]);
    for evictable in [1, 2, 4] {
        all[evictable].evictable = true;
        all[evictable].until = Timestamp::from_second(100).unwrap();
    }
    all[4].until = Timestamp::UNIX_EPOCH;
    for held in &mut all[..5] {
        held.held = true;
    }
    let mut list = list(&["20.1.2.0/30", "20.1.2.9"]);
    list.limit = 4;
    // Without 1 and 2 the range would fall apart, and need more room than it does now.
    let chosen = choose(&all, &list);
    assert_eq!(entries(&chosen), ["20.1.2.0/30", "20.1.2.5"]);
    assert_eq!(chosen.evicted, [address(9)].into());
}

#[test]
fn the_newest_are_refused_at_last() {
    let chosen = choose(&members(&[9, 7, 5, 1, 3]), &list(&[]));
    assert_eq!(entries(&chosen), ["20.1.2.5", "20.1.2.7", "20.1.2.9"]);
    assert_eq!((chosen.refused.len(), chosen.needed), (2, 5));
}

#[test]
fn where_people_have_filled_the_list_nothing_is_added_and_nothing_is_given_up() {
    let mut all = members(&[1, 5, 9]);
    (all[0].held, all[1].held, all[0].evictable) = (true, true, true);
    let mut list = list(&["20.1.2.1", "20.1.2.5"]);
    list.others = 3;
    let chosen = choose(&all[..2], &list);
    assert_eq!(entries(&chosen), ["20.1.2.1", "20.1.2.5"]);
    let chosen = choose(&all, &list);
    assert_eq!(chosen.refused, [address(9)].into());
    assert!(chosen.evicted.is_empty());
}

#[test]
fn the_parts_of_a_range_may_use_the_places_kept_for_people() {
    let all: Vec<Member> = members(&[0, 2, 3])
        .into_iter()
        .map(|member| Member {
            held: true,
            ..member
        })
        .collect();
    let mut list = list(&["20.1.2.0/30"]);
    list.others = 3;
    let chosen = choose(&all, &list);
    assert_eq!(entries(&chosen), ["20.1.2.0", "20.1.2.2/31"]);
    // Without any place left the newest gives way; an open door for nobody is not kept.
    list.others = 4;
    let chosen = choose(&all, &list);
    assert_eq!(
        (entries(&chosen), chosen.evicted.len()),
        (vec!["20.1.2.0".to_owned()], 2)
    );
}

#[test]
fn an_entry_of_others_is_never_written_a_second_time() {
    let mut all = members(&[2, 3, 6]);
    all[0].held = true;
    all[0].admitted_by_others = true;
    let mut list = list(&["20.1.2.2/30"]);
    list.foreign = [net("20.1.2.2"), net("20.1.2.2/31")].into();
    let chosen = choose(&all, &list);
    assert_eq!(entries(&chosen), ["20.1.2.3", "20.1.2.6"]);
    assert!(chosen.evicted.is_empty() && chosen.refused.is_empty());
}

/// Whether an entry for `network` is right, address by address.
fn is_right(network: Ipv4Net, members: &[Member], foreign: &BTreeSet<Ipv4Net>) -> bool {
    let inside = || {
        members
            .iter()
            .filter(|member| network.contains(&member.address))
    };
    let granted = |address: u32| inside().any(|member| member.address.to_bits() == address);
    let (low, high) = (network.network().to_bits(), network.broadcast().to_bits());
    let approved = |member: &Member| {
        let block = member.widen.unwrap_or(member.address.into());
        (low..=high).all(|address| block.contains(&Ipv4Addr::from(address)))
    };
    !foreign.contains(&network) && ((low..=high).all(granted) || inside().any(approved))
}

fn same_members(one: Ipv4Net, other: Ipv4Net, members: &[Member]) -> bool {
    members
        .iter()
        .all(|member| one.contains(&member.address) == other.contains(&member.address))
}

/// Every choice of entries that admits all of `members`.
fn all_choices(
    members: &[Member],
    foreign: &BTreeSet<Ipv4Net>,
    chosen: &BTreeSet<Ipv4Net>,
    found: &mut Vec<BTreeSet<Ipv4Net>>,
    next: usize,
) {
    let Some(member) = members.get(next) else {
        found.push(chosen.clone());
        return;
    };
    if chosen.iter().any(|entry| entry.contains(&member.address)) {
        all_choices(members, foreign, chosen, found, next + 1);
        return;
    }
    if member.admitted_by_others {
        all_choices(members, foreign, chosen, found, next + 1);
    }
    for length in 27..=32 {
        let entry = Ipv4Net::new(member.address, length).unwrap().trunc();
        let overlaps = chosen.iter().any(|other| entry.contains(other));
        // Where others admit a group by one entry, none is drawn around it.
        let narrow =
            |other: &Ipv4Net| entry.contains(other) && same_members(entry, *other, members);
        if !overlaps && !foreign.iter().any(narrow) && is_right(entry, members, foreign) {
            let mut with = chosen.clone();
            with.insert(entry);
            all_choices(members, foreign, &with, found, next + 1);
        }
    }
}

/// What a choice costs, counted from what it is.
fn cost(entries: &BTreeSet<Ipv4Net>, members: &[Member], list: &List) -> Cost {
    let inside = |entry: &Ipv4Net| {
        members
            .iter()
            .filter(|member| entry.contains(&member.address))
            .count()
    };
    let beside = entries
        .iter()
        .map(|entry| (1 << (32 - entry.prefix_len())) - inside(entry))
        .sum::<usize>();
    let disturbed = entries.iter().map(|entry| match entry {
        standing if list.standing.contains(standing) => -1,
        single if single.prefix_len() == 32 => 1,
        range => 2 * i64::try_from(inside(range)).unwrap(),
    });
    (beside as u64, disturbed.sum())
}

prop_compose! {
    fn any_member()(last in 0..16_u8, until in 0..9_i64, evictable: bool, widen in 28..=33_u8, held: bool, others in 0..9) -> Member {
        let block = Ipv4Net::new(address(last), widen.min(32)).unwrap().trunc();
        Member {
            until: Timestamp::from_second(until).unwrap(),
            evictable,
            widen: (widen < 33).then_some(block),
            held,
            admitted_by_others: others == 0,
            ..member(last)
        }
    }
}

prop_compose! {
    fn any_networks()(parts in prop::collection::btree_set((0..16_u8, 29..=32_u8), 0..4)) -> BTreeSet<Ipv4Net> {
        parts.into_iter().map(|(last, length)| Ipv4Net::new(address(last), length).unwrap().trunc()).collect()
    }
}

fn distinct(members: Vec<Member>) -> Vec<Member> {
    let mut seen = BTreeSet::new();
    members
        .into_iter()
        .filter(|member| seen.insert(member.address))
        .collect()
}

/// What a read can show: an entry is ours or it is not, and what is admitted by others is.
fn coherent(members: &mut [Member], list: &mut List) {
    list.foreign
        .retain(|network| !list.standing.contains(network));
    for member in members {
        member.held = list
            .standing
            .iter()
            .any(|entry| entry.contains(&member.address));
        member.admitted_by_others &= member.held && !list.standing.contains(&member.address.into());
        if member.admitted_by_others {
            list.foreign.insert(member.address.into());
        } else {
            list.foreign.remove(&member.address.into());
        }
    }
    list.others = list.others.max(list.foreign.len());
}

proptest! {
    #[test]
    fn no_choice_is_better_than_the_best(
        members in prop::collection::vec(any_member(), 0..7),
        standing in any_networks(),
        foreign in any_networks(),
        slots in 0..8_usize,
    ) {
        let mut members = sorted(distinct(members).into_iter());
        let mut list = List { standing, foreign, ..List::default() };
        coherent(&mut members, &mut list);
        let mut choices = Vec::new();
        all_choices(&members, &list.foreign, &BTreeSet::new(), &mut choices, 0);
        let least = choices.iter().map(BTreeSet::len).min().unwrap();
        prop_assert_eq!(fewest(&members, &list.foreign), least);
        let fitting = choices.iter().filter(|choice| choice.len() <= slots);
        let cheapest = fitting.map(|choice| cost(choice, &members, &list)).min();
        let found = best(&members, slots, &list);
        prop_assert_eq!(found.as_ref().map(|found| cost(found, &members, &list)), cheapest);
        if let Some(found) = found {
            prop_assert!(found.len() <= slots && choices.contains(&found));
        }
    }

    #[test]
    fn who_gives_way_ends_soonest_and_no_more_go_than_must(
        members in prop::collection::vec(any_member(), 1..9),
        apart: bool,
        foreign in any_networks(),
        others in 0..6_usize,
        limit in 0..10_usize,
        reserve in 0..3_usize,
    ) {
        let mut members = members;
        if apart {
            for member in &mut members {
                // Neighbours by twos at most: who goes never makes those that stay need more.
                member.address = address(member.address.octets()[3] & 0b1101);
                member.widen = None;
            }
        }
        let mut members = distinct(members);
        let mut list = List { foreign, others, limit, reserve, ..List::default() };
        coherent(&mut members, &mut list);
        let member = members.pop().unwrap();
        let admitted = sorted(members.into_iter());
        let room = Room::of(&list);
        let fits = |gone: &[Member]| {
            let stay = admitted.iter().filter(|one| !gone.contains(one)).copied();
            fewest(&sorted(stay.chain([member])), &list.foreign) <= room.for_new
        };
        let may_go = |one: &&Member| one.evictable && (!member.evictable || one.until < member.until);
        let mut may_go: Vec<Member> = admitted.iter().filter(may_go).copied().collect();
        may_go.sort_by_key(|one| one.until);
        // Every set of those that may go; the later one ends, the more it counts.
        let all = (0..1_u32 << may_go.len()).map(|set| -> Vec<Member> {
            let among = may_go.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
            among.map(|(_, one)| *one).collect()
        });
        let found = room.evict_for(member, &admitted, &list);
        let gone = found.as_ref().map(|stay| -> Vec<Member> {
            let gone = may_go.iter().filter(|one| !stay.contains(one));
            gone.copied().collect()
        });
        if apart {
            prop_assert_eq!(&gone, &all.clone().find(|gone| fits(gone)));
        }
        if let (Some(stay), Some(gone)) = (found, gone) {
            prop_assert!(fits(&gone));
            prop_assert_eq!(stay.len() + gone.len(), admitted.len() + 1);
            for one in &gone {
                let fewer: Vec<Member> = gone.iter().filter(|other| *other != one).copied().collect();
                prop_assert!(!fits(&fewer), "{} goes for nothing", one.address);
            }
            // Nobody goes who ends later than must: those that end before the last of them do not do.
            let last = gone.iter().map(|one| one.until).max();
            let before: Vec<Member> = may_go.iter().filter(|one| Some(one.until) < last).copied().collect();
            prop_assert!(gone.is_empty() || !fits(&before));
        }
    }

    #[test]
    fn the_choice_admits_who_may_come_in_and_nobody_else(
        members in prop::collection::vec(any_member(), 0..12),
        standing in any_networks(),
        foreign in any_networks(),
        others in 0..8_usize,
        limit in 0..12_usize,
        reserve in 0..4_usize,
    ) {
        let mut members = distinct(members);
        let mut list = List { standing, foreign, others, limit, reserve };
        coherent(&mut members, &mut list);
        let chosen = choose(&members, &list);
        // Every entry is right, and none is one of others.
        for entry in &chosen.entries {
            prop_assert!(is_right(*entry, &members, &list.foreign), "{entry}");
        }
        // Everybody is admitted or told.
        for member in &members {
            let admitted = chosen.entries.iter().any(|entry| entry.contains(&member.address));
            let told = chosen.refused.contains(&member.address) || chosen.evicted.contains(&member.address);
            prop_assert_eq!(admitted, !told && (admitted || !member.admitted_by_others), "{}", member.address);
        }
        // The limit holds, and new ones leave the places kept for people alone.
        let after = chosen.entries.len() + list.others;
        prop_assert!(after <= list.limit.max(list.standing.len() + list.others));
        let is_new = |member: &&Member| !member.held && !chosen.refused.contains(&member.address);
        if members.iter().any(|member| is_new(&member)) {
            let kept: Vec<Member> = members.iter().filter(|member| member.held && !chosen.evicted.contains(&member.address)).copied().collect();
            let without = fewest(&sorted(kept.into_iter()), &list.foreign) + list.others;
            prop_assert!(after <= (list.limit.saturating_sub(list.reserve)).max(without));
        }
        // Only evictable ones go, unless the whole list has no room.
        let held: Vec<Member> = members.iter().filter(|member| member.held).copied().collect();
        if fewest(&sorted(held.into_iter()), &list.foreign) + list.others <= list.limit {
            for gone in &chosen.evicted {
                prop_assert!(members.iter().any(|member| member.address == *gone && member.evictable));
            }
        }
    }

    #[test]
    fn what_was_chosen_is_chosen_again(
        members in prop::collection::vec(any_member(), 0..12),
        others in 0..6_usize,
        limit in 0..12_usize,
        reserve in 0..4_usize,
    ) {
        let mut members = distinct(members);
        let mut list = List { others, limit, reserve, ..List::default() };
        coherent(&mut members, &mut list);
        let first = choose(&members, &list);
        members.retain(|member| !first.refused.contains(&member.address));
        list.standing = first.entries.clone();
        coherent(&mut members, &mut list);
        let again = choose(&members, &list);
        prop_assert_eq!(&again.entries, &first.entries);
        prop_assert!(again.evicted.is_empty() && again.refused.is_empty());
    }
}
