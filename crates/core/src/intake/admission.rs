//! How many new callers a registry has had lately, and what happens when they are too many.
//!
//! Anyone can be refused, from as many addresses as they can send from. Each address that nobody
//! owns has a place in the registry's crowd; once a window's places are taken, a storm begins: new
//! denials from such addresses are counted and no longer written down one by one, until a window
//! ends in which fewer came. Addresses that somebody owns have places of their own.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How long a place in the crowd is kept.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// How many distinct addresses a registry may have in a window where its configuration does not say
/// otherwise; also for denials that lead to no registry.
pub const DISTINCT_ADDRESSES: usize = 200;

/// How many denials that differ a stranger's address may have written down in a window.
const OF_ONE_STRANGER: u32 = 16;

/// The places for addresses that somebody owns, whatever the strangers do.
const OWNED_ADDRESSES: usize = 4096;

/// How many denials that differ an owned address may have written down in a window.
const OF_ONE_OWNED: u32 = 64;

/// The new callers of one registry within one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crowd {
    began: Timestamp,
    strangers: BTreeMap<Option<IpAddr>, u32>,
    owned: BTreeMap<Option<IpAddr>, u32>,
    /// How many strangers the window before this one had, if it began within the storm.
    before: Option<usize>,
    /// The storm, while there is one.
    pub storm: Option<Storm>,
}

/// A storm over a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// When it began.
    pub since: Timestamp,
    /// How many denials were counted instead of written down.
    pub thinned: u64,
    /// Whether people were told.
    pub told: bool,
}

/// What is to be done with a new denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is written down and decided.
    Own,
    /// It is counted: its address has had enough of its own.
    Shared,
    /// It is counted: its registry is in a storm.
    Storm,
}

impl Crowd {
    /// Which place a new denial gets that arrives at `at`, where `limit` strangers may have one.
    pub fn place(
        &mut self,
        at: Timestamp,
        address: Option<IpAddr>,
        owned: bool,
        limit: usize,
    ) -> Place {
        self.roll(at);
        let (of_one, most) = if owned {
            (OF_ONE_OWNED, OWNED_ADDRESSES)
        } else {
            (OF_ONE_STRANGER, limit)
        };
        if self.storm.is_some() && !owned {
            return Place::Storm;
        }
        let places = if owned { &self.owned } else { &self.strangers };
        match places.get(&address) {
            Some(taken) if *taken >= of_one => Place::Shared,
            None if places.len() >= most && owned => Place::Shared,
            None if places.len() >= most => Place::Storm,
            Some(_) | None => Place::Own,
        }
    }

    /// Whether `address` is not in the crowd yet, and the crowd has not reached `limit`.
    pub fn is_new(&self, address: Option<IpAddr>, limit: usize) -> bool {
        self.strangers.len() < limit && !self.strangers.contains_key(&address)
    }

    /// A denial was written down.
    pub fn enter(&mut self, at: Timestamp, address: Option<IpAddr>, owned: bool) {
        self.roll(at);
        let places = if owned {
            &mut self.owned
        } else {
            &mut self.strangers
        };
        let taken = places.entry(address).or_default();
        *taken = taken.saturating_add(1);
    }

    /// Denials were counted in a storm; `new` are addresses that had no place in this window.
    pub fn thin(&mut self, at: Timestamp, count: u64, new: &[IpAddr]) {
        self.roll(at);
        let storm = self.storm.get_or_insert(Storm {
            since: at,
            thinned: 0,
            told: false,
        });
        storm.thinned = storm.thinned.saturating_add(count);
        for address in new {
            self.strangers.entry(Some(*address)).or_insert(1);
        }
    }

    /// When the storm is over, if nobody else comes: a window has ended that was not full.
    pub fn ends(&self, limit: usize) -> Option<Timestamp> {
        self.storm?;
        if self.before.is_some_and(|before| before < limit) {
            return Some(self.began);
        }
        let windows = if self.strangers.len() < limit { 1 } else { 2 };
        let left = WINDOW.checked_mul(windows)?;
        self.began.checked_add(left).ok()
    }

    /// People were told that a storm began.
    pub fn told(&mut self) {
        if let Some(storm) = &mut self.storm {
            storm.told = true;
        }
    }

    /// The storm is over.
    pub fn calm(&mut self) {
        *self = Self {
            began: self.began,
            owned: std::mem::take(&mut self.owned),
            ..Self::default()
        };
    }

    /// Begins a new window when this one is over.
    fn roll(&mut self, at: Timestamp) {
        if at.duration_since(self.began) < WINDOW {
            return;
        }
        self.before = self.storm.map(|_| self.strangers.len());
        self.began = at;
        self.strangers.clear();
        self.owned.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 3;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH
            + SignedDuration::from_hours(1000)
            + SignedDuration::from_mins(minutes)
    }

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x1400_0000 + number).into()
    }

    /// Strangers come at `minute`; how many of them were written down.
    fn come(crowd: &mut Crowd, minute: i64, addresses: std::ops::Range<u32>) -> usize {
        let mut own = 0;
        for address in addresses.map(address) {
            match crowd.place(at(minute), Some(address), false, LIMIT) {
                Place::Own => {
                    crowd.enter(at(minute), Some(address), false);
                    own += 1;
                }
                Place::Storm if crowd.is_new(Some(address), LIMIT) => {
                    crowd.thin(at(minute), 1, &[address]);
                }
                Place::Storm => crowd.thin(at(minute), 1, &[]),
                Place::Shared => {}
            }
        }
        own
    }

    #[test]
    fn a_storm_ends_with_the_first_window_that_is_not_full() {
        let mut crowd = Crowd::default();
        assert_eq!(come(&mut crowd, 0, 0..10), LIMIT);
        assert_eq!(crowd.storm.unwrap().thinned, 7);
        assert_eq!(come(&mut crowd, 11, 10..20), 0);
        assert_eq!(crowd.ends(LIMIT), Some(at(31)));
        assert_eq!(come(&mut crowd, 22, 20..22), 0);
        assert_eq!(crowd.ends(LIMIT), Some(at(32)));
        assert_eq!(crowd.storm.unwrap().thinned, 19);
        crowd.calm();
        assert_eq!(come(&mut crowd, 33, 30..32), 2);
    }

    #[test]
    fn owned_addresses_have_places_of_their_own_in_any_storm() {
        let mut crowd = Crowd::default();
        come(&mut crowd, 0, 0..10);
        let ours = Some(address(99));
        assert_eq!(crowd.place(at(0), ours, true, LIMIT), Place::Own);
        for _ in 0..OF_ONE_OWNED {
            crowd.enter(at(0), ours, true);
        }
        assert_eq!(crowd.place(at(0), ours, true, LIMIT), Place::Shared);
    }

    #[test]
    fn one_address_does_not_fill_the_ledger_with_names_it_makes_up() {
        let mut crowd = Crowd::default();
        for _ in 0..100 {
            if crowd.place(at(0), None, false, LIMIT) == Place::Own {
                crowd.enter(at(0), None, false);
            }
        }
        assert_eq!(crowd.strangers[&None], OF_ONE_STRANGER);
        assert_eq!(crowd.storm, None);
    }
}
