//! One write of a registry's list as the ledger holds it, and what became of it.

use super::id::WriteId;
use crate::firewall::{Patch, Seen, missing_in};
use crate::net::network;
use crate::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// One PATCH as it is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Its own id; also the correlation id that Azure is given.
    pub id: WriteId,
    /// The registry.
    pub registry: ResourceId,
    /// Entries that are added. The read before showed none of them.
    #[serde(with = "network::list")]
    pub add: Vec<Ipv4Net>,
    /// Entries, ours, that are taken away.
    #[serde(with = "network::list")]
    pub remove: Vec<Ipv4Net>,
    /// The entries as the read before showed them.
    pub before: Vec<String>,
    /// The subnets of virtual network rules that the read before showed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// Entries of others that an earlier write of ours dropped, and that are put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restore_entries: Vec<String>,
    /// How often the right to write to the registry had passed on, where replicas share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

impl Write {
    /// Whether an entry that it adds admits `address`.
    pub fn admits(&self, address: Ipv4Addr) -> bool {
        self.add.iter().any(|entry| entry.contains(&address))
    }

    /// Whether a read shows it: every addition there, every removal gone.
    pub fn shows_in(&self, seen: &Seen) -> bool {
        self.add.iter().all(|net| seen.shows(*net))
            && self.remove.iter().all(|net| !seen.shows(*net))
            && missing_in(&seen.entries, &self.restore_entries).is_empty()
    }

    /// What it adds and takes away.
    pub fn patch(&self) -> Patch {
        Patch {
            add: self.add.iter().copied().collect(),
            remove: self.remove.iter().copied().collect(),
            restore_entries: self.restore_entries.clone(),
        }
    }
}

/// What became of a PATCH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum WriteOutcome {
    /// A read after it shows what was asked for.
    Applied {
        /// The entries as that read showed them.
        after: Vec<String>,
        /// `systemData.lastModifiedAt` of that read, where it was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<Timestamp>,
    },
    /// Azure refused it before doing anything, or it was not sent.
    NotApplied {
        /// Azure's reason, or ours.
        reason: String,
    },
    /// Unknown: no reply told, and reads until the deadline did not show it; or Azure says that it began and
    /// failed, and a read does not show it. It may still land, or something of it: its addresses stay
    /// claimed until reads say that they no longer can.
    Lost {
        /// What is known.
        reason: String,
    },
}
