//! What operators' commands and the admin listener say to each other, as JSON.

pub(crate) mod access;

use crate::flow::notify::channels::{ChannelHealth, Dead};
use crate::flow::orders::left;
use doorward_core::ledger::grant::Stage;
use doorward_core::ledger::id::GrantId;
use doorward_core::ledger::orders::Pause;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::{GrantRecord, Throttle};
use doorward_core::states::GrantState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// Where the API is, below the admin listener's root.
pub(crate) const API: &str = "/api/v1";

/// The header without which no order is taken. A page of another site cannot set it: a browser would
/// ask for leave first, and is never given any.
pub(crate) const COMMAND: &str = "x-doorward-command";

/// A grant that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct GrantView {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: GrantId,
    /// The registry's name.
    pub(crate) registry: String,
    /// The registry's resource id.
    pub(crate) registry_id: String,
    /// For whom.
    pub(crate) address: String,
    /// `intended`, `open` or `covered_by_existing`; see [`Stage`].
    #[schema(value_type = String)]
    pub(crate) stage: Stage,
    /// How it is, in one of the words of [`GrantState`].
    #[schema(schema_with = crate::flow::view::states::words::grant)]
    pub(crate) state: GrantState,
    /// When it was decided.
    pub(crate) since: Timestamp,
    /// When it ends.
    pub(crate) until: Timestamp,
    /// How many seconds are left; 0 where it is over.
    pub(crate) seconds_left: i64,
    /// The policy's rule.
    pub(crate) rule: Option<String>,
    /// The denial that it answers.
    pub(crate) denial: String,
    /// The request that a person answered, where one was asked.
    pub(crate) request: Option<String>,
}

/// What is paused, and what has stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Pauses {
    /// What somebody paused.
    pub(crate) paused: Vec<PauseView>,
    /// What stopped by itself.
    #[serde(default)]
    pub(crate) stopped: Vec<StoppedView>,
}

/// How channels fare, and what they never took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Notifications {
    pub(crate) channels: Vec<ChannelHealth>,
    pub(crate) undelivered: Vec<Dead>,
}

/// A channel to be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryChannel {
    pub(crate) channel: String,
    pub(crate) by: String,
}

/// What a channel said to a test message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tested {
    pub(crate) channel: String,
    /// Whether it took the message.
    pub(crate) taken: bool,
    /// Why not, or what that proves.
    pub(crate) detail: String,
}

/// A message to be sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resend {
    pub(crate) id: String,
    pub(crate) by: String,
}

/// The channels that a message goes to again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Resent {
    pub(crate) channels: Vec<String>,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PauseView {
    /// The registry's name; none for all.
    pub(crate) registry: Option<String>,
    /// Since when.
    pub(crate) since: Timestamp,
    /// Who, as they say of themselves.
    pub(crate) by: String,
    /// Why, if they say so.
    pub(crate) because: Option<String>,
    /// When it ends by itself, if it does.
    #[serde(default)]
    pub(crate) until: Option<Timestamp>,
}

/// A registry on which nothing is opened until a person has looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct StoppedView {
    /// The registry's name.
    pub(crate) registry: String,
    /// Why, as the message about it is called.
    pub(crate) code: String,
    /// Why, and what to do.
    pub(crate) text: String,
}

/// Who orders, as they say of themselves, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    /// Beginnings or ends of ids; empty with `all`.
    #[serde(default)]
    pub(crate) grants: Vec<String>,
    /// Every grant, of `registry` where it is given.
    #[serde(default)]
    pub(crate) all: bool,
    #[serde(default)]
    pub(crate) registry: Option<String>,
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) because: Option<String>,
}

/// How a grant is to be extended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extend {
    /// How long from now it stands at least.
    pub(crate) seconds: u64,
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) because: Option<String>,
}

/// A grant that was extended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Extended {
    #[serde(flatten)]
    pub(crate) grant: GrantView,
    /// `max_ttl`, where it made the end nearer than was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_ttl_seconds: Option<u64>,
}

/// Whose denials are to be decided anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearVerdicts {
    #[schema(value_type = String, format = Ipv4)]
    pub(crate) address: IpAddr,
    #[serde(default)]
    pub(crate) registry: Option<String>,
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) because: Option<String>,
}

/// How many verdicts stood for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Cleared {
    pub(crate) cleared: usize,
}

/// That an entry is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keep {
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) because: Option<String>,
}

/// What is to be paused or resumed: one registry or all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseOrder {
    #[serde(default)]
    pub(crate) registry: Option<String>,
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) because: Option<String>,
    /// When a pause ends by itself; none of `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
}

/// What an address set may become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    /// The set's name.
    pub(crate) name: String,
    /// The hash of what it may become, or the first digits of it.
    pub(crate) hash: String,
    pub(crate) by: String,
}

/// What became of each grant of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Revoked {
    pub(crate) revoked: Vec<GrantView>,
    pub(crate) refused: Vec<Refused>,
}

/// A grant that an order could not be followed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Refused {
    /// As it was named.
    pub(crate) grant: String,
    /// Why.
    pub(crate) error: String,
}

impl GrantView {
    pub(crate) fn new(standing: &GrantRecord, state: GrantState, now: Timestamp) -> Self {
        let grant = &standing.grant;
        Self {
            id: grant.id,
            registry: grant.registry.name().to_owned(),
            registry_id: grant.registry.to_string(),
            address: grant.address.to_string(),
            stage: standing.stage,
            state,
            since: standing.since,
            until: grant.until,
            seconds_left: left(standing, now).as_secs(),
            rule: grant.rule.clone(),
            denial: grant.denial.to_string(),
            request: grant.request.map(|request| request.to_string()),
        }
    }
}

impl StoppedView {
    /// One on which Azure asked for patience.
    pub(crate) fn throttled(registry: &ResourceId, throttle: &Throttle) -> Self {
        Self {
            registry: registry.name().to_owned(),
            code: "throttled".to_owned(),
            text: wording::throttled(throttle),
        }
    }

    /// One that lost virtual network rules over a write of ours.
    pub(crate) fn networks_lost(registry: &ResourceId) -> Self {
        Self {
            registry: registry.name().to_owned(),
            code: wording::NETWORKS_LOST.to_owned(),
            text: wording::stopped(registry),
        }
    }
}

impl PauseView {
    pub(crate) fn new(registry: Option<&str>, pause: &Pause) -> Self {
        Self {
            registry: registry.map(str::to_owned),
            since: pause.since,
            by: pause.by.to_string(),
            because: pause.because.clone(),
            until: pause.until,
        }
    }
}
