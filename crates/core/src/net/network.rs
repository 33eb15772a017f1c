//! A firewall entry's network, in the one form that is written: as Azure stores it.
//!
//! One address stands as the bare address, everything wider as `a.b.c.d/nn`. Both forms of one address
//! are read, and compared as networks they are the same
//! (<https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks>).

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// The network as it is written: `20.1.2.3` or `20.1.2.0/24`.
pub fn text(network: Ipv4Net) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// What a text admits, in either form; bits of the host are dropped. None if that is not an IPv4
/// network as we know it.
pub fn parse(text: &str) -> Option<Ipv4Net> {
    let address = || text.parse::<Ipv4Addr>().ok().map(Ipv4Net::from);
    text.parse::<Ipv4Net>()
        .ok()
        .map(|network| network.trunc())
        .or_else(address)
}

/// Several networks in serde's formats: a list of texts.
pub mod list {
    use ipnet::Ipv4Net;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes each as [`text`](super::text) does.
    pub fn serialize<S: Serializer>(networks: &[Ipv4Net], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(networks.iter().map(|network| super::text(*network)))
    }

    /// Reads each as [`parse`](super::parse) does.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Ipv4Net>, D::Error> {
        let read = |text: &String| {
            super::parse(text).ok_or_else(|| {
                D::Error::custom(format!(
                    "`{text}` is no IPv4 address or network: write `a.b.c.d` or `a.b.c.d/nn`"
                ))
            })
        };
        Vec::<String>::deserialize(from)?.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holds(#[serde(with = "list")] Vec<Ipv4Net>);

    #[test]
    fn one_address_has_two_forms_and_is_written_in_one() {
        let one = Ipv4Net::from(Ipv4Addr::new(20, 1, 2, 3));
        let block: Ipv4Net = "20.1.2.0/24".parse().unwrap();
        for (read, network, written) in [
            ("20.1.2.3", one, "20.1.2.3"),
            ("20.1.2.3/32", one, "20.1.2.3"),
            ("20.1.2.0/24", block, "20.1.2.0/24"),
            ("20.1.2.3/24", block, "20.1.2.0/24"),
        ] {
            assert_eq!(parse(read), Some(network));
            assert_eq!(text(network), written);
        }
        for odd in [
            "",
            "everything",
            "20.1.2",
            "20.1.2.3/33",
            "2603:1030::1",
            "20.1.2.3-20.1.2.9",
        ] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn lists_of_them_are_read_in_both_forms() {
        let read: Holds =
            serde_json::from_value(json!(["20.1.2.3/32", "20.1.2.3", "20.1.2.0/24"])).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            json!(["20.1.2.3", "20.1.2.3", "20.1.2.0/24"])
        );
        let wrong = serde_json::from_value::<Holds>(json!(["2603::1"])).unwrap_err();
        assert!(wrong.to_string().contains("`2603::1`"), "{wrong}");
    }
}
