//! The API's description: that it is what is served, and what tools of others say of it.

use crate::needs;
use crate::node;
use crate::process::{Installation, until};
use crate::python;
use crate::world::{OURS, STRANGER, World, furnished, message};
use clock::Clock;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Where the description is checked in.
fn checked_in() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json")
}

#[tokio::test]
async fn description_in_the_docs_is_what_is_served() {
    let world = World::new().await;
    let served = world.ask("/api/openapi.json").await;
    assert_eq!(served.status, 200);
    let served = serde_json::to_string_pretty(&served.json()).unwrap() + "\n";
    // How it is made anew: `DOORWARD_WRITE_DOCS=1 cargo test --test it -- description_in`.
    if std::env::var_os("DOORWARD_WRITE_DOCS").is_some() {
        std::fs::write(checked_in(), &served).unwrap();
    }
    let known = std::fs::read_to_string(checked_in()).unwrap_or_default();
    assert!(known == served, "docs/openapi.json is stale");
    let description: Value = serde_json::from_str(&served).unwrap();
    assert_eq!(
        description["openapi"].as_str().unwrap().split('.').next(),
        Some("3")
    );
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 20 && paths.keys().all(|path| path.starts_with("/api/v1/")));
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{what}");
            let orders = operation["parameters"]
                .to_string()
                .contains("x-doorward-command");
            assert_eq!(orders, method == "post", "{what}");
            assert!(["get", "post"].contains(&method.as_str()), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn api_answers_as_its_description_says() {
    let bin = match python::with("schemathesis", &["schemathesis==4.32.5"]).await {
        Ok(bin) => bin,
        Err(why) => return needs::skip(&format!("schemathesis cannot be installed: {why}")),
    };
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "10m", |config| {
        config["connections"] = json!({ "max": 512, "max_per_address": 256 });
    });
    let process = installed.serve().await;
    process.deliver(message(OURS)).await;
    process.deliver(message(STRANGER)).await;
    until("the entry", async || {
        !azure.entries("contosoprod").is_empty()
    })
    .await;
    let mut run = Command::new(bin.join("schemathesis"));
    run.args(["run", &format!("{}/api/openapi.json", process.admin())])
        .args([
            "--checks",
            "all",
            "--max-examples",
            "25",
            "--seed",
            "20261128",
        ])
        // On loopback nobody has to show a token; and an order that is well formed may still be one that cannot
        // be followed.
        .args(["--exclude-checks", "ignored_auth,positive_data_acceptance"])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--request-timeout", "20", "--no-color"])
        .current_dir(installed.folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_mins(8), run.output()).await;
    let output = ended.expect("schemathesis took too long").unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = told + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("No issues found") || told.contains("passed"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn description_is_clean_by_redocly() {
    let folder = match node::with("redocly", &["@redocly/cli@2.77.0"]).await {
        Ok(folder) => folder,
        Err(why) => return needs::skip(&format!("@redocly/cli cannot be installed: {why}")),
    };
    let mut lint = Command::new(folder.join("node_modules/.bin/redocly"));
    lint.args([
        "lint",
        "--extends",
        "recommended",
        "--skip-rule",
        "info-license",
    ])
    .arg(checked_in())
    .env("REDOCLY_TELEMETRY", "off")
    .env("CI", "true")
    .stdin(Stdio::null())
    .current_dir(&folder);
    let output = lint.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = told + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
}
