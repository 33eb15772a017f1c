//! Which rule decides, and what it may not decide.

use super::*;
use crate::domain::policy::suppose::posture;
use crate::domain::policy::{Posture, decide, explain};
use crate::domain::proof::Proof;
use crate::domain::resource_id::ResourceId;
use crate::domain::sets::{AzureKind, External, Sets, TagsFrom};
use crate::domain::verdict::{Action, NoteCode, Observed, Verdict};

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
fn rails_turn_what_would_open_into_an_alert_with_the_reason() {
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
fn a_loaded_set_that_is_too_wide_is_no_evidence() {
    let policy = build_policy();
    let denial = denial("20.50.0.6");
    let wide = Sets::default().with(nat(), ["20.0.0.0/7".parse().unwrap()], monday());
    let verdict = decide(&policy, &wide, &facts(&denial), monday());
    assert_eq!(said(&verdict), (Action::Ask, Some("build agents")));
    assert_eq!(verdict.notes[0].code, NoteCode::SetTooWide);
}

#[test]
fn the_hash_of_a_policy_is_that_of_its_files_wherever_they_are() {
    let hash = |name: &str, text: &str| {
        let policy = parse(&[(name.to_owned(), text.to_owned())]);
        policy.unwrap().hash
    };
    assert_eq!(
        hash("/etc/a.yaml", "version: 1"),
        hash("a.yaml", "version: 1")
    );
    assert_ne!(hash("b.yaml", "version: 1"), hash("a.yaml", "version: 1"));
    assert_ne!(hash("a.yaml", "version: 1\n"), hash("a.yaml", "version: 1"));
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
fn an_explanation_names_every_condition() {
    let denial = denial("20.60.0.7");
    let night = "2026-01-05T23:00:00Z".parse().unwrap();
    let explained = explain(&build_policy(), &Sets::default(), &facts(&denial), night);
    let lines: Vec<String> = explained
        .rules
        .iter()
        .flat_map(|rule| {
            let head = format!(
                "{} matched={:?} decided={}",
                rule.rule, rule.matched, rule.decided
            );
            let each = |c: &crate::domain::policy::Condition| {
                format!("  {} held={:?}: {}", c.field, c.held, c.why)
            };
            std::iter::once(head).chain(rule.conditions.iter().map(each))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    blocked matched=Some(false) decided=false
      address held=Some(false): `20.60.0.7` is not in cidrs
    build agents matched=None decided=false
      address held=None: nat_gateway /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/build/providers/Microsoft.Network/natGateways/build-egress was never loaded
      registry held=Some(true): `contosoprod.azurecr.io` is in contoso*.azurecr.io
    office matched=Some(false) decided=false
      address held=Some(true): in office
      hours held=Some(false): `2026-01-05 23:00:00 UTC` is not in mon,tue,wed,thu,fri from 07:00 to 19:00 Europe/Zurich
    ");
}

#[test]
fn a_verdict_goes_into_the_ledger_and_comes_back() {
    let denial = denial("20.50.0.6");
    let verdict = decide(&build_policy(), &loaded(), &facts(&denial), monday());
    let text = serde_json::to_string_pretty(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
    insta::assert_snapshot!(text, @r#"
    {
      "action": "allow",
      "rule": "build agents",
      "because": "The agents leave through our NAT gateway.",
      "ttl": "4h",
      "sets": [
        {
          "name": "build-egress",
          "hash": "sha256:2138cd47dbf9d98ac86beeab1b8a0ed2d814809052d66ec3843bd58d695aca4b"
        }
      ]
    }
    "#);
    let least: Verdict = serde_json::from_str(r#"{"action":"ignore"}"#).unwrap();
    assert_eq!(least.action, Action::Ignore);
}

#[test]
fn a_policy_says_what_it_needs() {
    let policy = policy(&format!(
        "
version: 1
sets:
  tasks: {{ service_tag: AzureContainerRegistry.WestEurope, file: tags.json }}
  build: {{ nat_gateway: {NAT}, except: {{ cidrs_file: blocked.txt }} }}
rules:
  - {{ name: tasks, when: {{ address: tasks }}, then: ask }}
  - {{ name: build, when: {{ address: [build, {{ cidrs_file: ours.txt }}] }}, then: allow }}
"
    ));
    let texts = |needs: std::collections::BTreeSet<External>| {
        needs
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(texts(policy.needs()), @r"
    nat_gateway /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/build/providers/Microsoft.Network/natGateways/build-egress
    cidrs_file blocked.txt
    cidrs_file ours.txt
    service_tag AzureContainerRegistry.WestEurope of tags.json
    ");
    insta::assert_snapshot!(texts(policy.evidence()), @r"
    nat_gateway /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/build/providers/Microsoft.Network/natGateways/build-egress
    cidrs_file ours.txt
    ");
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

#[test]
fn what_becomes_of_a_grant_is_in_the_verdict() {
    let text = "
version: 1
sets:
  office: { any_of: [{ cidrs: 20.0.0.0/24 }], except: { cidrs: 20.0.0.128/25 } }
  tag: { service_tag: AzureCloud, file: tags.json }
rules:
  - { name: ours, when: { address: [office, tag] }, then: ask, renew: 30m, evictable: true, widen: true }
";
    let tag = External::ServiceTag {
        from: TagsFrom::File("tags.json".into()),
        tag: "AzureCloud".into(),
    };
    let sets = Sets::default().with(tag, ["20.0.0.0/16".parse().unwrap()], monday());
    let say = |ip: &str| decide(&policy(text), &sets, &facts(&denial(ip)), monday());
    let verdict = say("20.0.0.7");
    assert_eq!(verdict.renew, Some(Duration::from_mins(30)));
    assert!(verdict.evictable);
    assert_eq!(verdict.widen, Some("20.0.0.0/25".parse().unwrap()));
    // What only others' addresses hold is never widened.
    assert_eq!(say("20.0.0.200").widen, None);
    assert_eq!(say("20.0.9.9").widen, None);
    // What does not open has nothing to renew.
    let suspected = Denial {
        kind: Kind::Suspected,
        ..denial("20.0.0.7")
    };
    let verdict = decide(&policy(text), &sets, &facts(&suspected), monday());
    assert_eq!(verdict.action, Action::Alert);
    assert_eq!((verdict.renew, verdict.widen), (None, None));
    assert!(!verdict.evictable);
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
fn advice_changes_no_verdict() {
    let policy = policy(
        "{ version: 1, sets: { own: { cidrs: 20.9.0.0/24 }, tasks: { service_tag: AzureContainerRegistry.WestEurope, file: tags.json } }, rules: [{ name: all, when: { address: [own, tasks] }, then: ask }] }",
    );
    let tag = External::ServiceTag {
        from: TagsFrom::File("tags.json".into()),
        tag: "AzureContainerRegistry.WestEurope".into(),
    };
    let sets = Sets::default().with(tag, ["20.0.0.0/8".parse().unwrap()], monday());
    let codes = |facts: &Facts<'_>| {
        let verdict = decide(&policy, &sets, facts, monday());
        assert_eq!(verdict.action, Action::Ask);
        let codes: Vec<&str> = verdict.advice.iter().map(|one| one.code()).collect();
        codes.join(" ")
    };
    let shared = denial("20.1.2.3");
    assert_eq!(codes(&facts(&shared)), "acr_tasks_shared_agents");
    assert_eq!(
        codes(&facts(&denial("20.9.0.7"))),
        "",
        "an egress of one's own"
    );
    let custom = Denial {
        registry: Some("registry.contoso.com".into()),
        ..denial("20.9.0.7")
    };
    let custom = Facts {
        import: true,
        ..facts(&custom)
    };
    assert_eq!(codes(&custom), "application_gateway image_import");
    let job = Proof {
        claims: [("runner_environment".to_owned(), "github-hosted".to_owned())].into(),
        peer: Some("50.1.2.3".parse().unwrap()),
    };
    let runner = denial("50.1.2.3");
    let runner = Facts {
        proof: Some(&job),
        ..facts(&runner)
    };
    assert_eq!(codes(&runner), "github_hosted_runner");
    let tags = ["AzureDevOps".to_owned()];
    let agent = denial("50.1.2.3");
    let agent = Facts {
        holders: &tags,
        ..facts(&agent)
    };
    assert_eq!(codes(&agent), "azure_devops_hosted_agent");
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
