//! What people are told of entries that outlive their end, or may, and how often: one message for a
//! registry, less often the longer it lasts.

use super::wording::time;
use crate::ledger::grant::{Ending, Grant};
use crate::net::network;
use crate::state::{Known, Late};
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// An entry of ours that stands longer than this past its end is an alarm.
pub const OVERDUE_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How many of them a message lists.
const MOST_SHOWN: usize = 10;

/// How soon after such a message there is another.
const SOONEST: SignedDuration = SignedDuration::from_mins(5);

/// How late after such a message there is another.
const LATEST: SignedDuration = SignedDuration::from_hours(1);

/// Whether people are to be told at `now` of entries with these ends, all of them overdue, after they were
/// last told of the registry's at `notified_at`.
pub fn is_due_again(ends: &[Timestamp], notified_at: Option<Timestamp>, now: Timestamp) -> bool {
    let (Some(first), Some(last)) = (ends.iter().min(), ends.iter().max()) else {
        return false;
    };
    let Some(notified_at) = notified_at else {
        return true;
    };
    let is_new = notified_at.duration_since(*last) < OVERDUE_AFTER;
    let half = SignedDuration::from_secs(now.duration_since(*first).as_secs() / 2);
    let every = if is_new {
        SOONEST
    } else {
        half.clamp(SOONEST, LATEST)
    };
    now.duration_since(notified_at) >= every
}

/// That entries of a registry outlive their end, or that nobody can tell whether they do: all of `late`
/// stand, or of all of them it is not known.
pub fn text(late: &[Late<'_>], now: Timestamp, why: &str) -> String {
    let entries: BTreeMap<Ipv4Net, &Late<'_>> = late.iter().map(|it| (it.entry, it)).collect();
    let Some(first) = entries.values().min_by_key(|it| it.due) else {
        return String::new();
    };
    if entries.len() == 1 {
        return one(first, now, why);
    }
    let ago = now.duration_since(first.due).as_secs();
    let (count, name) = (entries.len(), first.standing.grant.registry.name());
    let all = listed(entries.keys().map(|entry| network::text(*entry)));
    let remove =
        format!("`az acr network-rule remove --name {name} --ip-address ENTRY` for each of them");
    match first.known {
        Known::Stands(at) => format!(
            "{count} entries on `{name}` should have been removed, the first {ago} s ago, and still stand, as a read at {} \
             shows: {all}: {why}. Remove them by hand if this does not pass: {remove}",
            time(at)
        ),
        Known::Unknown(seen) => format!(
            "{count} entries on `{name}` should have been removed, the first {ago} s ago, and doorward cannot tell whether \
             they still stand: {all}: {}; {why}. Look yourself, if this does not pass: `az acr network-rule list --name \
             {name}`. Remove those that stand: {remove}",
            seen.map_or_else(
                || NEVER_READ.to_owned(),
                |(at, _)| format!("the last read was at {}", time(at))
            )
        ),
    }
}

/// Why nobody can tell, at first.
const NEVER_READ: &str = "no read has succeeded since doorward began";

fn one(late: &Late<'_>, now: Timestamp, why: &str) -> String {
    let grant = &late.standing.grant;
    let ago = now.duration_since(late.due).as_secs();
    let (name, entry) = (grant.registry.name(), network::text(late.entry));
    let remove = format!("`az acr network-rule remove --name {name} --ip-address {entry}`");
    let look = format!("`az acr network-rule list --name {name}`");
    match late.known {
        Known::Stands(at) => format!(
            "the entry `{entry}` on `{name}`, for `{}`, should have been removed {ago} s ago and still stands, as a read at {} \
             shows: {why}. Remove it by hand if this does not pass: {remove}",
            grant.address,
            time(at)
        ),
        Known::Unknown(seen) => format!(
            "the entry `{entry}` on `{name}`, for `{}`, should have been removed {ago} s ago, and doorward cannot tell whether it \
             still stands: {}; {why}. Look yourself, if this does not pass: {look}. If it stands, remove it: {remove}",
            grant.address,
            last_seen(seen)
        ),
    }
}

/// What the last read showed of an entry, and when.
fn last_seen(seen: Option<(Timestamp, bool)>) -> String {
    match seen {
        None => NEVER_READ.to_owned(),
        Some((at, true)) => format!("the last read, at {}, showed it", time(at)),
        Some((at, false)) => format!(
            "the last read, at {}, did not show it, but a write whose reply was lost may have brought it since",
            time(at)
        ),
    }
}

/// The first of them, and how many more there are.
fn listed(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = match all.len().saturating_sub(MOST_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown: Vec<String> = all.take(MOST_SHOWN).map(|it| format!("`{it}`")).collect();
    format!("{}{more}", shown.join(", "))
}

/// That it is known again what became of the entries of a registry's grants: how each grant ended, or that
/// its entry does not stand for now.
pub fn known_again(grants: &[(&Grant, Option<Ending>)]) -> String {
    let Some((first, ending)) = grants.first() else {
        return String::new();
    };
    let name = first.registry.name();
    if grants.len() == 1 {
        let how = became(*ending);
        return format!(
            "what became of the entry for `{}` on `{name}` is known again: {how}",
            first.address
        );
    }
    let mut ways: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (grant, ending) in grants {
        ways.entry(became(*ending))
            .or_default()
            .push(grant.address.to_string());
    }
    let ways = ways.into_iter();
    let ways: Vec<String> = ways
        .map(|(how, all)| format!("{how} (for {})", listed(all.into_iter())))
        .collect();
    format!(
        "what became of the entries for {} addresses on `{name}` is known again, of each: {}",
        grants.len(),
        ways.join("; ")
    )
}

fn became(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Expired) => "it was removed",
        Some(Ending::NeverOpened) => "it never stood",
        Some(Ending::LeftToOthers) => {
            "the one that admits the address is not doorward's, and stays"
        }
        Some(Ending::CarriedOn) => "another grant keeps it open",
        Some(Ending::RemovedByOthers) => "others have removed it",
        Some(Ending::Evicted) => "it was removed to make room",
        Some(Ending::Kept) => "it was handed over to people",
        None => {
            "it does not stand; a write whose reply was lost may still bring it, which doorward looks out for"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_less_often_the_longer_it_lasts_and_soon_of_what_is_new() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let mut notified_at = Vec::new();
        for minute in 1..=240 {
            let last = notified_at.last().copied().map(at);
            if is_due_again(&[at(0), at(0)], last, at(minute)) {
                notified_at.push(minute);
            }
        }
        assert_eq!(notified_at[..6], [1, 6, 12, 24, 48, 96]);
        assert!(notified_at.len() < 15, "{notified_at:?}");
        let (old, new) = (at(0), at(238));
        assert!(!is_due_again(&[old], Some(at(235)), at(240)));
        assert!(is_due_again(&[old, new], Some(at(235)), at(240)));
        assert!(!is_due_again(&[old, new], Some(at(236)), at(240)));
    }
}
