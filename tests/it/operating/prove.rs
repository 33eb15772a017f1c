//! `doorward prove`: a synthetic denial goes through every stage, or it is said at which one it stops.

use crate::process::{Installation, until};
use crate::program::{doorward, err, out};
use crate::world::{REGISTRY, furnished};
use clock::Clock;
use doorward_sim::{Call, DefaultAction, LogAccess, Sim};
use serde_json::json;
use std::fs;
use std::process::Output;
use std::time::Duration;

async fn installed() -> (Sim, Installation) {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "10m", |config| {
        config["channels"] = json!([{ "name": "terminal", "kind": "log" }]);
    });
    (azure, installed)
}

fn prove(installed: &Installation, url: &str, more: &[&str]) -> Output {
    let file = installed.folder.path().join("doorward.yaml");
    let line = ["prove", "--config", file.to_str().unwrap(), "--url", url];
    doorward(&[&line[..], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn prove_shows_every_stage_and_opens_nothing() {
    let (azure, installed) = installed().await;
    let process = installed.serve().await;
    let proven = prove(&installed, &process.url(), &[]);
    let told = out(&proven);
    assert!(proven.status.success(), "{told}{}", err(&proven));
    let stages: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        stages,
        ["accepted", "recorded", "decided", "notified", "opened"],
        "{told}"
    );
    assert!(told.lines().all(|line| line.contains(" ms  ")), "{told}");
    assert!(told.contains("nothing, as it must be"), "{told}");
    assert_eq!(azure.entries(REGISTRY), Vec::<String>::new());
    assert_eq!(azure.requests_of(Call::PatchRegistry).len(), 0);
    let kinds = installed.kinds().await;
    assert!(
        !kinds.contains(&"granted") && !kinds.contains(&"requested"),
        "{kinds:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn prove_says_at_which_stage_it_stops() {
    let (_azure, installed) = installed().await;
    let process = installed.serve().await;
    let url = process.url();
    let nobody = prove(&installed, "http://127.0.0.1:9", &[]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        err(&nobody).contains("accepted: no; nothing answers"),
        "{}",
        err(&nobody)
    );
    // Another ledger than that of the doorward that accepts.
    let other = Installation::with(&furnished(&Clock::system()).await, "10m", |_| {});
    let elsewhere = other.serve().await;
    let lost = prove(&other, &url, &["--timeout", "2s"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(
        err(&lost).contains("recorded: not within 2s"),
        "{}",
        err(&lost)
    );
    elsewhere.kill().await;
    // Another key than it has.
    fs::write(
        installed.folder.path().join("key"),
        "another-key-5ecret-0123",
    )
    .unwrap();
    let refused = prove(&installed, &url, &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("refuses the proof"),
        "{}",
        err(&refused)
    );
    assert!(!err(&refused).contains("5ecret"), "{}", err(&refused));
    let clear = prove(&installed, "http://doorward.contoso.com", &[]);
    assert!(err(&clear).contains("clear text"), "{}", err(&clear));
    until("it is still up", async || {
        process.get("/healthz").await.0 == 200
    })
    .await;
}

/// A feed of the registry's own log, which is read once a minute.
async fn installed_with_feed() -> (Sim, Installation) {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "10m", |config| {
        let sources = config["sources"].as_array_mut().unwrap();
        sources.push(json!({
            "name": "registry-log", "feed": { "kind": "azure_logs" },
            "trust_status_403": true, "registries": [format!("{REGISTRY}.azurecr.io")],
        }));
    });
    azure.knobs(|knobs| knobs.logs.ingestion = Duration::ZERO);
    (azure, installed)
}

async fn canary(azure: &Sim, installed: &Installation, more: &[&str]) -> Output {
    let file = installed.folder.path().join("doorward.yaml");
    let at = azure.data_plane().to_owned();
    let line = [
        "prove",
        "--canary",
        "--config",
        file.to_str().unwrap(),
        "--registry-url",
        &at,
    ];
    let line = [&line[..], more].concat();
    let line: Vec<String> = line.into_iter().map(str::to_owned).collect();
    let run = tokio::task::spawn_blocking(move || {
        doorward(&line.iter().map(String::as_str).collect::<Vec<_>>())
    });
    run.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_comes_back_by_the_feed_with_its_latency() {
    let (azure, installed) = installed_with_feed().await;
    let process = installed.serve().await;
    let proven = canary(&azure, &installed, &["--timeout", "3m"]).await;
    let told = out(&proven);
    assert!(
        proven.status.success(),
        "{told}{}{}",
        err(&proven),
        process.log()
    );
    let line = |name: &str| told.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line("refused").contains("as `127.0.0.1`"), "{told}");
    assert!(line("recorded").contains("`registry-log`"), "{told}");
    assert!(line("recorded").contains("after it happened"), "{told}");
    assert!(line("opened").contains("no entry is ever"), "{told}");
    assert_eq!(azure.entries(REGISTRY), Vec::<String>::new());
    assert_eq!(azure.requests_of(Call::PatchRegistry).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_says_which_stage_is_broken() {
    let (azure, installed) = installed_with_feed().await;
    let process = installed.serve().await;
    azure.knobs(|knobs| knobs.logs.access = LogAccess::NoDiagnosticSetting);
    let silent = canary(&azure, &installed, &["--timeout", "2s"]).await;
    assert_eq!(silent.status.code(), Some(1));
    let told = err(&silent);
    assert!(told.contains("recorded: not within 2s"), "{told}");
    assert!(told.contains("diagnostic setting"), "{told}");
    // Where this machine is let in, there is no denial to wait for.
    azure.edit(REGISTRY, "test", |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    let open = canary(&azure, &installed, &[]).await;
    assert_eq!(open.status.code(), Some(1));
    assert!(
        err(&open).contains("lets this machine in (status 401)"),
        "{}",
        err(&open)
    );
    let elsewhere = canary(
        &azure,
        &installed,
        &["--registry-url", "http://127.0.0.1:9"],
    )
    .await;
    assert!(
        err(&elsewhere).contains("cannot be used multiple times"),
        "{}",
        err(&elsewhere)
    );
    drop(process);
}
