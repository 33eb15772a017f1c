//! Tests of messages as values.

use super::*;
use crate::ledger::id::GrantId;
use crate::messages::channels::samples::{asked, message};
use uuid::Uuid;

#[test]
fn headline_says_who_was_refused_where_on_a_lock_screen() {
    let line = |change: &dyn Fn(&mut Alert)| {
        let mut alert = asked("prod/api:v1");
        change(&mut alert);
        let line = headline(&alert);
        assert!(line.chars().count() <= LOCK_SCREEN, "{line}");
        line
    };
    assert_eq!(
        line(&|_| {}),
        "20.1.2.3 refused by contosoprod: open for 1h?"
    );
    assert_eq!(
        line(&|it| it.code = "reminder".to_owned()),
        "Unanswered: 20.1.2.3 refused by contosoprod: open for 1h?"
    );
    assert_eq!(
        line(&|it| {
            it.details.as_mut().unwrap().outcome = Some("Denied".to_owned());
            it.code = "answered".to_owned();
        }),
        "20.1.2.3 refused by contosoprod: Denied"
    );
    assert_eq!(
        line(&|it| {
            it.details = None;
            it.code = "overdue".to_owned();
        }),
        "20.1.2.3 on contosoprod: still open past its end"
    );
    assert_eq!(
        line(&|it| {
            it.details = None;
            it.address = None;
            it.code = "azure_unreadable".to_owned();
        }),
        "contosoprod: Azure does not show the registry"
    );
    let long = line(&|it| {
        it.registry = None;
        it.details.as_mut().unwrap().host = Some("h".repeat(300));
    });
    assert!(long.starts_with("20.1.2.3 refused by hhh"), "{long}");
}

#[test]
fn message_says_whose_address_it_is_what_is_asked_and_what_would_help() {
    let message = message(&asked("prod/api:v1"));
    let lines = message.lines().join("\n");
    for said in [
        "Address: `20.1.2.3`",
        "Image: `prod/api:v1` (unverified)",
        "Whose address: in `prod/api:v1`",
        "Before: never let in here",
        "Refused again: 3 more times since",
        "Approve a temporary firewall entry for 1h?",
        "Use a NAT gateway. (https://learn.microsoft.com/azure)",
    ] {
        assert!(lines.contains(said), "{said} is missing in {lines}");
    }
    assert_eq!(message.severity, Severity::Warning);
}

#[test]
fn end_of_a_condition_has_the_matter_of_its_beginning() {
    let matter = |code: &str, grant: Option<u128>| {
        let mut alert = asked("a");
        alert.request = None;
        alert.address = None;
        alert.grant = grant.map(|id| GrantId(Uuid::from_u128(id)));
        alert.code = code.to_owned();
        Matter::of(&alert)
    };
    for (begins, ends) in [
        ("azure_unreadable", "azure_readable"),
        ("overdue", "end_known"),
        ("end_unknown", "end_known"),
    ] {
        assert_eq!(matter(begins, Some(1)), matter(ends, None));
        assert_eq!(phase(ends), Phase::Ends);
        assert_eq!(phase(begins), Phase::Opens);
    }
    assert_ne!(matter("evicted", Some(1)), matter("evicted", Some(2)));
    assert_eq!(matter("flood", None), matter("flood", None));
    assert!(matter("recovered", None).is_alone());
    assert!(
        matter("overdue", None)
            .key()
            .starts_with("doorward/registry/contosoprod/")
    );
}

#[test]
fn several_messages_become_one_that_counts_and_keeps_what_each_says() {
    let one = message(&asked("a"));
    let mut same = one.clone();
    same.action = "Something else.".to_owned();
    let merged = Message::merged(one.clone(), &[same, one.clone()]);
    assert_eq!(merged.count, 3);
    assert!(merged.headline.starts_with("3 times: 20.1.2.3 refused"));
    assert!(merged.action.contains("Something else."));
    assert_eq!(merged.link, one.link);
    let mut other = one.clone();
    other.code = "flood".to_owned();
    other.headline = "contosodev: flood of denials".to_owned();
    let digest = Message::merged(one, &[other]);
    assert_eq!(digest.code, "digest");
    assert!(digest.action.contains("contosodev: flood of denials"));
    assert_eq!(digest.link, None);
}
