//! Messages to try a template or a channel with: one with everything in it, one with next to nothing.

use super::{Fact, Matter, Message, Phase, Severity};
use crate::ledger::alert::Alert;
use crate::ledger::details::Effectiveness;
use crate::ledger::id::AlertId;
use crate::messages::codes::TEST;
use jiff::Timestamp;
use std::net::{IpAddr, Ipv4Addr};
use uuid::Uuid;

/// An address that documentation uses (RFC 5737).
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

impl Message {
    /// The message by which an operator tries a channel.
    pub fn test(alert: &Alert, at: Timestamp) -> Self {
        let mut message = Self::of(alert, at, super::Now::default());
        "doorward: test message".clone_into(&mut message.headline);
        message
    }

    /// Messages that a template must render.
    pub(crate) fn samples() -> [Self; 2] {
        let empty = Self {
            id: AlertId(Uuid::nil()),
            code: TEST.to_owned(),
            severity: Severity::Info,
            headline: "doorward: test message".to_owned(),
            text: "This is a test message".to_owned(),
            registry: None,
            address: None,
            facts: Vec::new(),
            action: "Nothing has happened.".to_owned(),
            help: Vec::new(),
            link: None,
            at: Timestamp::UNIX_EPOCH,
            until: None,
            matter: Matter::of(&alert()),
            buttons: None,
            phase: Phase::Opens,
            count: 1,
        };
        let fact = |name| Fact {
            name,
            value: "`203.0.113.7` \"quoted\"".to_owned(),
        };
        let whole = Self {
            severity: Severity::Critical,
            registry: Some("contosoprod".to_owned()),
            address: Some(ADDRESS),
            facts: vec![fact("Address"), fact("Image")],
            help: vec![Effectiveness {
                text: "Use a NAT gateway.".to_owned(),
                link: Some("https://learn.microsoft.com/azure".to_owned()),
            }],
            link: Some("https://doorward.example/requests/sample".to_owned()),
            until: Some(Timestamp::UNIX_EPOCH),
            ..empty.clone()
        };
        [empty, whole]
    }
}

fn alert() -> Alert {
    Alert {
        id: AlertId(Uuid::nil()),
        code: TEST.to_owned(),
        text: String::new(),
        channels: Vec::new(),
        registry: None,
        address: None,
        denial: None,
        grant: None,
        grants: Vec::new(),
        request: None,
        details: None,
        resends: None,
    }
}
