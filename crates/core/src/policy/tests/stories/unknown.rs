//! Sets that are not loaded, too wide or stale.

use super::*;

#[test]
fn a_set_that_was_never_loaded_matches_nothing_and_says_so() {
    let denial = denial("20.50.0.6");
    let verdict = decide(&build_policy(), &Sets::default(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Ask, None));
    assert_eq!(verdict.notes[0].code, NoteCode::SetNotLoaded);
    assert!(
        verdict.notes[0]
            .text
            .starts_with("rule `build agents` was passed over: nat_gateway")
    );
}

#[test]
fn nothing_opens_while_a_forbid_cannot_be_decided() {
    let policy = policy(
        "
version: 1
rules:
  - { name: ours, when: { address: { cidrs: [20.60.0.0/24] } }, then: allow }
  - { name: blocked, when: { address: { cidrs_file: blocked.txt } }, then: forbid }
  - { name: blocked elsewhere, when: { address: { cidrs_file: other.txt }, registry: other.azurecr.io }, then: forbid }
",
    );
    let denial = denial("20.60.0.7");
    let verdict = decide(&policy, &Sets::default(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Ask, Some("ours")));
    assert_eq!(
        verdict.notes.len(),
        1,
        "the other registry's block list does not matter"
    );
    let empty = Sets::default().with(External::CidrsFile("blocked.txt".into()), [], monday());
    let verdict = decide(&policy, &empty, &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Allow, Some("ours")));
}

#[test]
fn a_carve_out_that_cannot_be_decided_holds_back_what_comes_after_it() {
    let policy = policy(
        "
version: 1
rules:
  - { name: contractors, when: { address: { cidrs_file: contractors.txt } }, then: ask }
  - { name: ours, when: { address: { cidrs: [20.60.0.0/16] } }, then: allow }
  - { name: later, when: { address: { cidrs_file: later.txt } }, then: alert }
",
    );
    let denial = denial("20.60.0.7");
    let verdict = decide(&policy, &Sets::default(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Ask, Some("ours")));
    assert_eq!(verdict.notes.len(), 1, "what comes later does not matter");
}

#[test]
fn a_loaded_set_that_is_too_wide_is_no_evidence() {
    let policy = build_policy();
    let denial = denial("20.50.0.6");
    let wide = Sets::default().with(nat(), ["20.0.0.0/7".parse().unwrap()], monday());
    let verdict = decide(&policy, &wide, &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Ask, Some("build agents")));
    assert_eq!(verdict.notes[0].code, NoteCode::SetTooWide);
}

#[test]
fn a_rule_relies_on_fresh_addresses_only() {
    let policy = policy(&format!(
        "
version: 1
sets: {{ build-egress: {{ nat_gateway: {NAT} }} }}
rules:
  - {{ name: agents, when: {{ address: build-egress }}, then: allow, fresh: 24h }}
"
    ));
    let denial = denial("20.50.0.6");
    let in_a_day = |hours: i64| monday() + jiff::SignedDuration::from_hours(hours);
    let ask = |hours| decide(&policy, &loaded(), &facts(&denial), in_a_day(hours));
    assert_eq!(said(&ask(24)), (Action::Allow, Some("agents")));
    let stale = ask(25);
    assert_eq!(said(&stale), (Action::Ask, None));
    assert_eq!(stale.notes[0].code, NoteCode::SetNotLoaded);
    assert!(
        stale.notes[0]
            .text
            .ends_with("was not loaded within the last 24h")
    );
}

#[test]
fn a_stale_block_list_lets_nothing_open_by_itself() {
    let policy = policy(
        "
version: 1
rules:
  - { name: blocked, when: { address: { cidrs_file: blocked.txt } }, then: forbid, fresh: 1h }
  - { name: office, when: { address: { cidrs: [20.60.0.0/24] } }, then: allow }
",
    );
    let file = External::CidrsFile("blocked.txt".into());
    let sets = Sets::default().with(file, ["20.61.0.0/24".parse().unwrap()], monday());
    let denial = denial("20.60.0.7");
    let at = |hours: i64| monday() + jiff::SignedDuration::from_hours(hours);
    let ask = |hours| decide(&policy, &sets, &facts(&denial), at(hours));
    assert_eq!(said(&ask(1)), (Action::Allow, Some("office")));
    assert_eq!(said(&ask(2)), (Action::Ask, Some("office")));
}
