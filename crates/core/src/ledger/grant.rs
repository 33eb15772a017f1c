//! A grant: one address, one registry, an end.

use super::id::{DenialId, GrantId, RequestId};
use crate::net::address::GlobalIpv4;
use crate::net::resource_id::ResourceId;
use crate::yaml::duration;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A temporary opening as it was decided; written to the ledger before anything is done for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its own id.
    pub id: GrantId,
    /// The registry that opens.
    pub registry: ResourceId,
    /// For whom: always one address.
    pub address: GlobalIpv4,
    /// When it ends. There is no grant without an end.
    pub until: Timestamp,
    /// What it answers.
    pub denial: DenialId,
    /// The request that a person answered, where it was not policy alone.
    pub request: Option<RequestId>,
    /// The policy's rule that allowed or asked.
    pub rule: Option<String>,
    /// The channel that the rule names for messages about it.
    pub channel: Option<String>,
    /// By how long a grant of this is renewed while its address is seen at work.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "duration::optional"
    )]
    pub renew: Option<Duration>,
    /// Whether its entry may be taken away early where the list is full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evictable: bool,
    /// The block around the address that one entry may cover together with other grants: wholly inside
    /// a set of one's own that the rule names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widen: Option<Ipv4Net>,
}

/// How far a grant has come. Ended grants are no longer held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Decided; no write for it is known to have been applied.
    Intended,
    /// The entry stands on the registry and is ours.
    Open,
    /// An entry that we did not write admits the address already: nothing to write, nothing to remove.
    CoveredByExisting,
}

/// How a grant came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its time was over and the entry was taken away.
    Expired,
    /// Its time was over before it was ever opened.
    NeverOpened,
    /// Its time was over; an entry that is not ours admits the address still.
    LeftToOthers,
    /// Its time was over; another grant of ours keeps the address open.
    CarriedOn,
    /// The list was full, and its entry was taken away early to make room.
    Evicted,
    /// Somebody else had taken our entry away.
    RemovedByOthers,
    /// An operator handed the entry over to people: it stays, and is theirs.
    Kept,
}
