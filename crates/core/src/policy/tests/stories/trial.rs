//! Rules and files on trial: recorded, and changing nothing.

use super::*;

#[test]
fn a_rule_in_observe_mode_is_recorded_and_changes_nothing() {
    let policy = policy(
        "
version: 1
rules:
  - { name: trial, when: { address: { cidrs: [20.60.0.0/24] } }, then: allow, mode: observe }
  - { name: alarm, when: { registry: contosoprod.azurecr.io }, then: alert }
  - { name: trial block, when: { repository: 'prod/**' }, then: forbid, mode: observe }
  - { name: too late, when: { repository: 'prod/**' }, then: ask, mode: observe }
",
    );
    let denial = denial("20.60.0.7");
    let verdict = decide(&policy, &Sets::default(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Alert, Some("alarm")));
    let observed = |rule: &str, action| Observed {
        rule: rule.to_owned(),
        action,
    };
    let expected = [
        observed("trial", Action::Allow),
        observed("trial block", Action::Forbid),
    ];
    assert_eq!(verdict.observed, expected);
}

#[test]
fn rules_go_from_file_to_file_and_a_file_can_be_on_trial() {
    let files = [
        (
            "10-trial.yaml",
            "version: 1\nmode: observe\nrules: [{ name: trial, then: forbid }]",
        ),
        (
            "20-all.yaml",
            "version: 1\nrules: [{ name: all, when: { address: us }, then: allow }]",
        ),
        (
            "30-sets.yaml",
            "version: 1\nsets: { us: { cidrs: 20.0.0.0/16 } }\ndefault: alert",
        ),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let policy = parse(&files).unwrap();
    let ours = denial("20.0.1.2");
    let verdict = decide(&policy, &Sets::default(), &facts(&ours), monday());
    assert_eq!(said(&verdict), (Action::Allow, Some("all")));
    assert_eq!(verdict.observed.len(), 1);
    let foreign = denial("20.1.1.2");
    let verdict = decide(&policy, &Sets::default(), &facts(&foreign), monday());
    assert_eq!(said(&verdict), (Action::Alert, None));
}

#[test]
fn the_default_of_an_observed_file_counts_and_is_warned_of() {
    let policy = policy(
        "{ version: 1, mode: observe, rules: [{ name: all, then: ignore }], default: alert }",
    );
    let verdict = decide(
        &policy,
        &Sets::default(),
        &facts(&denial("20.1.2.3")),
        monday(),
    );
    assert_eq!((verdict.action, verdict.rule), (Action::Alert, None));
    assert_eq!(verdict.observed[0].rule, "all");
    assert!(policy.warnings.to_string().contains("only observed"));
}
