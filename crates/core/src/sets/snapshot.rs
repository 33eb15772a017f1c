//! What a set held when it was loaded, as the ledger keeps it: enough to derive a verdict again.

use super::{Loaded, Ranges, Size};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The most networks that are written down. A larger list is a public one, and is known again by its
/// source, its `changeNumber` and its hash.
const MOST: usize = 256;

/// The addresses of a set at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where they come from, as [`External`](super::External) shows it.
    pub set: String,
    /// [`Ranges::hash`] of them, as verdicts name it.
    pub hash: String,
    /// How many they are.
    pub size: Size,
    /// Which edition of a list they are from, where it counts its editions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_number: Option<u64>,
    /// The addresses themselves, unless they are too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<IpNet>>,
}

impl Snapshot {
    /// What was loaded.
    pub fn of(set: String, loaded: &Loaded) -> Self {
        Self {
            set,
            hash: loaded.hash.clone(),
            size: loaded.ranges.size(),
            change_number: loaded.change_number,
            networks: loaded.ranges.networks(MOST),
        }
    }

    /// The same without its addresses: they are not in force.
    #[must_use]
    pub fn without_networks(self) -> Self {
        Self {
            networks: None,
            ..self
        }
    }

    /// The addresses, where they are written down.
    pub fn ranges(&self) -> Option<Ranges> {
        Some(Ranges::new(self.networks.as_ref()?.iter().copied()))
    }
}
