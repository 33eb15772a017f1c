//! Which rule decides, and what it may not decide.

mod settings;
mod told;
mod trial;
mod unknown;

use super::*;
use crate::auth::proof::Proof;
use crate::net::resource_id::ResourceId;
use crate::policy::testing::suppose::posture;
use crate::policy::verdict::{Action, NoteCode, Observed, Verdict};
use crate::policy::{Posture, decide, explain};
use crate::sets::{AzureKind, External, Sets, TagsFrom};

const NAT: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/build/providers/Microsoft.Network/natGateways/build-egress";

fn nat() -> External {
    External::Azure(AzureKind::NatGateway, NAT.parse::<ResourceId>().unwrap())
}

fn loaded() -> Sets {
    Sets::default().with(nat(), ["20.50.0.4/30".parse().unwrap()], monday())
}

fn build_policy() -> Policy {
    policy(&format!(
        "
version: 1
sets:
  build-egress: {{ nat_gateway: {NAT} }}
  office: {{ cidrs: [20.60.0.0/24] }}
rules:
  - name: blocked
    when: {{ address: {{ cidrs: 20.60.0.66 }} }}
    then: forbid
  - name: build agents
    when: {{ address: build-egress, registry: 'contoso*.azurecr.io' }}
    then: allow
    for: 4h
    because: The agents leave through our NAT gateway.
  - name: office
    when: {{ address: office, hours: {{ days: mon-fri, from: '07:00', to: '19:00', zone: Europe/Zurich }} }}
    then: ask
    for: 8h
    channel: ops
"
    ))
}

fn said(verdict: &Verdict) -> (Action, Option<&str>) {
    (verdict.action, verdict.rule.as_deref())
}

#[test]
fn the_first_rule_that_matches_decides() {
    let policy = build_policy();
    let denial = denial("20.50.0.6");
    let verdict = decide(&policy, &loaded(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Allow, Some("build agents")));
    assert_eq!(verdict.ttl, Some(Duration::from_hours(4)));
    assert_eq!(verdict.sets[0].name, "build-egress");
    assert_eq!(verdict.sets[0].hash, loaded().get(&nat()).unwrap().hash);
}

#[test]
fn forbid_wins_wherever_it_stands() {
    let policy = policy(
        "
version: 1
rules:
  - { name: office, when: { address: { cidrs: [20.60.0.0/24] } }, then: allow }
  - { name: blocked, when: { address: { cidrs: [20.60.0.66] } }, then: forbid }
",
    );
    let denial = denial("20.60.0.66");
    let verdict = decide(&policy, &Sets::default(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Forbid, Some("blocked")));
    assert_eq!(verdict.ttl, None);
}

#[test]
fn what_no_rule_knows_is_asked() {
    let denial = denial("20.99.0.1");
    let verdict = decide(&build_policy(), &loaded(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Ask, None));
    assert_eq!(verdict.ttl, Some(super::super::DEFAULT_TTL));
}

#[test]
fn hours_and_channel_belong_to_their_rule() {
    let denial = denial("20.60.0.7");
    let verdict = decide(&build_policy(), &loaded(), &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Ask, Some("office")));
    assert_eq!(verdict.channel.as_deref(), Some("ops"));
    let night = "2026-01-05T23:00:00Z".parse().unwrap();
    let verdict = decide(&build_policy(), &loaded(), &facts(&denial), night);
    assert_eq!(said(&verdict), (Action::Ask, None));
}

#[test]
fn guardrails_turn_what_would_open_into_an_alert_with_the_reason() {
    let text = "{ version: 1, rules: [{ name: all, then: allow, accept_shared: a test }] }";
    let policy = policy(text);
    let verdict = |facts: &Facts<'_>| decide(&policy, &Sets::default(), facts, monday());

    let private = denial("10.1.2.3");
    let v6 = denial("2603:1030::1");
    let mut nowhere = denial("20.1.2.3");
    nowhere.ip = None;
    let mut suspected = denial("20.1.2.3");
    suspected.kind = Kind::Suspected;
    let mut vault = denial("20.1.2.3");
    vault.service = Service::KeyVault;
    let good = denial("20.1.2.3");
    let unknown = Facts {
        registry: None,
        ..facts(&good)
    };
    for (facts, code) in [
        (facts(&private), NoteCode::SpecialAddress),
        (facts(&v6), NoteCode::Ipv6Caller),
        (facts(&nowhere), NoteCode::NoAddress),
        (facts(&suspected), NoteCode::Suspected),
        (facts(&vault), NoteCode::ForeignService),
        (unknown, NoteCode::NoRegistry),
    ] {
        let verdict = verdict(&facts);
        assert_eq!(said(&verdict), (Action::Alert, Some("all")), "{code:?}");
        assert_eq!((verdict.notes[0].code, verdict.ttl), (code, None));
    }
    let trusted = Facts {
        trusted_status_403: true,
        ..facts(&suspected)
    };
    assert_eq!(verdict(&trusted).action, Action::Allow);
    assert_eq!(verdict(&facts(&good)).action, Action::Allow);
}

