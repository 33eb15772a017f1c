//! The largest block around an address that lies wholly in a set: how far one firewall entry may reach.

use super::{AddressSet, Kind, Ranges, Sets, WIDEST_OWNED};
use crate::net::address::is_all_global;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// How many looks at single parts a block is worth. With fewer it may come out smaller, never larger.
const LOOKS: u32 = 10_000;

/// The first and the last address of a stretch.
type Stretch = (Ipv4Addr, Ipv4Addr);

impl AddressSet {
    /// The largest CIDR block that holds `address`, lies wholly in the set as it is loaded, and is made
    /// of addresses that may be opened. `None` if that is no more than the address itself.
    pub fn block(&self, address: Ipv4Addr, sets: &Sets) -> Option<Ipv4Net> {
        let mut look = Look { sets, left: LOOKS };
        let (first, last) = look.within(self, address)?;
        let fits = |block: &Ipv4Net| {
            first <= block.network() && block.broadcast() <= last && is_all_global(*block)
        };
        (WIDEST_OWNED..32)
            .filter_map(|length| Some(Ipv4Net::new(address, length).ok()?.trunc()))
            .find(fits)
    }
}

/// Looks at the parts of a set, so many times at most.
struct Look<'a> {
    sets: &'a Sets,
    left: u32,
}

impl Look<'_> {
    /// A stretch around `address` that lies in the set.
    fn within(&mut self, set: &AddressSet, address: Ipv4Addr) -> Option<Stretch> {
        self.left = self.left.checked_sub(1)?;
        let mut stretch = match &set.kind {
            Kind::Cidrs { ranges, .. } => inside(ranges, address),
            Kind::External(external) => inside(&self.sets.get(external)?.ranges, address),
            Kind::AnyOf(parts) => {
                let mut found = self.hull(parts, address)?;
                while let Some(wider) = self.wider(parts, found) {
                    found = wider;
                }
                Some(found)
            }
        }?;
        for part in &set.except {
            stretch = self.without(part, address, stretch)?;
        }
        Some(stretch)
    }

    /// From the first to the last address of the stretches that the parts have around `address`.
    fn hull(&mut self, parts: &[std::sync::Arc<AddressSet>], address: Ipv4Addr) -> Option<Stretch> {
        let each = parts.iter().filter_map(|part| self.within(part, address));
        each.reduce(join)
    }

    /// The stretch with what the parts have right beside it, if they have anything.
    fn wider(
        &mut self,
        parts: &[std::sync::Arc<AddressSet>],
        (first, last): Stretch,
    ) -> Option<Stretch> {
        let below = u32::from(first).checked_sub(1);
        let above = u32::from(last).checked_add(1);
        let beside = [below, above].into_iter().flatten();
        beside
            .filter_map(|address| self.hull(parts, address.into()))
            .reduce(join)
            .map(|more| join(more, (first, last)))
    }

    /// The stretch as far as `part` does not reach into it, whatever that takes out of itself. `None`
    /// where it holds `address`, or nobody can say.
    fn without(
        &mut self,
        part: &AddressSet,
        address: Ipv4Addr,
        stretch: Stretch,
    ) -> Option<Stretch> {
        self.left = self.left.checked_sub(1)?;
        let ranges = match &part.kind {
            Kind::Cidrs { ranges, .. } => ranges,
            Kind::External(external) => &self.sets.get(external)?.ranges,
            Kind::AnyOf(parts) => {
                return parts.iter().try_fold(stretch, |stretch, part| {
                    self.without(part, address, stretch)
                });
            }
        };
        match ranges.around(address) {
            (true, ..) => None,
            (false, first, last) => Some((stretch.0.max(first), stretch.1.min(last))),
        }
    }
}

fn inside(ranges: &Ranges, address: Ipv4Addr) -> Option<Stretch> {
    let (inside, first, last) = ranges.around(address);
    inside.then_some((first, last))
}

