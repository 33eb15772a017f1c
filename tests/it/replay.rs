//! `doorward replay`, by the real program, on captured deliveries and on a ledger that grew by itself.

use crate::program::{doorward, err, folder, in_folder, out};
use crate::world::{OURS, STRANGER, World};
use serde_json::{Value as Json, json};
use std::fs;
use std::time::Duration;

const NOW: &str = "version: 1
rules:
  - { name: office, when: { address: { cidrs: [20.60.0.0/24] } }, then: allow, for: 2h }
";
const THEN: &str = "version: 1
rules:
  - { name: office, when: { address: { cidrs: [20.60.0.0/25] } }, then: allow, for: 2h }
default: alert
";

/// Events as a log forwarder sends them.
fn events(denials: &[(&str, &str)]) -> String {
    let event = |(number, (at, address)): (usize, &(&str, &str))| {
        json!({
            "specversion": "1.0",
            "id": number.to_string(),
            "source": "/builds",
            "type": "com.contoso.build.failed",
            "time": at,
            "data": { "log": format!("failed to pull contosoprod.azurecr.io/prod/api:v1: denied: client with IP '{address}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.") }
        })
    };
    let events: Vec<Json> = denials.iter().enumerate().map(event).collect();
    Json::from(events).to_string()
}

fn captured() -> String {
    events(&[
        ("2026-11-20T09:00:00Z", "20.60.0.7"),
        ("2026-11-20T09:05:00Z", "20.60.0.7"),
        ("2026-11-20T09:10:00Z", "20.60.0.200"),
        ("2026-11-20T09:20:00Z", "51.140.7.9"),
        ("2026-11-20T12:00:00Z", "20.60.0.7"),
        ("2026-11-20T12:01:00Z", "10.1.2.3"),
    ])
}

#[test]
fn two_policies_are_compared_for_a_pull_request() {
    let folder = folder(&[("events.json", captured().as_str())]);
    for (name, text) in [("now", NOW), ("then", THEN)] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("10.yaml"), text).unwrap();
    }
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (now, then, events) = (path("now"), path("then"), path("events.json"));
    let arguments = [
        "replay",
        "--policies",
        &now,
        "--against",
        &then,
        "--quota",
        "1",
        &events,
    ];
    let output = doorward(&arguments);
    assert!(output.status.success(), "{}", err(&output));
    insta::assert_snapshot!(in_folder(&folder, &out(&output)));
    assert_eq!(out(&output), out(&doorward(&arguments)), "twice the same");
}

#[test]
fn sets_that_nobody_gave_are_named() {
    let policy = "version: 1
sets:
  egress: { nat_gateway: /subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/r/providers/Microsoft.Network/natGateways/egress }
rules:
  - { name: ours, when: { address: egress }, then: allow }
";
    let folder = folder(&[("10.yaml", policy), ("events.json", captured().as_str())]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (policy, events) = (path(""), path("events.json"));
    let run = |more: &[&str]| {
        out(&doorward(
            &[&["replay", "--policies", &policy, &events], more].concat(),
        ))
    };
    let told = run(&[]);
    assert!(
        told.contains("Not known in") && told.contains("`egress`"),
        "{told}"
    );
    let told = run(&["--set", "egress=20.60.0.0/24"]);
    assert!(!told.contains("Not known in"), "{told}");
}

#[tokio::test]
async fn a_ledger_can_be_replayed() {
    let world = World::new().await;
    for address in [OURS, STRANGER, OURS] {
        world.denied(address).await;
        world.settle().await;
        world.pass(Duration::from_mins(1)).await;
    }
    let folder = folder(&[(
        "10.yaml",
        &format!(
            "version: 1\nrules: [{{ name: a, when: {{ address: {{ cidrs: [{OURS}] }} }}, then: allow }}]"
        ),
    )]);
    let policy = folder.path().to_str().unwrap();
    let database = fs::read_dir(world.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0")))
        .unwrap();
    let database = database.to_str().unwrap();
    let printed = doorward(&[
        "ledger",
        "show",
        "--state",
        &format!("sqlite:{database}"),
        "--output",
        "json",
    ]);
    assert!(printed.status.success(), "{}", err(&printed));
    let lines = folder.path().join("ledger.jsonl");
    fs::write(&lines, out(&printed)).unwrap();
    for file in [database, lines.to_str().unwrap()] {
        let output = doorward(&["replay", "--policies", policy, "--output", "json", file]);
        assert!(output.status.success(), "{}", err(&output));
        let told: Json = serde_json::from_str(&out(&output)).unwrap();
        assert_eq!(told["denials"], 3);
        assert_eq!(told["repeats"], 1);
        assert_eq!(told["verdicts"], json!({ "allow": 1, "ask": 1 }));
    }
}

#[test]
fn a_file_that_holds_nothing_readable_is_named() {
    let folder = folder(&[("10.yaml", NOW), ("broken.json", "{\"records\": [")]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for file in ["broken.json", "no-such-file"] {
        let output = doorward(&[
            "replay",
            "--policies",
            folder.path().to_str().unwrap(),
            &path(file),
        ]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(file), "{}", err(&output));
    }
}
