//! Tests of `address`.

use super::*;
use proptest::prelude::*;

fn openable(text: &str) -> Result<GlobalIpv4, NotOpenable> {
    GlobalIpv4::try_from(text.parse::<IpAddr>().unwrap())
}

#[test]
fn ordinary_addresses_may_be_opened() {
    for text in [
        "20.1.2.3",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.0",
        "172.32.0.1",
        "223.255.255.255",
        "168.63.129.17",
        "::ffff:20.1.2.3",
    ] {
        assert!(openable(text).is_ok(), "{text}");
    }
}

#[test]
fn special_addresses_never() {
    for text in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.19.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::ffff:10.0.0.1",
    ] {
        assert!(
            matches!(openable(text), Err(NotOpenable::Special { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        openable("2603:1030::1"),
        Err(NotOpenable::Ipv6(_))
    ));
}

#[test]
fn a_network_may_be_opened_if_all_of_it_may() {
    for (network, openable) in [
        ("20.1.2.0/24", true),
        ("168.63.129.16/32", false),
        ("168.63.129.0/24", false),
        ("168.63.130.0/24", true),
        ("192.0.0.0/16", false),
        ("10.1.2.3/32", false),
        ("0.0.0.0/0", false),
        ("11.0.0.0/8", true),
    ] {
        assert_eq!(
            GlobalIpv4::is_all_of(network.parse().unwrap()),
            openable,
            "{network}"
        );
    }
}

proptest! {
    #[test]
    fn a_network_may_be_opened_if_its_addresses_may(bits: u32, length in 24..=32_u8, at: u32) {
        let network = Ipv4Net::new(bits.into(), length).unwrap().trunc();
        let inside = Ipv4Addr::from(network.network().to_bits() | (at & network.hostmask().to_bits()));
        prop_assert!(!GlobalIpv4::is_all_of(network) || GlobalIpv4::try_from(inside).is_ok());
    }

    #[test]
    fn the_standard_library_agrees_about_what_it_knows(bits: u32) {
        let address = Ipv4Addr::from(bits);
        let known = address.is_private() || address.is_loopback() || address.is_link_local()
            || address.is_broadcast() || address.is_documentation() || address.is_multicast() || address.is_unspecified();
        prop_assert!(!(known && GlobalIpv4::try_from(address).is_ok()));
    }
}
