//! `doorward ledger show` narrowed to an address or a time, and followed.

use crate::process::{Installation, until};
use crate::program::{doorward, err, out};
use crate::world::{OURS, REGISTRY, STRANGER, furnished, message};
use clock::Clock;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn show_is_narrowed_to_an_address_and_a_time_and_goes_on() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "10m");
    let process = installed.serve().await;
    for address in [OURS, STRANGER] {
        process.deliver(message(address)).await;
    }
    until("both are decided", async || {
        let kinds = installed.kinds().await;
        kinds.contains(&"opened") && kinds.iter().filter(|kind| **kind == "decided").count() == 2
    })
    .await;
    let file = installed.folder.path().join("doorward.yaml");
    let base = ["ledger", "show", "--config", file.to_str().unwrap()];
    let show = |more: &[&str]| {
        let shown = doorward(&[&base[..], more].concat());
        assert!(shown.status.success(), "{}", err(&shown));
        out(&shown)
    };
    let ours = show(&["--address", OURS]);
    let kinds: Vec<&str> = ours
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3))
        .collect();
    for kind in ["denied", "decided", "granted", "write_intended", "opened"] {
        assert!(
            ours.contains(&format!("  {kind}")),
            "{kind}: {kinds:?}: {ours}"
        );
    }
    assert!(!ours.contains(STRANGER), "{ours}");
    assert_eq!(azure.entries(REGISTRY), [OURS]);
    assert!(show(&["--address", "20.9.9.9"]).is_empty());
    assert_eq!(show(&["--since", "1h"]), show(&[]));
    assert!(show(&["--since", "2999-01-01T00:00:00Z"]).is_empty());
    let wrong = doorward(&[&base[..], &["--since", "soon"]].concat());
    assert_eq!(wrong.status.code(), Some(2));
    // What comes later is shown as it comes.
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(base)
        .args(["--follow", "--kind", "denied", "--address", "51.140.7.77"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    process.deliver(message("51.140.7.77")).await;
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(
        line.contains("denied") && line.contains("51.140.7.77"),
        "{line}"
    );
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_as_tables_json_yaml_and_csv() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "10m");
    let process = installed.serve().await;
    process.deliver(message(OURS)).await;
    until("it is open", async || azure.entries(REGISTRY) == [OURS]).await;
    let admin = process.admin();
    let list = |form: &str| {
        let listed = doorward(&["grants", "list", "--admin", &admin, "-o", form]);
        assert!(listed.status.success(), "{form}: {}", err(&listed));
        out(&listed)
    };
    let pause = [
        "pause",
        "--admin",
        &admin,
        "--by",
        "ada",
        "--reason",
        "maintenance",
        "-o",
        "csv",
    ];
    let paused = out(&doorward(&pause));
    assert!(
        paused.contains("maintenance")
            && paused
                .lines()
                .next()
                .is_some_and(|head| head.contains("because")),
        "{paused}"
    );
    let json: serde_json::Value = serde_json::from_str(&list("json")).unwrap();
    let id = json["items"][0]["id"].as_str().unwrap();
    let csv = list("csv");
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let cells: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| names.iter().position(|it| *it == name).unwrap();
    assert_eq!((cells[at("id")], cells[at("address")]), (id, OURS), "{csv}");
    let yaml: serde_json::Value = serde_saphyr::from_str(&list("yaml")).unwrap();
    assert_eq!(yaml["items"][0]["id"], json["items"][0]["id"]);
    assert!(list("table").contains("\nID "), "{}", list("table"));
}
