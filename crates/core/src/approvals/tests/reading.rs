//! How `approvals:` is read, and what of it has no effect.

use super::set;
use crate::approvals::read::approvals;
use crate::approvals::{Approvals, Strength, Terms};
use crate::yaml::Item;
use crate::yaml::problem::Sink;
use std::time::Duration;

pub(super) fn read(text: &str) -> Result<Approvals, String> {
    let text = format!("approvals: {text}\n");
    let mut sink = Sink::new("x.yaml", &text);
    let read = crate::yaml::load(&text, &mut sink).and_then(|node| {
        let document = Item::document(&node);
        approvals(&document.field("approvals")?, &mut sink)
    });
    let failed = sink.failed();
    read.filter(|_| !failed)
        .ok_or_else(|| sink.finish().to_string())
}

#[test]
fn both_forms_are_read() {
    let whole = read("{ strength: sign_in, count: 2, by: platform, reason: required, max: 8h }");
    let expected = Approvals {
        strength: Some(Strength::SignIn),
        count: Some(2),
        by: set(&["platform"]),
        reason: Some(true),
        max: Some(Duration::from_hours(8)),
    };
    assert_eq!(whole, Ok(expected));
    assert_eq!(read("chat"), Ok(Strength::Chat.into()));
    assert_eq!(read("{}"), Ok(Approvals::default()));
    for (text, what) in [
        ("links", "`links` is not known here"),
        (
            "{ strength: link, count: 2 }",
            "a link does not say who answers",
        ),
        (
            "{ strength: link, by: [a] }",
            "a link does not say who answers",
        ),
        ("{ count: 0 }", "not a number that fits here"),
        ("{ count: 11 }", "not a number that fits here"),
        ("{ by: [] }", "this list is empty"),
        ("{ reason: yes }", "`yes` is not known here"),
        ("{ max: 8 }", "has no unit"),
        ("{ strenght: chat }", "there is no field `strenght`"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(what), "{text}: {error}");
    }
}

#[test]
fn what_has_no_effect_is_told() {
    let registry =
        Terms::of(&read("{ strength: chat, count: 2, reason: required, max: 1h }").unwrap());
    let rule = read("{ strength: link, reason: optional, max: 2h }").unwrap();
    assert_eq!(registry.outweigh(&rule).len(), 3);
    let rule = read("{ strength: sign_in, count: 3, reason: required, max: 30m }").unwrap();
    assert_eq!(registry.outweigh(&rule), [""; 0]);
}
