//! A request: a question to a person, who answers it once.

use super::id::{DenialId, RequestId};
use crate::approvals::{Approvals, Asker, Strength};
use crate::intake::denial::Attribution;
use crate::net::address::GlobalIpv4;
use crate::net::resource_id::ResourceId;
use crate::yaml::duration;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a person is asked to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its own id.
    pub id: RequestId,
    /// The registry that would open.
    pub registry: ResourceId,
    /// For whom.
    pub address: GlobalIpv4,
    /// How long the opening would last, in seconds.
    pub ttl_seconds: u64,
    /// Until when the question can be answered.
    pub until: Timestamp,
    /// The denial that raised it.
    pub denial: DenialId,
    /// The host that named the registry, while Azure had not said yet whose it is: nothing is opened
    /// before it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presumed: Option<String>,
    /// The repository that was asked for: the caller's own words.
    pub repository: Option<String>,
    /// The tag or digest that was asked for: the caller's own words.
    pub reference: Option<String>,
    /// The source that reported the denial.
    pub source: String,
    /// The policy's rule that asks; none where the policy's default does.
    pub rule: Option<String>,
    /// The reason that the rule gives.
    pub because: Option<String>,
    /// What the rule asks of its answers, beside what the registry asks for.
    pub approvals: Option<Approvals>,
    /// Who asked for it, where that is known: they do not approve it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asker: Option<Asker>,
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
    /// How it is known that this registry refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
}

impl Request {
    /// Whether which registry would open is a guess.
    pub fn is_guess(&self) -> bool {
        self.attribution == Some(Attribution::Inferred)
    }
}

/// What a person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Open it.
    Allow,
    /// Leave it closed.
    Deny,
}

/// How an answer was given, beside who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What proved who answered.
    pub strength: Strength,
    /// Why, if they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For how long it may be opened, where they chose less than was asked for.
    #[serde(
        default,
        rename = "for",
        skip_serializing_if = "Option::is_none",
        with = "duration::optional"
    )]
    pub lasts: Option<Duration>,
    /// SHA-256 over what they were shown, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}
