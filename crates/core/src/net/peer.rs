//! Whose connection it is, behind proxies: only what a trusted proxy wrote is believed.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The peer's address. `direct` is who holds the connection; `forwarded` are the entries of
/// `X-Forwarded-For` from left to right, where each proxy appends the address that it saw.
///
/// The list is read from its right end: the first address that is no trusted proxy is the peer's, and
/// whatever stands before it was written by the peer. `None` where a trusted proxy does not say.
pub fn peer<'a>(
    direct: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let is_proxy = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let direct = direct.to_canonical();
    if !is_proxy(&direct) {
        return Some(direct);
    }
    for entry in forwarded.rev() {
        let address = address(entry)?;
        if !is_proxy(&address) {
            return Some(address);
        }
    }
    None
}

/// What one peer is taken for: who holds one IPv6 address holds its /64.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => {
            let prefix = ip.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(prefix).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// `20.1.2.3`, `20.1.2.3:4711` (Application Gateway writes the port), `2001:db8::1`, `[2001:db8::1]:4711`.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare
        .unwrap_or(entry)
        .parse::<IpAddr>()
        .or_else(|_| entry.parse().map(|socket: SocketAddr| socket.ip()));
    Some(address.ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(direct: &str, forwarded: &str) -> Option<String> {
        let trusted = [
            "10.0.0.0/8".parse().unwrap(),
            "192.0.2.7/32".parse().unwrap(),
        ];
        let peer = peer(direct.parse().unwrap(), forwarded.split(','), &trusted);
        peer.map(|peer| peer.to_string())
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_peers() {
        for (direct, forwarded, expected) in [
            ("20.1.2.3", "", Some("20.1.2.3")),
            ("::ffff:20.1.2.3", "", Some("20.1.2.3")),
            // Not a proxy of ours: what it says is not looked at.
            ("20.1.2.3", "20.9.9.9", Some("20.1.2.3")),
            ("10.0.0.1", "20.1.2.3", Some("20.1.2.3")),
            ("10.0.0.1", "20.9.9.9, 20.1.2.3", Some("20.1.2.3")),
            (
                "10.0.0.1",
                "20.9.9.9, 20.1.2.3, 192.0.2.7",
                Some("20.1.2.3"),
            ),
            (
                "10.0.0.1",
                "20.9.9.9, 20.1.2.3:4711, 10.0.0.2",
                Some("20.1.2.3"),
            ),
            ("10.0.0.1", "[2001:db8::1]:443", Some("2001:db8::1")),
            ("10.0.0.1", "2001:db8::1", Some("2001:db8::1")),
            // A proxy that does not say, or says what nobody understands.
            ("10.0.0.1", "", None),
            ("10.0.0.1", "20.1.2.3, unknown", None),
            ("10.0.0.1", "10.0.0.2", None),
        ] {
            assert_eq!(
                seen(direct, forwarded).as_deref(),
                expected,
                "{direct} {forwarded}"
            );
        }
    }
}
