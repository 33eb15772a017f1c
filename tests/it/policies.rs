//! The policies that ship with doorward, as they are, and the folder that they stand in.

use doorward::config::{LoadError, load_file, load_files, load_policies};
use doorward_core::intake::denial::{Attribution, Denial, Kind, Service};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::verdict::{Action, Verdict};
use doorward_core::policy::{Facts, Policy, decide};
use doorward_core::sets::{AzureKind, External, Sets};
use doorward_core::state::history::Before;
use jiff::Timestamp;
use std::fs;
use std::path::Path;
use std::time::Duration;

const NAT: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.Network/natGateways/build-egress";

fn shipped() -> (Policy, Sets) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let policy = load_policies(&folder).unwrap();
    assert_eq!(policy.warnings.to_string(), "");
    let sets = load_files(&policy, &folder, Timestamp::UNIX_EPOCH).unwrap();
    let nat = External::Azure(AzureKind::NatGateway, NAT.parse::<ResourceId>().unwrap());
    assert!(policy.needs().contains(&nat));
    let sets = sets.with(
        nat,
        ["20.50.1.0/30".parse().unwrap()],
        Timestamp::UNIX_EPOCH,
    );
    (policy, sets)
}

fn verdict(address: &str) -> Verdict {
    let (policy, sets) = shipped();
    let denial = Denial {
        kind: Kind::Denied,
        service: Service::Acr,
        ip: Some(address.parse().unwrap()),
        registry: Some("contosoprod.azurecr.io".into()),
        repository: None,
        reference: None,
        resource: None,
        attribution: Some(Attribution::Stated),
    };
    let facts = Facts {
        denial: &denial,
        registry: Some("contosoprod.azurecr.io"),
        source: "alerts",
        proof: None,
        identity: None,
        user_agent: None,
        age_unknown: false,
        trusted_status_403: false,
        before: Before::default(),
        posture: None,
        holders: &[],
        import: false,
        max_ttl: Duration::from_hours(24),
    };
    decide(&policy, &sets, &facts, Timestamp::UNIX_EPOCH)
}

#[test]
fn our_build_agents_are_let_in() {
    let verdict = verdict("20.50.1.1");
    assert_eq!(
        (verdict.action, verdict.rule.as_deref()),
        (Action::Allow, Some("build agents"))
    );
    assert_eq!(verdict.ttl, Some(Duration::from_hours(4)));
}

#[test]
fn shared_agents_of_acr_tasks_are_asked_about() {
    let verdict = verdict("20.70.16.9");
    assert_eq!(
        (verdict.action, verdict.rule.as_deref()),
        (Action::Ask, Some("acr tasks"))
    );
}

