//! Where an address is by a database in MaxMind's format (`.mmdb`): its country and its autonomous
//! system. Both common layouts are read: MaxMind's nested one (`country.iso_code`,
//! `autonomous_system_number`) and the flat one of others (`country_code`, `asn`).

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};
use serde::Deserialize;
use std::net::IpAddr;

/// Where the ISO code of a country stands.
const COUNTRY: [&[PathElement<'static>]; 3] = [
    &[PathElement::Key("country"), PathElement::Key("iso_code")],
    &[PathElement::Key("country_code")],
    &[PathElement::Key("country")],
];

/// Where the number of an autonomous system stands.
const ASN: [&[PathElement<'static>]; 4] = [
    &[PathElement::Key("autonomous_system_number")],
    &[PathElement::Key("asn")],
    &[PathElement::Key("as_number")],
    &[
        PathElement::Key("traits"),
        PathElement::Key("autonomous_system_number"),
    ],
];

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("this is not a database in MaxMind's format (.mmdb), or it is damaged: {0}")]
pub struct GeoError(#[from] MaxMindDbError);

/// A database, whole in memory.
#[derive(Debug)]
pub struct Geo(Reader<Vec<u8>>);

/// What is asked of a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// ISO 3166-1 codes of countries, two capitals each, sorted.
    Countries(Vec<String>),
    /// Numbers of autonomous systems, sorted.
    Systems(Vec<u32>),
}

impl Geo {
    /// Reads a database.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, GeoError> {
        Ok(Self(Reader::from_source(bytes)?))
    }

    /// The ISO code of the country that an address is in, if the database knows.
    pub fn country(&self, address: IpAddr) -> Option<String> {
        country(&self.find(address)?)
    }

    /// The number of the autonomous system that an address belongs to, if the database knows.
    pub fn asn(&self, address: IpAddr) -> Option<u32> {
        asn(&self.find(address)?)
    }

    /// A database of IPv4 knows nothing of IPv6: that is no error.
    fn find(&self, address: IpAddr) -> Option<LookupResult<'_, Vec<u8>>> {
        self.0.lookup(address.to_canonical()).ok()
    }

    /// Every network of what is wanted.
    ///
    /// # Errors
    /// A database that is damaged somewhere.
    pub fn networks(&self, wanted: &Wanted) -> Result<Vec<IpNet>, GeoError> {
        let mut networks = Vec::new();
        for found in self.0.networks(WithinOptions::default())? {
            let found = found?;
            let fits = match wanted {
                Wanted::Countries(codes) => {
                    country(&found).is_some_and(|code| codes.contains(&code))
                }
                Wanted::Systems(numbers) => {
                    asn(&found).is_some_and(|number| numbers.contains(&number))
                }
            };
            if fits {
                let network = found.network()?;
                networks.extend(network_of(network.ip(), network.prefix()));
            }
        }
        Ok(networks)
    }
}

/// A network of the database's tree; IPv4 stands there at `::/96`.
fn network_of(address: IpAddr, length: u8) -> Option<IpNet> {
    match address {
        IpAddr::V4(address) => Some(Ipv4Net::new(address, length).ok()?.into()),
        IpAddr::V6(address) => match (length.checked_sub(96), u32::try_from(address.to_bits())) {
            (Some(length), Ok(bits)) => Some(Ipv4Net::new(bits.into(), length).ok()?.into()),
            _ => Some(Ipv6Net::new(address, length).ok()?.into()),
        },
    }
}

fn at<'a, T: Deserialize<'a>>(
    found: &LookupResult<'a, Vec<u8>>,
    paths: &[&[PathElement<'_>]],
) -> Option<T> {
    // A value of another type is another layout: the next path may fit.
    let mut values = paths.iter();
    values.find_map(|path| found.decode_path::<T>(path).ok().flatten())
}

fn country(found: &LookupResult<'_, Vec<u8>>) -> Option<String> {
    let code: &str = at(found, &COUNTRY)?;
    is_country(code).then(|| code.to_ascii_uppercase())
}

fn asn(found: &LookupResult<'_, Vec<u8>>) -> Option<u32> {
    at(found, &ASN).or_else(|| parse_asn(at::<&str>(found, &ASN)?))
}

/// Whether this is an ISO 3166-1 code by its form: two letters.
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_alphabetic())
}

/// `AS64496` or `64496`.
pub fn parse_asn(text: &str) -> Option<u32> {
    let digits = text
        .strip_prefix("AS")
        .or_else(|| text.strip_prefix("as"))
        .unwrap_or(text);
    digits.parse().ok()
}
