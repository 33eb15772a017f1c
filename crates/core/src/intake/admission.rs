//! How many new callers a registry has had lately, and what happens when they are too many.
//!
//! Anyone can be refused, from as many addresses as they can send from. Each address that nobody
//! owns has a place in the registry's admission window; once a window's places are taken, a flood begins: new
//! denials from such addresses are counted and no longer written down one by one, until a window
//! ends in which fewer came. Addresses that somebody owns have places of their own.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How long a place in the crowd is kept.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// How many distinct addresses a registry may have in a window where its configuration does not say
/// otherwise; also for denials that lead to no registry.
pub const MAX_UNKNOWN_ADDRESSES: usize = 200;

/// How many denials that differ an unknown source's address may have written down in a window.
const PER_UNKNOWN_SOURCE: u32 = 16;

/// The places for addresses that somebody owns, whatever the unknown sources do.
const OWNED_ADDRESSES: usize = 4096;

/// How many denials that differ an owned address may have written down in a window.
const PER_OWNED_SOURCE: u32 = 64;

/// The new callers of one registry within one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdmissionWindow {
    began: Timestamp,
    unknown_sources: BTreeMap<Option<IpAddr>, u32>,
    owned: BTreeMap<Option<IpAddr>, u32>,
    /// How many unknown sources the window before this one had, if it began within the flood.
    before: Option<usize>,
    /// The flood, while there is one.
    pub flood: Option<Flood>,
}

/// A flood over a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// When it began.
    pub since: Timestamp,
    /// How many denials were counted instead of written down.
    pub suppressed: u64,
    /// Whether people were told.
    pub announced: bool,
}

/// What is to be done with a new denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is written down and decided.
    Own,
    /// It is counted: its address has had enough of its own.
    Shared,
    /// It is counted: its registry is in a flood.
    Flood,
}

impl AdmissionWindow {
    /// Which place a new denial gets that arrives at `at`, where `limit` unknown sources may have one.
    pub fn place(
        &mut self,
        at: Timestamp,
        address: Option<IpAddr>,
        owned: bool,
        limit: usize,
    ) -> Admission {
        self.roll(at);
        let (of_one, most) = if owned {
            (PER_OWNED_SOURCE, OWNED_ADDRESSES)
        } else {
            (PER_UNKNOWN_SOURCE, limit)
        };
        if self.flood.is_some() && !owned {
            return Admission::Flood;
        }
        let places = if owned {
            &self.owned
        } else {
            &self.unknown_sources
        };
        match places.get(&address) {
            Some(taken) if *taken >= of_one => Admission::Shared,
            None if places.len() >= most && owned => Admission::Shared,
            None if places.len() >= most => Admission::Flood,
            Some(_) | None => Admission::Own,
        }
    }

    /// Whether `address` is not in the crowd yet, and the crowd has not reached `limit`.
    pub fn is_new(&self, address: Option<IpAddr>, limit: usize) -> bool {
        self.unknown_sources.len() < limit && !self.unknown_sources.contains_key(&address)
    }

    /// A denial was written down.
    pub fn enter(&mut self, at: Timestamp, address: Option<IpAddr>, owned: bool) {
        self.roll(at);
        let places = if owned {
            &mut self.owned
        } else {
            &mut self.unknown_sources
        };
        let taken = places.entry(address).or_default();
        *taken = taken.saturating_add(1);
    }

    /// Denials were counted in a flood; `new` are addresses that had no place in this window.
    pub fn suppress(&mut self, at: Timestamp, count: u64, new: &[IpAddr]) {
        self.roll(at);
        let flood = self.flood.get_or_insert(Flood {
            since: at,
            suppressed: 0,
            announced: false,
        });
        flood.suppressed = flood.suppressed.saturating_add(count);
        for address in new {
            self.unknown_sources.entry(Some(*address)).or_insert(1);
        }
    }

    /// When the flood is over, if nobody else comes: a window has ended that was not full.
    pub fn ends(&self, limit: usize) -> Option<Timestamp> {
        self.flood?;
        if self.before.is_some_and(|before| before < limit) {
            return Some(self.began);
        }
        let windows = if self.unknown_sources.len() < limit {
            1
        } else {
            2
        };
        let left = WINDOW.checked_mul(windows)?;
        self.began.checked_add(left).ok()
    }

    /// People were told that a flood began.
    pub fn announce(&mut self) {
        if let Some(flood) = &mut self.flood {
            flood.announced = true;
        }
    }

    /// The flood is over.
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
        self.before = self.flood.map(|_| self.unknown_sources.len());
        self.began = at;
        self.unknown_sources.clear();
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

    /// Unknown sources come at `minute`; how many of them were written down.
    fn come(
        admission: &mut AdmissionWindow,
        minute: i64,
        addresses: std::ops::Range<u32>,
    ) -> usize {
        let mut own = 0;
        for address in addresses.map(address) {
            match admission.place(at(minute), Some(address), false, LIMIT) {
                Admission::Own => {
                    admission.enter(at(minute), Some(address), false);
                    own += 1;
                }
                Admission::Flood if admission.is_new(Some(address), LIMIT) => {
                    admission.suppress(at(minute), 1, &[address]);
                }
                Admission::Flood => admission.suppress(at(minute), 1, &[]),
                Admission::Shared => {}
            }
        }
        own
    }

    #[test]
    fn a_flood_ends_with_the_first_window_that_is_not_full() {
        let mut admission = AdmissionWindow::default();
        assert_eq!(come(&mut admission, 0, 0..10), LIMIT);
        assert_eq!(admission.flood.unwrap().suppressed, 7);
        assert_eq!(come(&mut admission, 11, 10..20), 0);
        assert_eq!(admission.ends(LIMIT), Some(at(31)));
        assert_eq!(come(&mut admission, 22, 20..22), 0);
        assert_eq!(admission.ends(LIMIT), Some(at(32)));
        assert_eq!(admission.flood.unwrap().suppressed, 19);
        admission.calm();
        assert_eq!(come(&mut admission, 33, 30..32), 2);
    }

    #[test]
    fn owned_addresses_have_places_of_their_own_in_any_flood() {
        let mut admission = AdmissionWindow::default();
        come(&mut admission, 0, 0..10);
        let ours = Some(address(99));
        assert_eq!(admission.place(at(0), ours, true, LIMIT), Admission::Own);
        for _ in 0..PER_OWNED_SOURCE {
            admission.enter(at(0), ours, true);
        }
        assert_eq!(admission.place(at(0), ours, true, LIMIT), Admission::Shared);
    }

    #[test]
    fn one_address_does_not_fill_the_ledger_with_names_it_makes_up() {
        let mut admission = AdmissionWindow::default();
        for _ in 0..100 {
            if admission.place(at(0), None, false, LIMIT) == Admission::Own {
                admission.enter(at(0), None, false);
            }
        }
        assert_eq!(admission.unknown_sources[&None], PER_UNKNOWN_SOURCE);
        assert_eq!(admission.flood, None);
    }
}
