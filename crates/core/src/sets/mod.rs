//! Address sets: who owns an address, from evidence that the caller cannot choose.

mod block;
mod change;
mod cidr;
mod index;
mod owners;
mod ranges;
mod refresh;
mod set;
mod set_used;
mod snapshot;
pub mod sources;

pub use change::{Before, Size, USUAL_BOUND, too_much};
pub use cidr::{CidrError, parse_cidr};
pub use index::Index;
pub use owners::Owners;
pub use ranges::Ranges;
pub use ranges::sha256;
pub use refresh::RefreshPolicy;
pub use set::{AddressSet, Kind, Membership, any_holds};
pub use set_used::SetUsed;
pub use snapshot::Snapshot;
pub use sources::external::{AzureKind, External, MetaFrom, TagsFrom};
pub use sources::web_url::{WebUrl, WebUrlError};

use ipnet::IpNet;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Owned addresses wider than this are no evidence of anybody: nobody sends from all of a larger
/// network. In bits of the prefix.
pub const WIDEST_OWNED: u8 = 8;

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
    /// Which edition of a list they are from, where it counts its editions: Azure's `changeNumber`.
    pub change_number: Option<u64>,
}

impl Loaded {
    /// What was loaded at a time.
    pub fn new(ranges: Ranges, loaded_at: Timestamp, change_number: Option<u64>) -> Self {
        Self {
            hash: ranges.hash(),
            wide: ranges.wider_than(WIDEST_OWNED).is_some(),
            ranges,
            loaded_at,
            change_number,
        }
    }
}

/// What a source of addresses answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The addresses.
    pub networks: Vec<IpNet>,
    /// Which edition of a list they are from, where it counts its editions.
    pub change_number: Option<u64>,
    /// What is odd about it, for people.
    pub note: Option<String>,
}

impl From<Vec<IpNet>> for Answer {
    fn from(networks: Vec<IpNet>) -> Self {
        Self {
            networks,
            ..Self::default()
        }
    }
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
        self,
        external: External,
        networks: impl IntoIterator<Item = IpNet>,
        at: Timestamp,
    ) -> Self {
        self.with_loaded(external, Loaded::new(Ranges::new(networks), at, None))
    }

    /// The same with this in the place of what there was.
    #[must_use]
    pub fn with_loaded(mut self, external: External, loaded: Loaded) -> Self {
        self.loaded.insert(external, Arc::new(loaded));
        self
    }

    /// The same as if this had never been loaded.
    #[must_use]
    pub fn without(mut self, external: &External) -> Self {
        self.loaded.remove(external);
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
