//! A message to people.

use super::grant::Grant;
use super::id::{AlertId, DenialId, GrantId, RequestId};
use super::resource_id::ResourceId;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One message, to be delivered to each of its channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its own id.
    pub id: AlertId,
    /// A stable name of the cause, for routing: `ask`, `public_access_disabled`, `overdue`, …
    pub code: String,
    /// What happened and what would help, in sentences.
    pub text: String,
    /// The channels it goes to, by name.
    pub channels: Vec<String>,
    /// The registry it is about.
    pub registry: Option<ResourceId>,
    /// The address it is about.
    pub address: Option<IpAddr>,
    /// The denial behind it.
    pub denial: Option<DenialId>,
    /// The grant it is about.
    pub grant: Option<GrantId>,
    /// The request that can be answered; the link is made when the message is sent and is never
    /// stored.
    pub request: Option<RequestId>,
}

/// What a message is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The registry.
    pub registry: Option<ResourceId>,
    /// The address.
    pub address: Option<IpAddr>,
    /// The denial.
    pub denial: Option<DenialId>,
    /// The grant.
    pub grant: Option<GrantId>,
    /// The request that can be answered.
    pub request: Option<RequestId>,
    /// The channel that a rule names for it; none for all channels.
    pub channel: Option<String>,
}

impl About {
    /// A grant.
    pub fn grant(grant: &Grant) -> Self {
        Self {
            registry: Some(grant.registry.clone()),
            address: Some(IpAddr::V4(grant.address.get())),
            denial: Some(grant.denial),
            grant: Some(grant.id),
            request: None,
            channel: grant.channel.clone(),
        }
    }

    /// A registry as such.
    pub fn registry(registry: &ResourceId) -> Self {
        Self {
            registry: Some(registry.clone()),
            ..Self::default()
        }
    }
}
