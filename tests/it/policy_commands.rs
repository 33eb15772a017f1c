//! The commands about policies, by the real program: on the shipped policies and on broken ones.

use crate::program::{doorward, err, folder, in_folder, out};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::fs;
use std::process::Output;
use tempfile::TempDir;

const NAT: &str = "build-egress=20.50.1.0/30";

#[test]
fn the_shipped_policies_pass_check_and_test() {
    let check = doorward(&["policy", "check"]);
    assert_eq!(
        (out(&check).as_str(), err(&check).as_str()),
        (
            "policies: 5 rules, 3 named sets, 0 warnings; the default is `ask`\n",
            ""
        )
    );
    assert!(check.status.success());

    let test = doorward(&["policy", "test"]);
    assert!(test.status.success(), "{}", out(&test));
    assert!(out(&test).contains("  ok    our build agents are let in"));
    assert!(
        out(&test).ends_with("cases, all as expected\n"),
        "{}",
        out(&test)
    );
    assert!(!out(&test).contains("no case reaches"), "{}", out(&test));
}

#[test]
fn check_shows_every_mistake_where_it_is() {
    let folder = folder(&[(
        "10.yaml",
        "version: 1
sets:
  office: { cidrs: [20.60.0.9/24] }
rules:
  - { name: anybody, when: { repositry: prod/* }, then: allow }
  - { name: home, when: { address: offise }, then: aks }
",
    )]);
    let check = doorward(&["policy", "check", folder.path().to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(2));
    insta::assert_snapshot!(in_folder(&folder, &err(&check)));
}

#[test]
fn check_warns_of_what_is_odd() {
    let folder = folder(&[(
        "10.yaml",
        "version: 1
sets:
  spare: { cidrs: [20.60.0.0/24] }
  tag: { service_tag: AzureCloud.westeurope, file: tags.json }
rules:
  - name: tasks
    when: { address: tag }
    then: allow
    for: 12h
    accept_shared: a test registry that holds nothing
  - { name: all, then: ask }
  - { name: never, when: { repository: x }, then: alert }
",
    )]);
    fs::copy(
        "policies/service-tags.sample.json",
        folder.path().join("tags.json"),
    )
    .unwrap();
    let check = doorward(&["policy", "check", folder.path().to_str().unwrap()]);
    assert!(check.status.success());
    insta::assert_snapshot!(in_folder(&folder, &err(&check)));
}

#[test]
fn check_warns_of_rules_that_cannot_do_what_they_say() {
    let warned = |rule: &str| {
        let text = format!("version: 1\nrules: [{rule}]\n");
        let folder = folder(&[("10.yaml", &text)]);
        let check = doorward(&["policy", "check", folder.path().to_str().unwrap()]);
        assert!(check.status.success(), "{}", err(&check));
        err(&check)
    };
    let ours = |more: &str| {
        format!(
            "{{ name: a, when: {{ address: {{ cidrs: [20.60.0.0/24] }} }}, then: allow{more} }}"
        )
    };
    for (rule, what) in [
        (ours(", for: 90s"), "may take that long"),
        (ours(", for: 36h"), "it is cut to that"),
        ("{ name: a, when: { address: { cidrs: [20.60.0.0/24, 10.1.0.0/16] } }, then: allow, for: 1h }".to_owned(), "`10.1.0.0/16`"),
        ("{ name: a, when: { registry: contosoprod }, then: ask, for: 1h }".to_owned(), "`contosoprod.azurecr.io`"),
        ("{ name: a, when: { claims: { ref: refs/heads/main } }, then: allow, for: 1h }".to_owned(), "name no owner"),
    ] {
        let said = warned(&rule);
        assert!(said.contains(what), "{rule}: {said}");
    }
    assert_eq!(warned(&ours(", for: 2h")), "");
    let empty = folder(&[]);
    let check = doorward(&["policy", "check", empty.path().to_str().unwrap()]);
    assert!(
        err(&check).contains("no policy in this folder"),
        "{}",
        err(&check)
    );
    let deny = folder(&[("10.yaml", "version: 1\nrules: [{ name: a, then: deny }]\n")]);
    let check = doorward(&["policy", "check", deny.path().to_str().unwrap()]);
    assert!(
        err(&check).contains("did you mean `forbid`?"),
        "{}",
        err(&check)
    );
}

#[test]
fn registry_is_explained_by_its_name_too() {
    let explain = [
        "policy",
        "explain",
        "--ip",
        "20.50.1.1",
        "--set",
        NAT,
        "--registry",
    ];
    let by = |registry: &str| {
        out(&doorward(
            &[
                explain.as_slice(),
                &[registry, "--at", "2026-11-20T09:00:00Z"],
            ]
            .concat(),
        ))
    };
    assert_eq!(by("contosoprod"), by("contosoprod.azurecr.io"));
    assert!(!by("contosoprod").contains("Application Gateway"));
    assert!(by("cr.contoso.com").contains("Application Gateway"));
}

#[test]
fn a_folder_that_is_not_there_is_wrong_input() {
    for command in ["check", "test"] {
        let output = doorward(&["policy", command, "no/such/folder"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains("no/such/folder"), "{}", err(&output));
    }
}

#[test]
fn explain_tells_the_verdict_and_why() {
    let output = doorward(&[
        "policy",
        "explain",
        "--ip",
        "20.50.1.4",
        "--registry",
        "contosoprod.azurecr.io",
        "--at",
        "2026-11-20T09:00:00+01:00",
        "--set",
        NAT,
    ]);
    assert!(output.status.success(), "{}", err(&output));
    insta::assert_snapshot!(out(&output));
}

#[test]
fn explain_gives_advice_about_shared_addresses() {
    let output = doorward(&[
        "policy",
        "explain",
        "--ip",
        "20.70.16.9",
        "--registry",
        "contosoprod.azurecr.io",
        "--at",
        "2026-11-20T09:00:00+01:00",
        "--set",
        NAT,
        "--output",
        "json",
    ]);
    let json: Json = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(json["verdict"]["action"], "ask");
    assert_eq!(json["verdict"]["rule"], "acr tasks");
    assert_eq!(json["verdict"]["ttl"], "1h");
    assert_eq!(json["advice"][0]["code"], "acr_tasks_shared_agents");
    assert_eq!(json["rules"].as_array().unwrap().len(), 5);
    assert_eq!(json["nearest"], Json::Null);
    let held = json["sets"].as_array().unwrap().iter();
    let held: Vec<&Json> = held
        .filter(|set| set["holds"] == true)
        .map(|set| &set["name"])
        .collect();
    assert_eq!(held, [&json!("acr-tasks")]);
}

#[test]
fn explain_says_what_was_never_loaded_and_what_can_never_open() {
    let explain = |ip: &str| {
        let host = "contosoprod.azurecr.io";
        let output = doorward(&["policy", "explain", "--ip", ip, "--registry", host]);
        assert!(output.status.success(), "{}", err(&output));
        out(&output)
    };
    let unknown = explain("20.50.1.1");
    assert!(unknown.starts_with("ask for 20.50.1.1"), "{unknown}");
    assert!(
        unknown.contains("`build agents` cannot be decided"),
        "{unknown}"
    );
    assert!(
        unknown.contains("`build-egress` is not known: nat_gateway /subscriptions/"),
        "{unknown}"
    );
    let private = explain("10.1.2.3");
    assert!(private.starts_with("alert for 10.1.2.3"), "{private}");
    assert!(
        private.contains("never opened: `10.1.2.3` lies in 10.0.0.0/8"),
        "{private}"
    );
}

#[test]
fn a_set_that_is_not_there_is_wrong_input() {
    let base = [
        "policy",
        "explain",
        "--ip",
        "20.50.1.1",
        "--registry",
        "contosoprod.azurecr.io",
        "--set",
    ];
    let said = |literal: &str| {
        let output = doorward(&[base.as_slice(), &[literal]].concat());
        assert_eq!(output.status.code(), Some(2));
        err(&output)
    };
    insta::assert_snapshot!(said("build-egres=20.50.1.0/30"), @"error: `--set build-egres=20.50.1.0/30`: `build-egres` is no set that comes from elsewhere; did you mean `build-egress`?");
    insta::assert_snapshot!(said("build-egress=20.50.1.1/30"), @"error: `--set build-egress=20.50.1.1/30`: `20.50.1.1/30` has bits set beyond its prefix length: write `20.50.1.0/30` for the network, or the address alone");
}

const POLICY: &str = "version: 1
rules:
  - { name: office, when: { address: { cidrs: [20.60.0.0/24] } }, then: allow, for: 2h }
  - { name: lab, when: { address: { cidrs: [20.61.0.0/24] } }, then: ask }
";

/// What the program says of that policy with these cases.
fn tested(cases: &str) -> (TempDir, Output) {
    let folder = folder(&[("10.yaml", POLICY), ("10.cases.yaml", cases)]);
    let test = doorward(&["policy", "test", folder.path().to_str().unwrap()]);
    (folder, test)
}

#[test]
fn a_case_that_fails_says_what_came_instead() {
    let (folder, test) = tested(
        "cases:
  - name: office
    denial: { ip: 20.60.0.7, registry: contosoprod.azurecr.io }
    expect: { verdict: allow, rule: office, for: 2h }
  - name: a slip
    denial: { ip: 20.60.1.7, registry: contosoprod.azurecr.io }
    expect: { verdict: allow, rule: office }
",
    );
    assert_eq!(test.status.code(), Some(1));
    insta::assert_snapshot!(in_folder(&folder, &format!("{}{}", out(&test), err(&test))));
}

#[test]
fn a_broken_case_is_shown_where_it_is() {
    let (folder, test) = tested(
        "cases:
  - name: office
    denial: { ip: 20.60.0.300, registri: contosoprod.azurecr.io }
    sets: { office: [20.60.0.0/24] }
    expect: { verdict: alow, rule: ofice, notes: [ttl_caped] }
  - denial: { ip: 20.60.0.7 }
    expect: {}
",
    );
    assert_eq!(test.status.code(), Some(2));
    insta::assert_snapshot!(in_folder(&folder, &err(&test)));
}

/// The names that the language knows at a place, as its own message lists them.
fn known(policy: &str) -> BTreeSet<String> {
    let folder = folder(&[("10.yaml", policy)]);
    let check = doorward(&["policy", "check", folder.path().to_str().unwrap()]);
    let said = err(&check);
    let list = said.split("the fields here are ").nth(1).unwrap();
    let names = list.lines().next().unwrap().split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn the_schema_knows_the_fields_of_the_language() {
    let output = doorward(&["policy", "schema"]);
    let schema: Json = serde_json::from_str(&out(&output)).unwrap();
    let fields = |place: &str| -> BTreeSet<String> {
        let properties = schema.pointer(place).unwrap().as_object().unwrap();
        properties.keys().cloned().collect()
    };
    let rule = |rest: &str| format!("version: 1\nrules: [{{ name: a, then: ask, {rest} }}]");
    assert_eq!(known("version: 1\nqqqqqqqq: 1"), fields("/properties"));
    assert_eq!(
        known(&rule("qqqqqqqqqqqqqqqqqq: 1")),
        fields("/$defs/rule/properties")
    );
    assert_eq!(
        known(&rule("when: { qqqqqqqqqqqqqqqqqq: 1 }")),
        fields("/$defs/rule/properties/when/properties")
    );
    assert_eq!(
        known(&rule("when: { hours: { zone: UTC, qqqqqqqqqqqq: 1 } }")),
        fields("/$defs/hours/properties")
    );
    let kinds: BTreeSet<String> = schema["$defs"]["set"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["required"][0].as_str().unwrap().to_owned())
        .collect();
    let folder = folder(&[("10.yaml", "version: 1\nsets: { a: {} }")]);
    let said = err(&doorward(&[
        "policy",
        "check",
        folder.path().to_str().unwrap(),
    ]));
    let list = said
        .split("help: write ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let names: BTreeSet<String> = list
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert_eq!(kinds, names);
}

#[test]
fn explain_supposes_how_the_registry_stands_and_who_was_granted_before() {
    let folder = folder(&[(
        "10.yaml",
        "version: 1
rules:
  - name: known
    when: { seen: { within: 7d, by: person } }
    then: ask
    for: 8h
",
    )]);
    let explain = |more: &[&str]| {
        let path = folder.path().to_str().unwrap();
        let mut arguments = vec!["policy", "explain", "--policies", path];
        arguments.extend(["--ip", "51.140.7.9", "--at", "2026-11-20T09:00:00Z"]);
        arguments.extend(more);
        doorward(&arguments)
    };
    let hosts = ["--registry", "images.contoso.com"];
    let seen = ["--seen", "person=3d", "--import"];
    let told = explain(&[&hosts[..], &seen].concat());
    insta::assert_snapshot!(out(&told));
    let hosts = ["--registry", "contosoprod.azurecr.io", "--output", "json"];
    let closed = ["--posture", "public_access=disabled"];
    let told = explain(&[&hosts[..], &closed].concat());
    let told: Json = serde_json::from_str(&out(&told)).unwrap();
    assert_eq!(told["verdict"]["action"], "alert");
    assert_eq!(told["blocking"][0]["code"], "public_access_disabled");
    let link = told["blocking"][0]["link"].as_str().unwrap();
    assert!(link.starts_with("https://learn.microsoft.com/"), "{link}");
    for (wrong, hint) in [
        (
            ["--posture", "public_acces=disabled"],
            "did you mean `public_access`",
        ),
        (["--posture", "sku=Gold"], "`Premium`"),
        (["--seen", "me=3d"], "person=3d"),
        (["--seen", "person=3"], "has no unit"),
    ] {
        let refused = explain(&[&hosts[..], &wrong].concat());
        assert_eq!(refused.status.code(), Some(2));
        assert!(err(&refused).contains(hint), "{}", err(&refused));
    }
}