#[test]
fn an_end_is_never_further_away_than_the_limit() {
    let denial = denial("20.50.0.6");
    let short = Facts {
        max_ttl: Duration::from_mins(30),
        ..facts(&denial)
    };
    let verdict = decide(&build_policy(), &loaded(), &short, monday());
    assert_eq!(verdict.ttl, Some(Duration::from_mins(30)));
    assert_eq!(verdict.notes[0].text, "4h shortened to `max_ttl`, 30m");
}

#[test]
fn an_address_that_a_person_let_in_before() {
    let policy = policy(
        "{ version: 1, rules: [{ name: known, when: { seen: { within: 7d, by: person } }, then: ask, for: 8h }], default: alert }",
    );
    let denial = denial("20.1.2.3");
    let say = |before: Before| {
        let facts = Facts {
            before,
            ..facts(&denial)
        };
        let explained = explain(&policy, &Sets::default(), &facts, monday());
        (
            explained.verdict.action,
            explained.rules[0].conditions[0].why.clone(),
        )
    };
    let days = |days: i64| Some(monday() - jiff::SignedDuration::from_hours(24 * days));
    let by_person = |person| Before {
        person,
        policy: None,
    };
    insta::assert_debug_snapshot!([
        say(by_person(days(7))),
        say(by_person(days(8))),
        say(Before { person: None, policy: days(1) }),
        say(Before::default()),
    ], @r#"
    [
        (
            Ask,
            "granted by a person at 2025-12-29 08:00:00 UTC: that is within 7d by a person",
        ),
        (
            Alert,
            "granted by a person at 2025-12-28 08:00:00 UTC: that is not within 7d by a person",
        ),
        (
            Alert,
            "granted by the policy at 2026-01-04 08:00:00 UTC: that is not within 7d by a person",
        ),
        (
            Alert,
            "the address was not granted here before, as is wanted within 7d by a person",
        ),
    ]
    "#);
}

#[test]
fn where_no_entry_can_help_nothing_opens() {
    let text = "{ version: 1, rules: [{ name: ours, when: { address: { cidrs: 20.1.0.0/16 } }, then: allow }] }";
    let denial = denial("20.1.2.3");
    let codes = |said: &[(&str, &str)], ours: &[&str]| {
        let live = posture(said.iter().copied()).unwrap();
        let ours = ours.iter().map(|ip| ip.parse().unwrap()).collect();
        let facts = Facts {
            posture: Some(Posture {
                live: &live,
                ours: &ours,
            }),
            ..facts(&denial)
        };
        let verdict = decide(&policy(text), &Sets::default(), &facts, monday());
        let notes: Vec<&str> = verdict.notes.iter().map(|note| note.code.name()).collect();
        assert!(verdict.notes.iter().all(|note| note.code.link().is_some()));
        (verdict.action, notes.join(" "))
    };
    let alert = |code: &str| (Action::Alert, code.to_owned());
    assert_eq!(codes(&[], &[]), (Action::Allow, String::new()));
    for (said, code) in [
        (("public_access", "disabled"), "public_access_disabled"),
        (("sku", "Standard"), "not_premium"),
        (("default_action", "Allow"), "default_allow"),
        (("virtual_network_rules", "2"), "virtual_network_rules"),
        (("entries", "20.1.2.0/24"), "already_covered"),
        (("entries", "20.1.2.3"), "already_covered"),
    ] {
        assert_eq!(codes(&[said], &[]), alert(code));
    }
    // Entries of doorward's own come and go.
    assert_eq!(
        codes(&[("entries", "20.1.2.3")], &["20.1.2.3/32"]).0,
        Action::Allow
    );
    let both = [("entries", "20.1.2.3"), ("entries", "20.1.0.0/16")];
    assert_eq!(codes(&both, &["20.1.2.3/32"]), alert("already_covered"));
}

#[test]
fn a_rule_that_requires_an_age_neither_opens_nor_asks_without_one() {
    for then in ["allow", "ask"] {
        let policy = policy(&format!(
            "version: 1\nrules:\n  - {{ name: office, when: {{ address: {{ cidrs: 20.60.0.0/24 }} }}, then: {then}, require_age: true }}\n"
        ));
        let denial = denial("20.60.0.7");
        let dated = facts(&denial);
        let undated = Facts {
            age_unknown: true,
            ..dated
        };
        let verdict = |facts: &Facts<'_>| decide(&policy, &Sets::default(), facts, monday());
        assert_eq!(verdict(&dated).action.to_string(), then);
        let without = verdict(&undated);
        assert_eq!(without.action, Action::Alert);
        assert_eq!(
            without.notes.first().map(|note| note.code.name()),
            Some("age_unknown")
        );
    }
    let nothing = read("version: 1\nrules:\n  - { name: a, then: alert, require_age: true }\n");
    assert!(nothing.is_err());
}
