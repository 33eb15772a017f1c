//! The real program is started while its PostgreSQL database is not to be had.

use crate::postgres::{Cluster, Database, database};
use crate::process::{Installation, Process, until_within};
use crate::program::{doorward, err};
use crate::world::{OURS, REGISTRY, furnished, message};
use clock::Clock;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const LONG: Duration = Duration::from_mins(2);

/// It is there, takes nothing, and says why.
async fn waits(process: &Process, reason: &str) {
    assert_eq!(process.offer(message(OURS)).await, 503);
    assert_eq!(process.get("/healthz").await.0, 200);
    assert_eq!(process.get("/").await.0, 503);
    until_within(LONG, "it says why", async || {
        let (status, told) = process.get("/readyz").await;
        assert_eq!(status, 503);
        let told: Value = serde_json::from_str(&told).unwrap();
        let missing = &told["missing"][0];
        assert_eq!(missing["code"], "ledger_unavailable");
        missing["detail"].as_str().unwrap().contains(reason)
    })
    .await;
}

async fn comes_up(process: &Process) {
    until_within(LONG, "it takes deliveries", async || {
        process.offer(message(OURS)).await == 202
    })
    .await;
    until_within(LONG, "it is ready", async || {
        process.get("/readyz").await.0 == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_starts_before_its_database_comes_up_with_it() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let database = cluster.database().await;
    cluster.stop();
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h").on(&database);
    let first = installed.waits().await;
    let second = installed.waits().await;
    for process in [&first, &second] {
        waits(process, "does not answer").await;
    }
    // Commands do not wait.
    let refused = doorward(&["ledger", "verify", "--state", &database.url]);
    assert!(!refused.status.success());
    assert!(err(&refused).contains("does not answer"), "{refused:?}");
    cluster.start_again();
    for process in [&first, &second] {
        comes_up(process).await;
    }
    until_within(LONG, "it is open", async || {
        azure.entries(REGISTRY) == [OURS]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_missing_database_are_named_and_waited_for() {
    let Some(database) = database().await else {
        return;
    };
    let azure = furnished(&Clock::system()).await;
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    for (wrong, brief, whole) in [
        (
            database.url.replace("for%2Btests", "hunter2"),
            "check user and password",
            "does not let `tester` in",
        ),
        (
            database.url.replace(&name, "nowhere"),
            "is missing on its server",
            "has no database `nowhere`",
        ),
    ] {
        let Database { url, file } = database.clone();
        fs::write(&file, wrong).unwrap();
        let installed = Installation::new(&azure, "1h").on(&database);
        let process = installed.waits().await;
        waits(&process, brief).await;
        until_within(LONG, "the log says it", async || {
            process.log().contains(whole)
        })
        .await;
        let told = process.log() + &process.get("/readyz").await.1;
        assert!(!told.contains("hunter2"), "{told}");
        // The secret is mended.
        fs::write(&file, url).unwrap();
        comes_up(&process).await;
    }
}

#[tokio::test]
async fn a_start_waits_no_longer_than_it_is_told() {
    let azure = furnished(&Clock::system()).await;
    let change = |config: &mut Value| {
        config["state"] = json!("postgres://127.0.0.1:1/doorward");
        config["wait_for_database"] = json!("2s");
    };
    let installed = Installation::with(&azure, "1h", change);
    let told = installed.refuses_to_serve().await;
    assert!(told.contains("127.0.0.1:1 does not answer"), "{told}");
}

#[tokio::test]
async fn a_start_that_waits_ends_when_it_is_told_to_stop() {
    let azure = furnished(&Clock::system()).await;
    let change = |config: &mut Value| config["state"] = json!("postgres://127.0.0.1:1/doorward");
    let installed = Installation::with(&azure, "1h", change);
    let process = installed.waits().await;
    assert!(process.terminate().await.success());
}
