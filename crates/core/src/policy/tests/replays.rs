//! What a replay spends and remembers, as the service would.

use super::{denial, monday, policy, report};
use crate::policy::replay::{Captured, Given, Summary, replay};
use crate::sets::Sets;
use jiff::SignedDuration;
use std::time::Duration;

/// Replays a denial of each of these addresses, after so many minutes, on a registry that may have
/// eight grants an hour.
fn after_minutes(text: &str, denials: &[(i64, u8)]) -> Summary {
    let captured: Vec<Captured> = denials
        .iter()
        .map(|(minutes, last)| Captured {
            at: monday() + SignedDuration::from_mins(*minutes),
            source: "alerts".into(),
            report: report(denial(&format!("20.1.2.{last}"))),
            proof: None,
            times: 1,
        })
        .collect();
    let given = Given {
        registry: None,
        max_ttl: Duration::from_hours(24),
        dedup_window: SignedDuration::from_mins(15),
        answers_within: SignedDuration::from_hours(1),
        trust_status_403: false,
        grants_per_hour: 8,
    };
    replay(&policy(text), &Sets::default(), &captured, &given).1
}

fn rule(rest: &str) -> String {
    format!(
        "{{ version: 1, rules: [{{ name: ours, when: {{ address: {{ cidrs: 20.1.2.0/24 }} }}, then: allow, {rest} }}] }}"
    )
}

fn verdicts(summary: &Summary) -> (usize, usize, usize) {
    let of = |name: &str| summary.verdicts.get(name).copied().unwrap_or_default();
    (of("allow"), of("ask"), of("alert"))
}

#[test]
fn a_rule_has_only_so_many_grants_at_once_and_in_an_hour() {
    let many: Vec<(i64, u8)> = (0..5).map(|number| (0, number)).collect();
    let standing = after_minutes(&rule("for: 30m, max_active: 2"), &many);
    assert_eq!(verdicts(&standing), (2, 3, 0));
    assert_eq!(standing.notes.get("rule_limit"), Some(&3));
    // After half an hour there is room again for those at once, not yet for those of the hour.
    let later: Vec<(i64, u8)> = many.iter().map(|(_, last)| (31, last + 10)).collect();
    let both = [many, later].concat();
    let standing = after_minutes(&rule("for: 30m, max_active: 2"), &both);
    assert_eq!(verdicts(&standing), (4, 6, 0));
    let hourly = after_minutes(&rule("for: 30m, per_hour: 3"), &both);
    assert_eq!(verdicts(&hourly), (3, 7, 0));
}

#[test]
fn a_registry_has_only_so_many_in_an_hour() {
    let many: Vec<(i64, u8)> = (0..12).map(|number| (0, number)).collect();
    let owned = after_minutes(&rule("for: 10m"), &many);
    assert_eq!(verdicts(&owned), (8, 0, 4));
    assert_eq!(owned.notes.get("budget_spent"), Some(&4));
    // A quarter is kept for addresses that are somebody's own.
    let shared =
        "{ version: 1, rules: [{ name: all, then: allow, accept_shared: a test registry }] }";
    assert_eq!(verdicts(&after_minutes(shared, &many)), (6, 0, 6));
}

#[test]
fn what_was_granted_is_remembered_when_it_is_over() {
    let text = "
version: 1
rules:
  - { name: known, when: { seen: { within: 1h, by: policy } }, then: alert }
  - { name: ours, when: { address: { cidrs: 20.1.2.0/24 } }, then: allow, for: 10m }
";
    let summary = after_minutes(text, &[(0, 7), (5, 7), (20, 7), (70, 7)]);
    assert_eq!(verdicts(&summary), (2, 0, 1));
    assert_eq!(summary.repeats, 1);
}
