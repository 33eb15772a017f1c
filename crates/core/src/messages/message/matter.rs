//! What messages belong together: an ongoing matter, such as one request or one registry's condition.

use super::Phase;
use crate::ledger::alert::Alert;
use crate::ledger::chain::Hash;
use crate::messages::codes::{
    ANSWERED, AZURE_READABLE, AZURE_UNREADABLE, END_KNOWN, END_UNKNOWN, ESCALATION, EXPIRED, FLOOD,
    NETWORKS_LOST, OPENED, OPENING_ENDED, OVERDUE, REMINDER, SOURCE_HEARD, SOURCE_SILENT,
};
use std::fmt;

/// An ongoing matter: messages with the same one update each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Matter(String);

impl Matter {
    /// The matter of a message: its request, its grant, its registry's condition, or itself alone.
    pub fn of(alert: &Alert) -> Self {
        let condition = condition(&alert.code);
        if let Some(request) = alert.request {
            return Self(format!("request/{request}"));
        }
        let source = alert.details.as_ref().and_then(|it| it.source.as_ref());
        if let (SOURCE_SILENT, Some(source)) = (condition, source) {
            return Self(format!("source/{source}/{condition}"));
        }
        let of_registry = [OVERDUE, AZURE_UNREADABLE, FLOOD, NETWORKS_LOST].contains(&condition);
        if let (Some(grant), false) = (alert.grant, of_registry) {
            return Self(format!("grant/{grant}"));
        }
        let registry = alert.registry.as_ref();
        let registry = registry.map(|id| id.name().to_ascii_lowercase());
        Self(match (registry, alert.address) {
            (Some(name), _) if of_registry => format!("registry/{name}/{condition}"),
            (Some(name), Some(address)) => format!("registry/{name}/{condition}/{address}"),
            (None, Some(address)) => format!("address/{address}/{condition}"),
            // Two findings about a registry need have nothing to do with each other.
            (_, None) => format!("message/{}", alert.id),
        })
    }

    /// Whether it is one message alone, which nothing updates.
    pub fn is_alone(&self) -> bool {
        self.0.starts_with("message/")
    }

    /// For systems that fold events by a key: at most 255 characters, the same for ever.
    pub fn key(&self) -> String {
        format!("doorward/{}", self.0)
    }

    /// The same as a fixed number of letters and digits, as in a `Message-ID`.
    pub fn digest(&self) -> String {
        Hash::of(self.0.as_bytes())
            .to_string()
            .chars()
            .take(32)
            .collect()
    }

    /// The hash that names it together with a channel.
    pub fn on(&self, channel: &str) -> Hash {
        Hash::of(format!("{channel}\0{}", self.0).as_bytes())
    }
}

impl fmt::Display for Matter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The condition that a code begins, goes on with or ends.
fn condition(code: &str) -> &str {
    match code {
        AZURE_READABLE => AZURE_UNREADABLE,
        SOURCE_HEARD => SOURCE_SILENT,
        END_UNKNOWN | END_KNOWN => OVERDUE,
        other => other,
    }
}

/// What a message of this code does to its matter.
pub fn phase(code: &str) -> Phase {
    match code {
        REMINDER | ESCALATION => Phase::GoesOn,
        ANSWERED | OPENED | EXPIRED | OPENING_ENDED | AZURE_READABLE | END_KNOWN | SOURCE_HEARD => {
            Phase::Ends
        }
        _ => Phase::Opens,
    }
}
