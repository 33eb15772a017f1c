//! What a sender's delivery is taken apart into: reports of denials, and what is wrong with the rest.

use super::denial::Denial;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What stands behind a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The firewall's message was in the text.
    Message,
    /// A log row with status 403 and the caller's address, without the message: it may be the
    /// firewall, it may be a missing role.
    Status403,
}

/// One denial as one event of a source reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What was refused.
    pub denial: Denial,
    /// What the report rests on.
    pub evidence: Evidence,
    /// The sender's own id of the event, where it has one: the same id is the same event.
    pub event_id: Option<String>,
    /// When the denial happened, where the event says so.
    pub at: Option<Timestamp>,
    /// The registry's ARM id, lower-case, where the record names it.
    pub resource_id: Option<String>,
    /// `properties.loginServer` and the like, lower-case: what the record's envelope says, as
    /// against what its text says ([`Denial::registry`]).
    pub login_server: Option<String>,
    /// Who the caller claimed to be. Unproven.
    pub identity: Option<String>,
    /// What the caller called itself. Unproven.
    pub user_agent: Option<String>,
    /// Whether the text speaks of an import between registries.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub import: bool,
}

/// The wire format a delivery was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Event Grid, `EventGridSchema`.
    EventGrid,
    /// CloudEvents 1.0.
    CloudEvents,
    /// `{"records": […]}`, JSON lines or an array of Azure diagnostic records.
    Diagnostic,
    /// The Azure Monitor common alert schema.
    CommonAlert,
    /// Any other JSON.
    Json,
    /// Plain text.
    Text,
}

/// What became of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// It was written.
    Written,
    /// It was to be written, and was not.
    WriteFailed,
    /// It was deleted.
    Deleted,
    /// It was to be deleted, and was not.
    DeleteFailed,
}

/// Somebody changed a registry, as Event Grid tells of resources
/// (<https://learn.microsoft.com/azure/event-grid/event-schema-resource-groups>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The registry's ARM id, lower-case.
    pub registry: String,
    /// What became of it.
    pub change: Changed,
    /// The object id of whoever did it, as the event's role assignment names it.
    pub by: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// The event's own id.
    pub event_id: Option<String>,
    /// The resource manager's correlation id: of a write of ours, its own id.
    pub correlation_id: Option<String>,
}

/// A record that could not be read, beside others that could.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRecord {
    /// Its place in the delivery, counted from 1.
    pub record: usize,
    /// What is wrong with it, and where; never its content.
    pub error: String,
}

/// A delivery taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The recognised format.
    pub format: Format,
    /// How many records it held, good and bad.
    pub records: usize,
    /// The distinct denials found, in order of appearance.
    pub reports: Vec<Report>,
    /// The records that could not be read.
    pub bad: Vec<BadRecord>,
    /// Event Grid's subscription validation code, to be echoed; such a delivery holds nothing else.
    pub validation_code: Option<String>,
    /// Records recognised as saying nothing that could open a door: resolved or test alerts, image
    /// pushes, subscription deletions; by name and count.
    pub passed_over: Vec<(&'static str, usize)>,
    /// Changes of registries, whosesoever they are.
    pub changes: Vec<Change>,
}

/// A delivery that cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The body is JSON by its content type or first byte, and broken.
    #[error(
        "the body is not valid JSON: {what} at line {line}, column {column}; send one JSON document, JSON lines, or text/plain"
    )]
    Syntax {
        /// What the parser expected or found, without the content.
        what: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// Reading the body would take more work than its length allows for.
    #[error(
        "the body takes more work to read than {} steps for each of its bytes, as bodies do that are made for it: send what it holds in an ordinary form",
        crate::intake::work::FOR_EACH_BYTE
    )]
    TooMuchWork,
    /// No record of the body could be read, as each is over a bound.
    #[error("no record of the body can be read: {what}")]
    OverBound {
        /// Which bound.
        what: String,
    },
    /// The body is not UTF-8.
    #[error("the body is not valid UTF-8: the first wrong byte is at offset {offset}; send UTF-8")]
    NotUtf8 {
        /// Counted from 0.
        offset: usize,
    },
}
