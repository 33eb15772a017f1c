//! Tests of `drift`.

use super::*;
use uuid::Uuid;

const ONE: GrantId = GrantId(Uuid::from_u128(1));
const TWO: GrantId = GrantId(Uuid::from_u128(2));

fn seen(entries: &[&str]) -> Seen {
    Seen {
        entries: entries.iter().map(ToString::to_string).collect(),
        default_deny: true,
        public_access: true,
        sku: "Premium".to_owned(),
        provisioning_state: "Succeeded".to_owned(),
        tags: None,
    }
}

fn net(text: &str) -> Ipv4Net {
    network::parse(text).unwrap()
}

/// The first address is ours, and so is the second.
fn ours() -> Ours {
    Ours {
        claimed: [net("20.1.2.3"), net("20.1.2.4")].into(),
        in_flight: BTreeSet::new(),
        open: vec![(ONE, net("20.1.2.3")), (TWO, net("20.1.2.4"))],
    }
}

fn codes(before: &[&str], after: &[&str]) -> Vec<&'static str> {
    let drifts = compare(&seen(before), &seen(after), &ours());
    drifts.iter().map(Drift::code).collect()
}

#[test]
fn each_change_has_its_kind() {
    let both = ["20.1.2.3", "20.1.2.4"];
    assert_eq!(codes(&both, &["20.1.2.4/32", "20.1.2.3"]), [""; 0]);
    assert_eq!(codes(&both, &["20.1.2.3"]), ["ours_missing"]);
    assert_eq!(codes(&["8.8.8.8"], &[]), ["foreign_gone"]);
    assert_eq!(codes(&[], &["8.8.8.0/24"]), ["foreign_new"]);
    assert_eq!(
        codes(&["8.8.8.8"], &["9.9.9.9"]),
        ["foreign_gone", "foreign_new"]
    );
    // What we claim is no drift when it comes, whenever it comes.
    assert_eq!(codes(&[], &both), [""; 0]);
}

#[test]
fn a_list_is_replaced_when_all_of_ours_goes_together() {
    let both = ["8.8.8.8", "20.1.2.3", "20.1.2.4"];
    assert_eq!(codes(&both, &["8.8.8.8"]), ["list_replaced"]);
    assert_eq!(
        codes(&["8.8.8.8", "20.1.2.3"], &["9.9.9.9"]),
        ["list_replaced"]
    );
    assert_eq!(
        codes(&["8.8.8.8", "9.9.9.9"], &["40.0.0.0/8"]),
        ["list_replaced"]
    );
    // One entry of ours alone is somebody's decision about it.
    assert_eq!(
        codes(&["8.8.8.8", "20.1.2.3"], &["8.8.8.8"]),
        ["ours_missing"]
    );
    assert_eq!(
        codes(&both, &["20.1.2.4"]),
        ["ours_missing", "foreign_gone"]
    );
}

#[test]
fn an_entry_of_ours_that_nobody_needs_is_not_missed() {
    let mut ours = ours();
    ours.open.clear();
    assert_eq!(compare(&seen(&["20.1.2.3"]), &seen(&[]), &ours), []);
}

#[test]
fn an_entry_of_ours_that_a_range_of_ours_covers_is_not_missed() {
    let mut ours = ours();
    ours.claimed.insert(net("20.1.2.0/29"));
    let before = seen(&["20.1.2.3", "20.1.2.4"]);
    let after = seen(&["20.1.2.4", "20.1.2.0/29"]);
    assert_eq!(compare(&before, &after, &ours), []);
    ours.claimed.remove(&net("20.1.2.0/29"));
    let drifts = compare(&before, &after, &ours);
    let codes: Vec<&str> = drifts.iter().map(Drift::code).collect();
    assert_eq!(codes, ["ours_missing", "foreign_new"]);
}

#[test]
fn what_a_write_moves_says_nothing_of_others() {
    let mut ours = ours();
    ours.in_flight = [net("20.1.2.3"), net("20.1.2.9")].into();
    let (before, after) = (seen(&["20.1.2.3"]), seen(&["20.1.2.9"]));
    assert_eq!(compare(&before, &after, &ours), []);
    assert!(before.is_same(&after, &ours.in_flight));
}

#[test]
fn flips_are_told_with_what_is_now() {
    let mut after = seen(&[]);
    (after.default_deny, after.public_access) = (false, false);
    after.sku = "Basic".to_owned();
    let (before, allow) = ("Premium".to_owned(), true);
    let sku = Drift::Sku {
        before,
        after: "Basic".to_owned(),
    };
    assert_eq!(
        compare(&seen(&[]), &after, &ours()),
        [
            Drift::DefaultAction { allow },
            Drift::PublicAccess { enabled: false },
            sku
        ]
    );
}