fn join(one: Stretch, other: Stretch) -> Stretch {
    (one.0.min(other.0), one.1.max(other.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::Membership;
    use ipnet::IpNet;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn cidrs(networks: &[&str], except: Vec<Arc<AddressSet>>) -> Arc<AddressSet> {
        let networks = networks.iter().map(|text| text.parse::<IpNet>().unwrap());
        let ranges = Ranges::new(networks);
        let hash = ranges.hash();
        set(Kind::Cidrs { ranges, hash }, except)
    }

    fn set(kind: Kind, except: Vec<Arc<AddressSet>>) -> Arc<AddressSet> {
        Arc::new(AddressSet::new("s".to_owned(), kind, except))
    }

    fn block(set: &AddressSet, address: &str) -> Option<String> {
        let block = set.block(address.parse().unwrap(), &Sets::default());
        block.map(|block| block.to_string())
    }

    #[test]
    fn the_block_is_the_largest_that_fits() {
        let office = cidrs(&["20.0.0.0/24", "20.0.1.0/25"], vec![]);
        assert_eq!(block(&office, "20.0.0.7").as_deref(), Some("20.0.0.0/24"));
        assert_eq!(block(&office, "20.0.1.7").as_deref(), Some("20.0.1.0/25"));
        assert_eq!(block(&office, "20.0.1.200"), None, "it is not in the set");
        let alone = cidrs(&["20.0.0.1/32"], vec![]);
        assert_eq!(block(&alone, "20.0.0.1"), None);
    }

    #[test]
    fn parts_join_and_exceptions_cut() {
        let halves = vec![
            cidrs(&["20.0.0.0/25"], vec![]),
            cidrs(&["20.0.0.128/25"], vec![]),
        ];
        let whole = set(Kind::AnyOf(halves.clone()), vec![]);
        assert_eq!(block(&whole, "20.0.0.7").as_deref(), Some("20.0.0.0/24"));
        let gap = vec![cidrs(&["20.0.0.64/32"], vec![])];
        let cut = set(Kind::AnyOf(halves), gap);
        assert_eq!(block(&cut, "20.0.0.7").as_deref(), Some("20.0.0.0/26"));
    }

    #[test]
    fn what_may_never_be_opened_is_left_out() {
        let wide = cidrs(&["192.0.0.0/16"], vec![]);
        assert_eq!(block(&wide, "192.0.3.1").as_deref(), Some("192.0.3.0/24"));
        assert_eq!(block(&cidrs(&["10.0.0.0/8"], vec![]), "10.1.1.1"), None);
    }

    proptest! {
        #[test]
        fn no_address_of_it_is_outside(
            parts in prop::collection::vec((0_u8..64, 26_u8..=32), 1..6),
            gaps in prop::collection::vec((0_u8..64, 28_u8..=32), 0..3),
            last in 0_u8..64,
        ) {
            let network = |(last, length): &(u8, u8)| {
                IpNet::new(Ipv4Addr::new(20, 0, 0, *last).into(), *length).unwrap().trunc().to_string()
            };
            let sets = |blocks: &[(u8, u8)]| blocks.iter().map(|block| cidrs(&[&network(block)], vec![])).collect::<Vec<_>>();
            let set = set(Kind::AnyOf(sets(&parts)), sets(&gaps));
            let address = Ipv4Addr::new(20, 0, 0, last);
            let inside = |address: Ipv4Addr| matches!(set.holds(address.into(), &Sets::default()), Membership::Inside(_));
            let whole = |length: u8| {
                let block = Ipv4Net::new(address, length).unwrap().trunc();
                (u32::from(block.network())..=u32::from(block.broadcast())).all(|at| inside(at.into()))
            };
            let expected = (24..32).find(|length| whole(*length));
            let found = set.block(address, &Sets::default());
            prop_assert_eq!(found.map(|block| block.prefix_len()), expected);
        }
    }
}
