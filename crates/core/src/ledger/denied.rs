//! A denial as the ledger holds it.

use super::id::DenialId;
use crate::auth::proof::Proof;
use crate::intake::report::Report;
use crate::net::resource_id::ResourceId;
use serde::{Deserialize, Serialize};

/// A denial as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// Its own id.
    pub id: DenialId,
    /// The source, by name, whose sender was proven.
    pub source: String,
    /// What was reported.
    pub report: Report,
    /// The registry it is about, where that was known when it arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<ResourceId>,
    /// Whether its address was in a set that somebody owns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owned: bool,
    /// What the sender's token proved, where it is a CI job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}