#[test]
fn everybody_else_is_asked_about_but_for_who_is_blocked() {
    assert_eq!(verdict("51.140.7.9").rule, None);
    assert_eq!(verdict("51.140.7.9").action, Action::Ask);
    let verdict = verdict("198.51.100.7");
    assert_eq!(
        (verdict.action, verdict.rule.as_deref()),
        (Action::Forbid, Some("blocked"))
    );
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn says(folder: &tempfile::TempDir, error: &LoadError) -> String {
    error
        .to_string()
        .replace(folder.path().to_str().unwrap(), "policies")
}

#[test]
fn files_are_read_in_the_order_of_their_names() {
    let rule = |name: &str| format!("version: 1\nrules: [{{ name: {name}, then: ask }}]\n");
    let (first, second) = (rule("first"), rule("second"));
    let folder = folder(&[
        ("20.yaml", second.as_str()),
        ("10.yml", first.as_str()),
        ("10.cases.yaml", "not: a policy"),
        (".hidden.yaml", "not: a policy"),
        ("README.md", "not a policy"),
    ]);
    let policy = load_policies(folder.path()).unwrap();
    let names: Vec<&str> = policy.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn a_folder_that_is_not_there_says_what_to_do() {
    let error = load_policies(Path::new("no/such/folder"))
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @r"
    error: this cannot be read: No such file or directory (os error 2)
     --> no/such/folder
      = help: create the folder, or name another under `policies` in the configuration
    ");
}

#[test]
fn everything_wrong_with_the_files_of_sets_is_reported_at_once() {
    let policy = "
version: 1
rules:
  - { name: listed, when: { address: [{ cidrs_file: ours.txt }, { cidrs_file: lost.txt }] }, then: allow }
  - { name: wide, when: { address: { cidrs_file: wide.txt } }, then: allow }
  - { name: wide is fine here, when: { address: { cidrs_file: all.txt } }, then: forbid, mode: observe }
  - { name: tag, when: { address: { service_tag: AzureContainerRegistry.WestEurop, file: tags.json } }, then: ask }
  - { name: broken, when: { address: { service_tag: X, file: broken.json } }, then: ask }
";
    let tags = fs::read_to_string("policies/service-tags.sample.json").unwrap();
    let folder = folder(&[
        ("policy.yaml", policy),
        ("ours.txt", "20.1.2.0/24\n20.1.2.3/24 # a slip\n"),
        ("wide.txt", "20.0.0.0/8\n21.0.0.0/8\n"),
        ("all.txt", "0.0.0.0/0\n"),
        ("tags.json", tags.as_str()),
        ("broken.json", "{"),
    ]);
    let policy = load_policies(folder.path()).unwrap();
    let error = load_files(&policy, folder.path(), Timestamp::UNIX_EPOCH).unwrap_err();
    insta::assert_snapshot!(says(&folder, &error), @r"
    error: this cannot be read: No such file or directory (os error 2)
     --> policies/lost.txt

    error: `20.1.2.3/24` has bits set beyond its prefix length: write `20.1.2.0/24` for the network, or the address alone
     --> policies/ours.txt:2:1
      |
    2 | 20.1.2.3/24 # a slip
      | ^^^^^^^^^^^
      = help: write one CIDR or address a line; `#` starts a comment

    error: a rule allows what this file holds, and 20.0.0.0 to 21.255.255.255 is more than a /8: nobody owns that
     --> policies/wide.txt
      = help: list the networks that are yours, or let the rule ask

    error: this is not Microsoft's weekly service-tag file: EOF while parsing an object at line 1 column 1; download ServiceTags_Public_*.json from https://www.microsoft.com/download/details.aspx?id=56519
     --> policies/broken.json

    error: there is no service tag `AzureContainerRegistry.WestEurop` in this file: did you mean `AzureContainerRegistry.WestEurope`?
     --> policies/tags.json
    ");
    let all = load_file(folder.path(), &External::CidrsFile("all.txt".into()))
        .unwrap()
        .networks;
    assert_eq!(all.len(), 1);
}

#[test]
fn a_link_out_of_the_policy_folder_is_not_followed_and_its_file_not_shown() {
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("secret");
    fs::write(&secret, "root:hunter2:0:0\n").unwrap();
    let link = |to: &Path, from: &Path| std::os::unix::fs::symlink(to, from);
    for (name, policy) in [
        ("zz.yaml", "version: 1\n"),
        (
            "list.txt",
            "version: 1\nsets: { ours: { cidrs_file: list.txt } }\nrules: [{ name: a, when: { address: ours }, then: ask, because: x }]\n",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("policy.yaml"), policy).unwrap();
        link(&secret, &folder.path().join(name)).unwrap();
        let loaded = load_policies(folder.path())
            .and_then(|policy| load_files(&policy, folder.path(), Timestamp::UNIX_EPOCH).map(drop));
        let told = loaded.unwrap_err().to_string();
        assert!(
            told.contains("leads out of the policy folder") && !told.contains("hunter2"),
            "{told}"
        );
    }
    // As Kubernetes mounts a folder: by links within it.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("..2026");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("policy.yaml"), "version: 1\n").unwrap();
    link(&data, &folder.path().join("..data")).unwrap();
    link(
        Path::new("..data/policy.yaml"),
        &folder.path().join("policy.yaml"),
    )
    .unwrap();
    load_policies(folder.path()).unwrap();
}
