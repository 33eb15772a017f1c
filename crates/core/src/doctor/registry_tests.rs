//! What a registry's facts come to.

use super::Outcome;
use super::facts::{Fact, Unknown};
use super::permissions::Permissions;
use super::registry::{Expected, Registry, findings};
use crate::firewall::Live;
use crate::firewall::raw_json::RawJson;
use ipnet::Ipv4Net;
use serde_json::json;

/// A registry that nothing is wrong with, and these entries.
fn registry(entries: &[&str]) -> Registry {
    let rules: Vec<_> = entries
        .iter()
        .map(|value| json!({ "action": "Allow", "value": value }))
        .collect();
    let read = json!({
        "sku": { "name": "Premium" },
        "properties": {
            "loginServer": "contosoprod.azurecr.io", "publicNetworkAccess": "Enabled",
            "networkRuleSet": { "defaultAction": "Deny", "ipRules": rules },
        },
    });
    let raw = RawJson::parse(read.to_string().as_bytes()).unwrap();
    Registry {
        name: "contosoprod".to_owned(),
        id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contosoprod".to_owned(),
        writes: true,
        max_entries: 200,
        reserve: 10,
        live: Fact::Known(Live::read(&raw).unwrap()),
        bypass: (Some("AzureServices".to_owned()), Some(false)),
        permissions: Fact::Known(Permissions::read(&[json!({ "actions": ["*"] })])),
        limit: Fact::Known(Some(200)),
        settings: Fact::Known(Vec::new()),
        log_sources: Vec::new(),
        expected: Some(Expected::default()),
    }
}

fn outcome(registry: &Registry, check: &str) -> (Outcome, String) {
    let found = findings(registry);
    let finding = found.into_iter().find(|finding| finding.check == check);
    let finding = finding.unwrap_or_else(|| panic!("{check}"));
    (finding.outcome, finding.text)
}

fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn list_is_compared_with_what_the_ledger_expects() {
    let drift = |entries: &[&str], open: &[&str], overdue: &[&str]| {
        let expected = Expected {
            open: nets(open),
            overdue: nets(overdue),
        };
        let registry = Registry {
            expected: Some(expected),
            ..registry(entries)
        };
        outcome(&registry, "registry.drift").0
    };
    assert_eq!(drift(&["20.1.2.3"], &["20.1.2.3/32"], &[]), Outcome::Ok);
    assert_eq!(drift(&["20.1.2.0/24"], &["20.1.2.3/32"], &[]), Outcome::Ok);
    assert_eq!(drift(&["20.1.2.4"], &["20.1.2.3/32"], &[]), Outcome::Wrong);
    assert_eq!(drift(&["20.1.2.3"], &[], &["20.1.2.3/32"]), Outcome::Wrong);
    // It is gone already, or stands for more than was ever ours.
    assert_eq!(drift(&["20.1.2.0/24"], &[], &["20.1.2.3/32"]), Outcome::Ok);
    let unknown = Registry {
        expected: None,
        ..registry(&[])
    };
    assert_eq!(
        outcome(&unknown, "registry.drift").0,
        Outcome::CouldNotCheck
    );
}

#[test]
fn full_list_is_wrong_only_where_it_is_to_be_written() {
    let full = |limit| Registry {
        limit: Fact::Known(limit),
        max_entries: 11,
        ..registry(&["20.1.2.3"])
    };
    assert_eq!(outcome(&full(Some(200)), "registry.quota").0, Outcome::Ok);
    let (wrong, text) = outcome(&full(None), "registry.quota");
    assert_eq!(wrong, Outcome::Wrong);
    assert!(text.contains("1 of 11 entries (`max_entries`)"), "{text}");
    let observing = Registry {
        writes: false,
        ..full(None)
    };
    assert_eq!(outcome(&observing, "registry.quota").0, Outcome::Ok);
    assert_eq!(
        outcome(&observing, "registry.writable").0,
        Outcome::CouldNotCheck
    );
}

#[test]
fn registry_that_is_not_shown_is_blamed_once() {
    let gone = Registry {
        live: Fact::Unknown(Unknown::NotFound),
        permissions: Fact::Unknown(Unknown::NotFound),
        settings: Fact::Unknown(Unknown::NotFound),
        ..registry(&[])
    };
    let found = findings(&gone);
    let wrong = found
        .iter()
        .filter(|finding| finding.outcome == Outcome::Wrong);
    assert_eq!(wrong.count(), 1);
    assert!(
        found
            .iter()
            .all(|finding| finding.subject.as_deref() == Some("contosoprod"))
    );
}
