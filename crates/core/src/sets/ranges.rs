//! Many networks as sorted ranges: membership is one binary search.

use super::Size;
use aws_lc_rs::digest::{Context, SHA256};
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of a set of networks, merged and sorted, IPv4 and IPv6 apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    v6: Vec<(Ipv6Addr, Ipv6Addr)>,
}

impl Ranges {
    /// The union of `networks`.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNet::V4(network) => v4.push((network.network(), network.broadcast())),
                IpNet::V6(network) => v6.push((network.network(), network.broadcast())),
            }
        }
        Self {
            v4: merge(v4, |end, start| {
                u32::from(start) <= u32::from(end).saturating_add(1)
            }),
            v6: merge(v6, |end, start| {
                u128::from(start) <= u128::from(end).saturating_add(1)
            }),
        }
    }

    /// Whether `address` is in one of them. IPv4 addresses mapped into IPv6 count as what they are.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => holds(&self.v4, address),
            IpAddr::V6(address) => holds(&self.v6, address),
        }
    }

    /// How many addresses away the nearest one is; 0 for one of them, `None` where there is none of
    /// this kind. IPv4 addresses mapped into IPv6 count as what they are.
    pub fn distance(&self, address: IpAddr) -> Option<u128> {
        match address.to_canonical() {
            IpAddr::V4(address) => distance(&self.v4, address, |at| u128::from(at.to_bits())),
            IpAddr::V6(address) => distance(&self.v6, address, Ipv6Addr::to_bits),
        }
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        let count = |(start, end): &(Ipv4Addr, Ipv4Addr)| {
            let more = end.to_bits().saturating_sub(start.to_bits());
            u64::from(more).saturating_add(1)
        };
        Size {
            addresses: self.v4.iter().map(count).fold(0, u64::saturating_add),
            stretches_v6: u64::try_from(self.v6.len()).unwrap_or(u64::MAX),
        }
    }

    /// How many addresses of version 4 both hold.
    pub fn overlap(&self, other: &Self) -> u64 {
        let (mut ours, mut theirs) = (self.v4.iter().peekable(), other.v4.iter().peekable());
        let mut both = 0_u64;
        while let (Some((start, end)), Some((other_start, other_end))) =
            (ours.peek(), theirs.peek())
        {
            let (from, to) = (
                start.max(other_start).to_bits(),
                end.min(other_end).to_bits(),
            );
            if let Some(more) = to.checked_sub(from) {
                both = both.saturating_add(u64::from(more).saturating_add(1));
            }
            if end < other_end {
                ours.next();
            } else {
                theirs.next();
            }
        }
        both
    }

    /// The fewest networks that hold the same addresses, in order, or `None` where these are more than
    /// `most`.
    pub fn networks(&self, most: usize) -> Option<Vec<IpNet>> {
        let v4 = self.v4.iter();
        let v4 = v4.flat_map(|(start, end)| Ipv4Subnets::new(*start, *end, 0).map(IpNet::V4));
        let v6 = self.v6.iter();
        let v6 = v6.flat_map(|(start, end)| Ipv6Subnets::new(*start, *end, 0).map(IpNet::V6));
        let networks: Vec<IpNet> = v4.chain(v6).take(most.saturating_add(1)).collect();
        (networks.len() <= most).then_some(networks)
    }

    /// The first and the last of the IPv4 addresses around `address` that are all in them as it is, or
    /// all outside as it is; and whether that is inside.
    pub fn around(&self, address: Ipv4Addr) -> (bool, Ipv4Addr, Ipv4Addr) {
        let after = self.v4.partition_point(|(start, _)| *start <= address);
        let below = after.checked_sub(1).and_then(|index| self.v4.get(index));
        match below {
            Some((start, end)) if address <= *end => (true, *start, *end),
            _ => {
                let first = below.map_or(0, |(_, end)| u32::from(*end).saturating_add(1));
                let above = self.v4.get(after);
                let last = above.map_or(u32::MAX, |(start, _)| u32::from(*start).saturating_sub(1));
                (false, first.into(), last.into())
            }
        }
    }

    /// Whether every address of these is one of `other`.
    pub fn lie_in(&self, other: &Self) -> bool {
        let v4 = self.v4.iter().all(|range| lies_in(*range, &other.v4));
        v4 && self.v6.iter().all(|range| lies_in(*range, &other.v6))
    }

    /// Whether there is no address at all.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The first stretch of IPv4 addresses that is longer than a network of `length` bits.
    pub fn wider_than(&self, length: u8) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let most = u64::from(u32::MAX).checked_shr(length.into()).unwrap_or(0);
        let wide = |&&(start, end): &&(Ipv4Addr, Ipv4Addr)| {
            u64::from(u32::from(end).saturating_sub(u32::from(start))) > most
        };
        self.v4.iter().find(wide).copied()
    }

    /// `sha256:…` over the merged ranges: equal for equal sets, however they were written.
    pub fn hash(&self) -> String {
        let v4 = self.v4.iter().map(|(start, end)| format!("{start}-{end}"));
        let v6 = self.v6.iter().map(|(start, end)| format!("{start}-{end}"));
        sha256(v4.chain(v6))
    }
}

