//! Which set a verdict rests on.

use serde::{Deserialize, Serialize};

/// A set that held the address, and which addresses it had then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetUsed {
    /// Its name.
    pub name: String,
    /// The hash of its addresses.
    pub hash: String,
}
