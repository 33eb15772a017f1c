//! What a policy and its verdict tell.

use super::*;

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
            let each = |c: &crate::policy::Condition| {
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
