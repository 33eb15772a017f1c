//! What an address is by IANA's registries: whether anybody on the internet can have it.
//!
//! Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>), the multicast registries, and Azure's
//! virtual public address (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>).
//! [`GlobalIpv4`](crate::net::address::GlobalIpv4) is stricter: it also leaves out anycast service addresses,
//! which nobody sends from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of the registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// Its name there.
    pub name: &'static str,
    /// Whether its addresses are globally reachable. What the registry leaves open (`N/A`) is not.
    pub global: bool,
}

/// The block that an address lies in, the narrowest if several hold it; `None` for ordinary addresses.
/// IPv4 addresses mapped into IPv6 count as what they are.
pub fn special(address: IpAddr) -> Option<Special> {
    let held = |bits: u128, blocks: &[(u128, u8, &'static str, bool)]| {
        let inside = |base: u128, length: u8| {
            (bits ^ base)
                .checked_shr(128_u32.saturating_sub(length.into()))
                .is_none_or(|rest| rest == 0)
        };
        blocks
            .iter()
            .filter(|(base, length, ..)| inside(*base, *length))
            .max_by_key(|(_, length, ..)| *length)
            .map(|(_, _, name, global)| Special {
                name,
                global: *global,
            })
    };
    match address.to_canonical() {
        IpAddr::V4(address) => held(wide(address), V4),
        IpAddr::V6(address) => held(address.to_bits(), V6),
    }
}

/// Whether an address is globally reachable, no multicast, and not Azure's own.
pub fn is_global(address: IpAddr) -> bool {
    special(address).is_none_or(|special| special.global)
}

/// An IPv4 address in the upper bits, so that both kinds compare alike.
const fn wide(address: Ipv4Addr) -> u128 {
    (address.to_bits() as u128) << 96
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> u128 {
    wide(Ipv4Addr::new(a, b, c, d))
}

const fn v6(head: [u16; 4], last: u16) -> u128 {
    let [a, b, c, d] = head;
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, last).to_bits()
}

/// Base, length, name, globally reachable.
const V4: &[(u128, u8, &str, bool)] = &[
    (v4(0, 0, 0, 0), 8, "this network", false),
    (v4(10, 0, 0, 0), 8, "private use", false),
    (v4(100, 64, 0, 0), 10, "shared address space", false),
    (v4(127, 0, 0, 0), 8, "loopback", false),
    (
        v4(168, 63, 129, 16),
        32,
        "Azure's virtual public address",
        false,
    ),
    (v4(169, 254, 0, 0), 16, "link local", false),
    (v4(172, 16, 0, 0), 12, "private use", false),
    (v4(192, 0, 0, 0), 24, "IETF protocol assignments", false),
    (
        v4(192, 0, 0, 0),
        29,
        "IPv4 service continuity prefix",
        false,
    ),
    (v4(192, 0, 0, 8), 32, "IPv4 dummy address", false),
    (v4(192, 0, 0, 9), 32, "Port Control Protocol anycast", true),
    (v4(192, 0, 0, 10), 32, "TURN anycast", true),
    (v4(192, 0, 0, 170), 31, "NAT64/DNS64 discovery", false),
    (v4(192, 0, 2, 0), 24, "documentation TEST-NET-1", false),
    (v4(192, 31, 196, 0), 24, "AS112-v4", true),
    (v4(192, 52, 193, 0), 24, "AMT", true),
    (
        v4(192, 88, 99, 0),
        24,
        "deprecated 6to4 relay anycast",
        false,
    ),
    (v4(192, 168, 0, 0), 16, "private use", false),
    (
        v4(192, 175, 48, 0),
        24,
        "direct delegation AS112 service",
        true,
    ),
    (v4(198, 18, 0, 0), 15, "benchmarking", false),
    (v4(198, 51, 100, 0), 24, "documentation TEST-NET-2", false),
    (v4(203, 0, 113, 0), 24, "documentation TEST-NET-3", false),
    (v4(224, 0, 0, 0), 4, "multicast", false),
    (v4(240, 0, 0, 0), 4, "reserved", false),
    (v4(255, 255, 255, 255), 32, "limited broadcast", false),
];

/// Base, length, name, globally reachable.
const V6: &[(u128, u8, &str, bool)] = &[
    (v6([0, 0, 0, 0], 0), 128, "unspecified address", false),
    (v6([0, 0, 0, 0], 1), 128, "loopback address", false),
    (
        v6([0x64, 0xff9b, 0, 0], 0),
        96,
        "IPv4-IPv6 translation",
        true,
    ),
    (
        v6([0x64, 0xff9b, 1, 0], 0),
        48,
        "IPv4-IPv6 translation",
        false,
    ),
    (
        v6([0x100, 0, 0, 0], 0),
        64,
        "discard-only address block",
        false,
    ),
    (v6([0x100, 0, 0, 1], 0), 64, "dummy IPv6 prefix", false),
    (
        v6([0x2001, 0, 0, 0], 0),
        23,
        "IETF protocol assignments",
        false,
    ),
    (v6([0x2001, 0, 0, 0], 0), 32, "TEREDO", false),
    (
        v6([0x2001, 1, 0, 0], 1),
        128,
        "Port Control Protocol anycast",
        true,
    ),
    (v6([0x2001, 1, 0, 0], 2), 128, "TURN anycast", true),
    (
        v6([0x2001, 1, 0, 0], 3),
        128,
        "DNS-SD service registration anycast",
        true,
    ),
    (v6([0x2001, 2, 0, 0], 0), 48, "benchmarking", false),
    (v6([0x2001, 3, 0, 0], 0), 32, "AMT", true),
    (v6([0x2001, 4, 0x112, 0], 0), 48, "AS112-v6", true),
    (v6([0x2001, 0x10, 0, 0], 0), 28, "deprecated ORCHID", false),
    (v6([0x2001, 0x20, 0, 0], 0), 28, "ORCHIDv2", true),
    (
        v6([0x2001, 0x30, 0, 0], 0),
        28,
        "drone remote ID entity tags",
        true,
    ),
    (v6([0x2001, 0xdb8, 0, 0], 0), 32, "documentation", false),
    (v6([0x2002, 0, 0, 0], 0), 16, "6to4", false),
    (
        v6([0x2620, 0x4f, 0x8000, 0], 0),
        48,
        "direct delegation AS112 service",
        true,
    ),
    (v6([0x3fff, 0, 0, 0], 0), 20, "documentation", false),
    (
        v6([0x5f00, 0, 0, 0], 0),
        16,
        "segment routing (SRv6) SIDs",
        false,
    ),
    (v6([0xfc00, 0, 0, 0], 0), 7, "unique local", false),
    (v6([0xfe80, 0, 0, 0], 0), 10, "link-local unicast", false),
    (v6([0xff00, 0, 0, 0], 0), 8, "multicast", false),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::address::GlobalIpv4;
    use proptest::prelude::*;

    #[test]
    fn the_narrowest_block_says_what_an_address_is() {
        for (text, name, global) in [
            ("20.1.2.3", None, true),
            ("::ffff:20.1.2.3", None, true),
            ("::ffff:10.1.2.3", Some("private use"), false),
            ("192.0.0.9", Some("Port Control Protocol anycast"), true),
            ("192.0.0.11", Some("IETF protocol assignments"), false),
            ("192.31.196.1", Some("AS112-v4"), true),
            (
                "168.63.129.16",
                Some("Azure's virtual public address"),
                false,
            ),
            ("168.63.129.17", None, true),
            ("224.0.0.1", Some("multicast"), false),
            ("255.255.255.255", Some("limited broadcast"), false),
            ("::1", Some("loopback address"), false),
            ("2603:1030::1", None, true),
            ("64:ff9b::1401:203", Some("IPv4-IPv6 translation"), true),
            ("64:ff9b:1::1", Some("IPv4-IPv6 translation"), false),
            ("2001:1::2", Some("TURN anycast"), true),
            ("2001:1::4", Some("IETF protocol assignments"), false),
            ("2001:4:112::1", Some("AS112-v6"), true),
            ("2001:db8::1", Some("documentation"), false),
            ("2001:200::1", None, true),
            ("ff02::1", Some("multicast"), false),
            ("fdff::1", Some("unique local"), false),
        ] {
            let address = text.parse().unwrap();
            assert_eq!(special(address).map(|special| special.name), name, "{text}");
            assert_eq!(is_global(address), global, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_may_open_is_global(bits: u32) {
            let address = IpAddr::from(Ipv4Addr::from_bits(bits));
            if GlobalIpv4::try_from(address).is_ok() {
                prop_assert!(is_global(address) && special(address).is_none());
            }
        }
    }
}
