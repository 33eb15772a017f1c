//! Which entries of a registry are ours: those that we wrote, or began to write while a read showed
//! that they were not there.

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A write whose reply was lost may land this long after it was begun. Until then one of its entries is
/// ours, and its absence proves nothing.
pub const MAY_LAND_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The networks whose entries on one registry are ours, if they stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedEntries(BTreeMap<Ipv4Net, Claim>);

/// How sure we are that we wrote an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// A read after our write showed it.
    Seen,
    /// A write of it was begun at the first time, and last at the second; it may yet land.
    Begun(Timestamp, Timestamp),
}

impl OwnedEntries {
    /// A write of these networks begins; the read before showed none of them.
    pub fn begin(&mut self, at: Timestamp, add: &[Ipv4Net]) {
        for network in add {
            let claim = self.0.entry(*network).or_insert(Claim::Begun(at, at));
            if let Claim::Begun(_, last) = claim {
                *last = at;
            }
        }
    }

    /// A read shows that write: its additions stand, its removals are gone.
    pub fn applied(&mut self, add: &[Ipv4Net], remove: &[Ipv4Net]) {
        self.0.retain(|network, _| !remove.contains(network));
        self.0
            .extend(add.iter().map(|network| (*network, Claim::Seen)));
    }

    /// The write that began at `at` was certainly not done. What an earlier one claimed stays claimed.
    pub fn not_applied(&mut self, at: Timestamp, add: &[Ipv4Net]) {
        let of_this_write = |claim: &Claim| matches!(claim, Claim::Begun(first, _) if *first == at);
        self.0
            .retain(|network, claim| !add.contains(network) || !of_this_write(claim));
    }

    /// A grant for `address` is over: entries that admit it and that nobody `needs` are no longer ours.
    /// A write that may yet land stays claimed, so that what it leaves behind is taken away.
    pub fn release(&mut self, address: Ipv4Addr, needs: impl Fn(Ipv4Net) -> bool) {
        self.0.retain(|network, claim| {
            !network.contains(&address) || *claim != Claim::Seen || needs(*network)
        });
    }

    /// Somebody else took away the entry that admitted `address`, or has it now. A range that others'
    /// grants `need` stays ours until the last of them is over: each of them is judged by itself.
    pub fn lose(&mut self, address: Ipv4Addr, needs: impl Fn(Ipv4Net) -> bool) {
        self.0
            .retain(|network, _| !network.contains(&address) || needs(*network));
    }

    /// Whether an entry that a read showed after our write of it admits `address`, those in `but` aside.
    pub fn admit(&self, address: Ipv4Addr, but: &[Ipv4Net]) -> bool {
        self.0.iter().any(|(network, claim)| {
            *claim == Claim::Seen && network.contains(&address) && !but.contains(network)
        })
    }

    /// Whether an entry for exactly `network` is ours.
    pub fn has(&self, network: Ipv4Net) -> bool {
        self.0.contains_key(&network)
    }

    /// A read showed that writes of these never landed, at a time when they could no more.
    pub fn never_landed(&mut self, networks: &[Ipv4Net]) {
        self.0
            .retain(|network, claim| !networks.contains(network) || *claim == Claim::Seen);
    }

    /// Every network of which a write was begun and no read has shown it: as long as that is so, what
    /// it leaves behind is looked for. Time alone ends nothing: nobody may have looked meanwhile.
    pub fn unseen(&self) -> impl Iterator<Item = Ipv4Net> {
        let unseen = self.0.iter().filter(|(_, claim)| **claim != Claim::Seen);
        unseen.map(|(network, _)| *network)
    }

    /// Every claimed network, and whether a write of it may yet land.
    pub fn all(&self, now: Timestamp) -> impl Iterator<Item = (Ipv4Net, bool)> {
        self.0
            .iter()
            .map(move |(network, claim)| (*network, claim.may_land(now)))
    }
}

impl Claim {
    fn may_land(self, now: Timestamp) -> bool {
        matches!(self, Self::Begun(_, last) if now.duration_since(last) < MAY_LAND_WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(20, 1, 2, 3), 32);

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn claimed(claims: &OwnedEntries, minute: i64) -> Vec<(Ipv4Net, bool)> {
        claims.all(at(minute)).collect()
    }

    #[test]
    fn a_lost_write_stays_ours_when_a_later_one_is_not_even_sent() {
        let mut claims = OwnedEntries::default();
        claims.begin(at(0), &[A]);
        claims.begin(at(1), &[A]);
        claims.not_applied(at(1), &[A]);
        assert_eq!(claimed(&claims, 2), [(A, true)]);
        assert_eq!(claimed(&claims, 20), [(A, false)]);
    }

    #[test]
    fn a_write_that_was_refused_claims_nothing() {
        let mut claims = OwnedEntries::default();
        claims.begin(at(0), &[A]);
        claims.not_applied(at(0), &[A]);
        assert!(claimed(&claims, 0).is_empty());
    }

    #[test]
    fn what_may_land_outlives_its_grant() {
        let mut claims = OwnedEntries::default();
        claims.begin(at(0), &[A]);
        claims.release(A.addr(), |_| false);
        assert_eq!(claimed(&claims, 9), [(A, true)]);
        assert_eq!(claimed(&claims, 10), [(A, false)]);
        claims.never_landed(&[A]);
        assert!(claimed(&claims, 10).is_empty());
    }

    #[test]
    fn a_range_is_ours_while_one_of_its_grants_needs_it() {
        let range: Ipv4Net = "20.1.2.0/29".parse().unwrap();
        let mut claims = OwnedEntries::default();
        claims.applied(&[range], &[]);
        claims.release(A.addr(), |needed| needed == range);
        assert!(claims.admit(A.addr(), &[]) && !claims.admit(A.addr(), &[range]));
        claims.release(A.addr(), |_| false);
        assert!(claimed(&claims, 0).is_empty());
    }

    #[test]
    fn a_range_that_one_grant_lost_is_ours_for_the_others() {
        let range: Ipv4Net = "20.1.2.0/29".parse().unwrap();
        let mut claims = OwnedEntries::default();
        claims.applied(&[range, A], &[]);
        claims.lose(A.addr(), |needed| needed == range);
        assert!(claims.has(range) && !claims.has(A));
        claims.lose(A.addr(), |_| false);
        assert!(!claims.has(range));
    }

    #[test]
    fn what_was_seen_is_ours_until_it_is_released() {
        let mut claims = OwnedEntries::default();
        claims.begin(at(0), &[A]);
        claims.applied(&[A], &[]);
        claims.never_landed(&[A]);
        assert_eq!(claimed(&claims, 100), [(A, false)]);
        claims.release(A.addr(), |_| false);
        assert!(claimed(&claims, 100).is_empty());
    }
}
