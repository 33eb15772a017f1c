//! One network as people write it: `20.1.2.0/24`, or a single address.

use ipnet::IpNet;
use std::net::IpAddr;

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not an address.
    #[error("`{0}` is neither an address nor a CIDR such as 20.1.2.0/24")]
    Syntax(String),
    /// A prefix length beyond what the address has.
    #[error("`{text}` has a prefix length that is not a number from 0 to {most}")]
    Length {
        /// The text.
        text: String,
        /// 32 or 128.
        most: u8,
    },
    /// Bits beyond the prefix length are set: one of the two is a slip.
    #[error(
        "`{text}` has bits set beyond its prefix length: write `{network}` for the network, or the address alone"
    )]
    HostBits {
        /// The text.
        text: String,
        /// The network that it lies in.
        network: IpNet,
    },
}

/// Reads a CIDR without host bits, or a single address as a network of one.
pub fn parse_cidr(text: &str) -> Result<IpNet, CidrError> {
    let syntax = || CidrError::Syntax(text.to_owned());
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| syntax())?;
    let most = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let wrong_length = || CidrError::Length {
        text: text.to_owned(),
        most,
    };
    let digits = |length: &str| length.bytes().all(|byte| byte.is_ascii_digit());
    let length = match length {
        None => most,
        Some(length) if digits(length) => length.parse().map_err(|_| wrong_length())?,
        Some(_) => return Err(wrong_length()),
    };
    let network = IpNet::new(address, length).map_err(|_| wrong_length())?;
    if network.trunc() == network {
        Ok(network)
    } else {
        Err(CidrError::HostBits {
            text: text.to_owned(),
            network: network.trunc(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses() {
        for (text, network) in [
            ("20.1.2.0/24", "20.1.2.0/24"),
            ("20.1.2.3", "20.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2603:1030::/32", "2603:1030::/32"),
            ("2603:1030::1", "2603:1030::1/128"),
        ] {
            assert_eq!(parse_cidr(text).unwrap().to_string(), network);
        }
    }

    #[test]
    fn slips_are_named() {
        let slips = [
            "20.1.2.3/24",
            "20.1.2.0/33",
            "20.1.2.0/+8",
            "20.1.2.0/",
            "20.1.2",
            "20.1.2.0-20.1.2.9",
            "",
            "::/129",
        ];
        insta::assert_snapshot!(slips.map(|text| parse_cidr(text).unwrap_err().to_string()).join("\n"), @r"
        `20.1.2.3/24` has bits set beyond its prefix length: write `20.1.2.0/24` for the network, or the address alone
        `20.1.2.0/33` has a prefix length that is not a number from 0 to 32
        `20.1.2.0/+8` has a prefix length that is not a number from 0 to 32
        `20.1.2.0/` has a prefix length that is not a number from 0 to 32
        `20.1.2` is neither an address nor a CIDR such as 20.1.2.0/24
        `20.1.2.0-20.1.2.9` is neither an address nor a CIDR such as 20.1.2.0/24
        `` is neither an address nor a CIDR such as 20.1.2.0/24
        `::/129` has a prefix length that is not a number from 0 to 128
        ");
    }
}