/// `sha256:…` over parts, each with its length, so that no two lists of parts are one.
pub fn sha256<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        let part = part.as_ref();
        digest.update(&part.len().to_be_bytes());
        digest.update(part);
    }
    let mut text = String::from("sha256:");
    for byte in digest.finish().as_ref() {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// Sorts ranges and joins those that overlap or touch.
fn merge<A: Ord + Copy>(mut ranges: Vec<(A, A)>, touches: impl Fn(A, A) -> bool) -> Vec<(A, A)> {
    ranges.sort_unstable();
    let mut merged: Vec<(A, A)> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match merged.last_mut() {
            Some((_, last)) if touches(*last, start) => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged.shrink_to_fit();
    merged
}

fn holds<A: Ord + Copy>(ranges: &[(A, A)], address: A) -> bool {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    after
        .checked_sub(1)
        .and_then(|index| ranges.get(index))
        .is_some_and(|(_, end)| address <= *end)
}

/// Whether a stretch lies in one of the ranges, which do not touch each other.
fn lies_in<A: Ord + Copy>((start, end): (A, A), ranges: &[(A, A)]) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= start);
    let below = after.checked_sub(1).and_then(|index| ranges.get(index));
    below.is_some_and(|(_, last)| end <= *last)
}

/// How far `address` is from the ranges beside it.
fn distance<A: Ord + Copy>(
    ranges: &[(A, A)],
    address: A,
    number: impl Fn(A) -> u128,
) -> Option<u128> {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    let below = after.checked_sub(1).and_then(|index| ranges.get(index));
    let below = below.map(|(_, end)| number(address).saturating_sub(number(*end)));
    let above = ranges.get(after);
    let above = above.map(|(start, _)| number(*start).saturating_sub(number(address)));
    below.into_iter().chain(above).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn edges_belong_and_neighbours_do_not() {
        let ranges = Ranges::new(networks(&["20.1.2.0/30", "20.1.2.8/32", "2603:1030::/32"]));
        for (text, inside) in [
            ("20.1.1.255", false),
            ("20.1.2.0", true),
            ("20.1.2.3", true),
            ("20.1.2.4", false),
            ("20.1.2.8", true),
            ("::ffff:20.1.2.8", true),
            ("2603:1030:ffff::1", true),
            ("2603:1031::", false),
        ] {
            assert_eq!(ranges.contains(text.parse().unwrap()), inside, "{text}");
        }
    }

    #[test]
    fn the_nearest_range_says_how_far() {
        let ranges = Ranges::new(networks(&["20.1.2.4/30", "20.1.3.0/24", "2603:1030::/32"]));
        for (text, distance) in [
            ("20.1.2.5", Some(0)),
            ("20.1.2.3", Some(1)),
            ("20.1.2.9", Some(2)),
            ("20.1.2.254", Some(2)),
            ("2603:1031::", Some(1)),
        ] {
            assert_eq!(ranges.distance(text.parse().unwrap()), distance, "{text}");
        }
        assert_eq!(
            Ranges::default().distance("20.1.2.3".parse().unwrap()),
            None
        );
    }

    #[test]
    fn the_hash_is_of_the_addresses_not_of_the_spelling() {
        let halves = Ranges::new(networks(&["20.0.0.128/25", "20.0.0.0/25", "20.0.0.7/32"]));
        let whole = Ranges::new(networks(&["20.0.0.0/24"]));
        assert_eq!(halves.hash(), whole.hash());
        assert_ne!(whole.hash(), Ranges::default().hash());
    }

    #[test]
    fn networks_of_ranges_are_the_same_addresses() {
        let ranges = Ranges::new(networks(&[
            "20.0.0.0/25",
            "20.0.0.128/26",
            "2603:1030::/32",
        ]));
        let found = ranges.networks(3).unwrap();
        assert_eq!(
            found,
            networks(&["20.0.0.0/25", "20.0.0.128/26", "2603:1030::/32"])
        );
        assert_eq!(Ranges::new(found).hash(), ranges.hash());
        assert_eq!(ranges.networks(2), None);
        assert_eq!(Ranges::default().networks(0), Some(vec![]));
        assert_eq!(
            ranges.size(),
            Size {
                addresses: 192,
                stretches_v6: 1
            }
        );
        let other = Ranges::new(networks(&["20.0.0.64/26", "20.0.0.128/25", "20.0.9.0/24"]));
        assert_eq!((ranges.overlap(&other), other.overlap(&ranges)), (128, 128));
    }

    #[test]
    fn width_counts_what_touches() {
        let wide = |texts: &[&str]| Ranges::new(networks(texts)).wider_than(8).is_some();
        assert!(!wide(&["20.0.0.0/8", "40.0.0.0/8"]));
        assert!(wide(&["20.0.0.0/8", "21.0.0.0/32"]));
        assert!(wide(&["0.0.0.0/0"]));
    }

    proptest! {
        #[test]
        fn a_linear_scan_agrees(
            blocks in prop::collection::vec((any::<u32>(), 4_u8..=32), 0..40),
            probe: u32,
            near in 0_usize..40,
            off in -2_i64..=2,
        ) {
            let networks: Vec<IpNet> = blocks
                .iter()
                .map(|(bits, length)| IpNet::new(Ipv4Addr::from(*bits).into(), *length).unwrap().trunc())
                .collect();
            let edge = networks.get(near).map_or(0, |network| match network.broadcast() {
                IpAddr::V4(end) => u32::from(end),
                IpAddr::V6(_) => 0,
            });
            let beside = u32::try_from(i64::from(edge).saturating_add(off)).unwrap_or(0);
            let ranges = Ranges::new(networks.clone());
            for bits in [probe, beside] {
                let address = IpAddr::from(Ipv4Addr::from(bits));
                let expected = networks.iter().any(|network| network.contains(&address));
                prop_assert_eq!(ranges.contains(address), expected);
            }
        }
    }
}
