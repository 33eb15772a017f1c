//! Address sets: who owns an address, from evidence that the caller cannot choose.

mod block;
mod cidr;
mod index;
mod owners;
mod ranges;
mod set;

pub mod cidr_list;
pub mod geo;
pub mod github_meta;
pub mod service_tags;

pub use cidr::{CidrError, parse_cidr};
pub use index::Index;
pub use owners::Owners;
pub use ranges::Ranges;
pub(crate) use ranges::sha256;
pub use set::{AddressSet, Kind, Membership, any_holds};

use super::resource_id::ResourceId;
use ipnet::IpNet;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Owned addresses wider than this are no evidence of anybody: nobody sends from all of a larger
/// network. In bits of the prefix.
pub const WIDEST_OWNED: u8 = 8;

/// Where the addresses of a set come from when the policy does not say them itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum External {
    /// The public IP addresses and prefixes of a NAT gateway, through ARM.
    NatGateway(ResourceId),
    /// A public IP address, through ARM.
    PublicIp(ResourceId),
    /// A public IP prefix, through ARM.
    PublicIpPrefix(ResourceId),
    /// A file with one CIDR or address a line, relative to the policy folder.
    CidrsFile(String),
    /// A service tag of Microsoft's weekly file.
    ServiceTag {
        /// The file, relative to the policy folder.
        file: String,
        /// The tag as the policy names it; compared without regard to case.
        tag: String,
    },
    /// Countries or autonomous systems of a database in MaxMind's format.
    Geo {
        /// The file, relative to the policy folder.
        file: String,
        /// Which of it.
        wanted: geo::Wanted,
    },
    /// The addresses that GitHub publishes (`https://api.github.com/meta`), from a file.
    GithubMeta {
        /// The file, relative to the policy folder.
        file: String,
        /// The list in it: `actions`.
        key: String,
    },
}

impl External {
    /// Whether it stands in a file of the policy folder; the rest comes from Azure.
    pub fn in_file(&self) -> bool {
        match self {
            Self::NatGateway(_) | Self::PublicIp(_) | Self::PublicIpPrefix(_) => false,
            Self::CidrsFile(_)
            | Self::ServiceTag { .. }
            | Self::Geo { .. }
            | Self::GithubMeta { .. } => true,
        }
    }

    /// Whether nobody but its owner sends from there; others are shared by many tenants.
    pub fn is_owned(&self) -> bool {
        match self {
            Self::NatGateway(_)
            | Self::PublicIp(_)
            | Self::PublicIpPrefix(_)
            | Self::CidrsFile(_) => true,
            Self::ServiceTag { .. } | Self::Geo { .. } | Self::GithubMeta { .. } => false,
        }
    }
}

impl fmt::Display for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NatGateway(id) => write!(f, "nat_gateway {id}"),
            Self::PublicIp(id) => write!(f, "public_ip {id}"),
            Self::PublicIpPrefix(id) => write!(f, "public_ip_prefix {id}"),
            Self::CidrsFile(path) => write!(f, "cidrs_file {path}"),
            Self::ServiceTag { file, tag } => write!(f, "service_tag {tag} of {file}"),
            Self::Geo { file, wanted } => match wanted {
                geo::Wanted::Countries(codes) => {
                    write!(f, "country {} of {file}", codes.join(", "))
                }
                geo::Wanted::Systems(numbers) => {
                    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                    write!(f, "asn {} of {file}", numbers.join(", "))
                }
            },
            Self::GithubMeta { file, key } => write!(f, "github_meta {key} of {file}"),
        }
    }
}

/// Addresses as they were when they were loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The addresses.
    pub ranges: Ranges,
    /// When.
    pub loaded_at: Timestamp,
    /// [`Ranges::hash`] of the addresses.
    pub hash: String,
    /// Whether they are too many to be anybody's own: wider than [`WIDEST_OWNED`].
    pub wide: bool,
}

/// What has been loaded so far. What is missing here matches nothing.
#[derive(Clone, Debug, Default)]
pub struct Sets {
    loaded: BTreeMap<External, Arc<Loaded>>,
}

impl Sets {
    /// The same with one more, or with newer addresses for one that is there.
    #[must_use]
    pub fn with(
        mut self,
        external: External,
        networks: impl IntoIterator<Item = IpNet>,
        at: Timestamp,
    ) -> Self {
        let ranges = Ranges::new(networks);
        let hash = ranges.hash();
        let loaded = Loaded {
            wide: ranges.wider_than(WIDEST_OWNED).is_some(),
            ranges,
            loaded_at: at,
            hash,
        };
        self.loaded.insert(external, Arc::new(loaded));
        self
    }

    /// The same with everything of `other` that is missing here.
    #[must_use]
    pub fn or_else(mut self, other: &Self) -> Self {
        for (external, loaded) in &other.loaded {
            let missing = self.loaded.entry(external.clone());
            missing.or_insert_with(|| Arc::clone(loaded));
        }
        self
    }

    /// What was loaded, `None` if it never was.
    pub fn get(&self, external: &External) -> Option<&Loaded> {
        self.loaded.get(external).map(AsRef::as_ref)
    }
}
