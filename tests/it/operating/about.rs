//! `doorward version`, `completions`, `man` and `health`.

use crate::process::Installation;
use crate::program::{doorward, err, out};
use crate::world::furnished;
use clock::Clock;
use serde_json::Value;

#[test]
fn version_is_told_to_people_and_programs() {
    let told = out(&doorward(&["version"]));
    assert!(
        told.starts_with(concat!("doorward ", env!("CARGO_PKG_VERSION"))),
        "{told}"
    );
    let told: Value = serde_json::from_str(&out(&doorward(&["version", "-o", "json"]))).unwrap();
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(told["os"], std::env::consts::OS);
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&doorward(&["completions", shell]));
        for word in ["config", "health", "replay", "log-format"] {
            assert!(script.contains(word), "{shell} has no {word}");
        }
    }
    assert_eq!(doorward(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn manual_has_a_page_for_every_command() {
    assert!(out(&doorward(&["man"])).contains(".TH doorward 1"));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    let done = doorward(&["man", "--dir", dir.to_str().unwrap()]);
    assert!(done.status.success(), "{}", err(&done));
    for page in [
        "doorward.1",
        "doorward-config-check.1",
        "doorward-grants-revoke.1",
    ] {
        let page = std::fs::read_to_string(dir.join(page)).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_that_of_the_running_service() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "10m");
    let process = installed.serve().await;
    let url = process.url();
    let ready = doorward(&["health", "--url", &url]);
    assert!(ready.status.success(), "{}", err(&ready));
    assert!(out(&ready).starts_with("ready"), "{}", out(&ready));
    // What answers, and is not doorward, is not healthy.
    let other = doorward(&["health", "--url", azure.resource_manager()]);
    assert_eq!(other.status.code(), Some(1), "{}", err(&other));
    // A ledger that was replaced cannot be written.
    std::fs::rename(&installed.file, installed.folder.path().join("moved.db")).unwrap();
    std::fs::write(&installed.file, "").unwrap();
    let sick = doorward(&["health", "--url", &url]);
    assert_eq!(sick.status.code(), Some(1));
    assert!(err(&sick).contains("not ready"), "{}", err(&sick));
    process.kill().await;
    let gone = doorward(&["health", "--url", &url, "--timeout", "2s"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(err(&gone).contains("no doorward answers"), "{}", err(&gone));
    assert_eq!(
        doorward(&["health", "--url", "mailto:x"]).status.code(),
        Some(2)
    );
}
