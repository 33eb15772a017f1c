//! Which addresses a registry's firewall may ever be opened for: global unicast IPv4, nothing else.
//!
//! These guardrails have no switch. Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries,
//! the IANA IPv4 Multicast registry, and Azure's virtual public address 168.63.129.16
//! (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>).

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A global unicast IPv4 address: the only kind that a firewall entry may be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Ipv4Addr", into = "Ipv4Addr")]
pub struct GlobalIpv4(Ipv4Addr);

/// Why an address may never be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpenable {
    /// ACR's IP rules cannot express IPv6.
    #[error(
        "`{0}` is an IPv6 address, and ACR's IP rules take IPv4 only: give the caller an IPv4 egress or a private endpoint"
    )]
    Ipv6(IpAddr),
    /// Private, reserved, multicast or otherwise not globally reachable.
    #[error(
        "`{address}` lies in {network} ({name}), which no caller on the internet can have: look for the address that the registry saw"
    )]
    Special {
        /// The address.
        address: Ipv4Addr,
        /// The special-purpose block.
        network: &'static str,
        /// Its name in the registry.
        name: &'static str,
    },
}

/// Blocks that are not globally reachable, more specific ones first, each with its registry name.
/// The globally reachable exceptions of 192.0.0.0/24 are anycast service addresses, which no caller
/// sends from: they stay closed with their block.
const SPECIAL: &[(u32, u8, &str, &str)] = &[
    (ip(0, 0, 0, 0), 8, "0.0.0.0/8", "this network"),
    (ip(10, 0, 0, 0), 8, "10.0.0.0/8", "private use"),
    (
        ip(100, 64, 0, 0),
        10,
        "100.64.0.0/10",
        "shared address space",
    ),
    (ip(127, 0, 0, 0), 8, "127.0.0.0/8", "loopback"),
    (
        ip(168, 63, 129, 16),
        32,
        "168.63.129.16/32",
        "Azure's virtual public address",
    ),
    (ip(169, 254, 0, 0), 16, "169.254.0.0/16", "link local"),
    (ip(172, 16, 0, 0), 12, "172.16.0.0/12", "private use"),
    (
        ip(192, 0, 0, 0),
        24,
        "192.0.0.0/24",
        "IETF protocol assignments",
    ),
    (
        ip(192, 0, 2, 0),
        24,
        "192.0.2.0/24",
        "documentation TEST-NET-1",
    ),
    (ip(192, 31, 196, 0), 24, "192.31.196.0/24", "AS112-v4"),
    (ip(192, 52, 193, 0), 24, "192.52.193.0/24", "AMT"),
    (
        ip(192, 88, 99, 0),
        24,
        "192.88.99.0/24",
        "deprecated 6to4 relay anycast",
    ),
    (ip(192, 168, 0, 0), 16, "192.168.0.0/16", "private use"),
    (
        ip(192, 175, 48, 0),
        24,
        "192.175.48.0/24",
        "direct delegation AS112 service",
    ),
    (ip(198, 18, 0, 0), 15, "198.18.0.0/15", "benchmarking"),
    (
        ip(198, 51, 100, 0),
        24,
        "198.51.100.0/24",
        "documentation TEST-NET-2",
    ),
    (
        ip(203, 0, 113, 0),
        24,
        "203.0.113.0/24",
        "documentation TEST-NET-3",
    ),
    (ip(224, 0, 0, 0), 4, "224.0.0.0/4", "multicast"),
    (ip(240, 0, 0, 0), 4, "240.0.0.0/4", "reserved"),
];

const fn ip(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

impl GlobalIpv4 {
    /// The address itself.
    pub fn get(self) -> Ipv4Addr {
        self.0
    }

    /// The address as a network of one: the entry that doorward writes for it while there is room.
    pub fn network(self) -> Ipv4Net {
        Ipv4Net::from(self.0)
    }

    /// Whether every address of `network` is one that may be opened.
    pub fn is_all_of(network: Ipv4Net) -> bool {
        let overlaps = |&(base, length, ..): &(u32, u8, &str, &str)| {
            let common = (network.network().to_bits() ^ base).leading_zeros();
            common >= u32::from(length.min(network.prefix_len()))
        };
        !SPECIAL.iter().any(overlaps)
    }
}

/// Whether every address of a network is one that may be opened.
pub fn is_all_global(network: Ipv4Net) -> bool {
    let base = u32::from(network.network());
    let apart = |(special, length, ..): &(u32, u8, &str, &str)| {
        let shorter = u32::from((*length).min(network.prefix_len()));
        (base ^ special).leading_zeros() < shorter
    };
    SPECIAL.iter().all(apart)
}

impl TryFrom<IpAddr> for GlobalIpv4 {
    type Error = NotOpenable;

    /// IPv4 addresses mapped into IPv6 (`::ffff:a.b.c.d`) count as what they are.
    fn try_from(address: IpAddr) -> Result<Self, NotOpenable> {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::try_from(address),
            IpAddr::V6(_) => Err(NotOpenable::Ipv6(address)),
        }
    }
}

impl TryFrom<Ipv4Addr> for GlobalIpv4 {
    type Error = NotOpenable;

    fn try_from(address: Ipv4Addr) -> Result<Self, NotOpenable> {
        let bits = u32::from(address);
        let inside = |&&(base, length, ..): &&(u32, u8, &str, &str)| {
            (bits ^ base).leading_zeros() >= u32::from(length)
        };
        match SPECIAL.iter().find(inside) {
            Some(&(_, _, network, name)) => Err(NotOpenable::Special {
                address,
                network,
                name,
            }),
            None => Ok(Self(address)),
        }
    }
}

impl From<GlobalIpv4> for Ipv4Addr {
    fn from(address: GlobalIpv4) -> Self {
        address.0
    }
}

impl fmt::Display for GlobalIpv4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
