//! A message to people.

use super::details::Details;
use super::grant::Grant;
use super::id::{AlertId, DenialId, GrantId, RequestId};
use crate::net::resource_id::ResourceId;
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
    /// The grants it is about, where they are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantId>,
    /// The request that can be answered; the link is made when the message is sent and is never
    /// stored.
    pub request: Option<RequestId>,
    /// Facts behind it, where it is about a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// The message that its channels never took, and that is sent again by this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resends: Option<AlertId>,
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
    /// The grants, where they are several.
    pub grants: Vec<GrantId>,
    /// The request that can be answered.
    pub request: Option<RequestId>,
    /// The channel that a rule names for it; none where routes decide.
    pub channel: Option<String>,
    /// The policy's rule behind it.
    pub rule: Option<String>,
    /// Facts behind it.
    pub details: Option<Box<Details>>,
}

impl Alert {
    /// All grants that it is about.
    pub fn all_grants(&self) -> impl Iterator<Item = GrantId> {
        self.grant.iter().chain(&self.grants).copied()
    }
}

impl About {
    /// A grant.
    pub fn grant(grant: &Grant) -> Self {
        Self {
            registry: Some(grant.registry.clone()),
            address: Some(IpAddr::V4(grant.address.get())),
            denial: Some(grant.denial),
            grant: Some(grant.id),
            grants: Vec::new(),
            request: None,
            channel: grant.channel.clone(),
            rule: grant.rule.clone(),
            details: None,
        }
    }

    /// Grants of one registry.
    pub fn grants(grants: &[&Grant]) -> Self {
        let [first, others @ ..] = grants else {
            return Self::default();
        };
        if others.is_empty() {
            return Self::grant(first);
        }
        let shared = others.iter().all(|it| it.channel == first.channel);
        Self {
            grants: grants.iter().map(|it| it.id).collect(),
            channel: first.channel.clone().filter(|_| shared),
            ..Self::registry(&first.registry)
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
