//! Messages for tests of renderers.

use crate::ledger::alert::Alert;
use crate::ledger::details::{AddressFacts, Details, Effectiveness};
use crate::ledger::id::{AlertId, RequestId};
use crate::messages::message::{Message, Now};
use crate::policy::verdict::Action;
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) const LINK: &str = "https://doorward.contoso.com/requests/abc.def";

/// A question of which every text from outside is `text`.
pub(crate) fn asked(text: &str) -> Alert {
    Alert {
        id: AlertId(Uuid::from_u128(7)),
        code: "ask".to_owned(),
        text: format!("`20.1.2.3` was refused by `contosoprod.azurecr.io`, asking for {text}"),
        channels: vec!["chat".to_owned()],
        registry: "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contosoprod".parse().ok(),
        address: Some([20, 1, 2, 3].into()),
        denial: None,
        grant: None,
        grants: Vec::new(),
        request: Some(RequestId(Uuid::from_u128(9))),
        details: Some(Box::new(Details {
            rule: Some(text.to_owned()),
            reason: Some("a rule's own words".to_owned()),
            action: Some(Action::Ask),
            kind: Some(crate::intake::denial::Kind::Denied),
            host: Some(text.to_owned()),
            guessed: false,
            image: Some(text.to_owned()),
            source: Some("alerts".to_owned()),
            denied_at: Some(Timestamp::UNIX_EPOCH),
            ttl_seconds: Some(3600),
            outcome: None,
            address: AddressFacts {
                sets: vec![text.to_owned()],
                ..AddressFacts::default()
            },
            help: vec![Effectiveness {
                text: "use a NAT gateway".to_owned(),
                link: Some("https://learn.microsoft.com/azure".to_owned()),
            }],
        })),
        resends: None,
    }
}

/// The message that an alert is.
pub(crate) fn message(alert: &Alert) -> Message {
    let now = Now {
        link: Some(LINK.to_owned()),
        until: Some(Timestamp::UNIX_EPOCH),
        repeats: 3,
        buttons: None,
    };
    Message::of(alert, Timestamp::UNIX_EPOCH, now)
}
