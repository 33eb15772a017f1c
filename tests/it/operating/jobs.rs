//! `doorward report` and `doorward wait`, as a CI job runs them around its pull.

use crate::process::{Installation, until};
use crate::program::{doorward, err, fed, out};
use crate::world::{KEY, OURS, REGISTRY, furnished, message};
use clock::Clock;
use doorward_sim::{Call, Fault};
use std::fs;
use std::process::Output;
use std::time::Duration;

/// A file with a secret, in a folder.
fn secret(folder: &tempfile::TempDir, text: &str) -> String {
    let path = folder.path().join("proof");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn report(url: &str, key: &str, text: &str, more: &[&str]) -> Output {
    let line = [
        "report",
        "--source",
        "clusters",
        "--url",
        url,
        "--key-file",
        key,
    ];
    fed(&[&line[..], more].concat(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn report_hands_a_denial_over_and_it_is_acted_on() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "10m");
    let process = installed.serve().await;
    let folder = tempfile::tempdir().unwrap();
    let key = secret(&folder, KEY);
    let reported = report(&process.url(), &key, &message(OURS), &[]);
    assert!(reported.status.success(), "{}", err(&reported));
    assert_eq!(out(&reported), "accepted: 1 denial, 1 new\n");
    until("it is open", async || azure.entries(REGISTRY) == [OURS]).await;
    let nothing = report(&process.url(), &key, "error: toomanyrequests", &[]);
    assert_eq!(nothing.status.code(), Some(3), "{}", err(&nothing));
    assert!(
        err(&nothing).contains("nothing was sent"),
        "{}",
        err(&nothing)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn report_says_what_is_wrong_and_never_the_proof() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "10m");
    let process = installed.serve().await;
    let folder = tempfile::tempdir().unwrap();
    let key = secret(&folder, "not-the-key-5ecret");
    let (url, denial) = (process.url(), message(OURS));
    let refused = report(&url, &key, &denial, &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("does not accept the proof"),
        "{}",
        err(&refused)
    );
    let line = [
        "report",
        "--source",
        "nobody",
        "--url",
        &url,
        "--key-file",
        &key,
    ];
    let unknown = fed(&line, &denial);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        err(&unknown).contains("no source `nobody`"),
        "{}",
        err(&unknown)
    );
    let clear = report("http://doorward.contoso.com", &key, &denial, &[]);
    assert!(err(&clear).contains("clear text"), "{}", err(&clear));
    let unproven = fed(&["report", "--source", "clusters", "--url", &url], &denial);
    assert_eq!(unproven.status.code(), Some(2));
    assert!(
        err(&unproven).contains("DOORWARD_TOKEN"),
        "{}",
        err(&unproven)
    );
    process.kill().await;
    let gone = report(&url, &key, &denial, &["--timeout", "2s"]);
    assert_eq!(gone.status.code(), Some(1));
    for output in [refused, unknown, clear, unproven, gone] {
        assert!(!err(&output).contains("5ecret"), "{}", err(&output));
    }
    // No option takes it.
    assert_eq!(fed(&["report", "--token", "x"], "").status.code(), Some(2));
}

/// A registry that this machine asks: at the simulated Azure's own address, as from 127.0.0.1.
async fn near() -> (doorward_sim::Sim, String) {
    let azure = furnished(&Clock::system()).await;
    azure.edit(REGISTRY, "test", |registry| {
        "127.0.0.1".clone_into(&mut registry.login_server);
    });
    azure.knobs(|knobs| knobs.propagates_in(Duration::ZERO));
    let base = azure.data_plane().to_owned();
    (azure, base)
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_ends_when_the_registry_asks_for_a_login() {
    let (azure, base) = near().await;
    let waiting = tokio::task::spawn_blocking({
        let base = base.clone();
        move || {
            doorward(&[
                "wait",
                "--registry",
                &base,
                "--interval",
                "1s",
                "--timeout",
                "30s",
            ])
        }
    });
    until("it was refused", async || {
        azure.requests_of(Call::DataPlane).len() >= 2
    })
    .await;
    azure.edit(REGISTRY, "doorward", |registry| registry.allow("127.0.0.1"));
    let waited = waiting.await.unwrap();
    assert!(waited.status.success(), "{}", err(&waited));
    assert!(
        out(&waited).contains("lets this machine in"),
        "{}",
        out(&waited)
    );
    let statuses: Vec<u16> = azure
        .requests_of(Call::DataPlane)
        .iter()
        .filter_map(|it| it.status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 401).count(),
        1,
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_is_bounded_and_honours_retry_after() {
    let (azure, base) = near().await;
    let late = doorward(&[
        "wait",
        "--registry",
        &base,
        "--interval",
        "1s",
        "--timeout",
        "2s",
    ]);
    assert_eq!(late.status.code(), Some(1));
    assert!(err(&late).contains("still refuses (403)"), "{}", err(&late));
    let tries = azure.requests_of(Call::DataPlane).len();
    assert!((2..=3).contains(&tries), "{tries}");
    // Who is asked to come back after the time is over does not come back.
    let wait = Duration::from_mins(1);
    azure.knobs(|knobs| knobs.always(Call::DataPlane, Fault::Throttled { retry_after: wait }));
    let throttled = doorward(&[
        "wait",
        "--registry",
        &base,
        "--interval",
        "1s",
        "--timeout",
        "5s",
    ]);
    assert_eq!(throttled.status.code(), Some(1));
    assert_eq!(azure.requests_of(Call::DataPlane).len(), tries + 1);
    assert!(
        err(&throttled).contains("status 429"),
        "{}",
        err(&throttled)
    );
    let wrong = doorward(&["wait", "--registry", "http://contosoprod.azurecr.io"]);
    assert_eq!(wrong.status.code(), Some(2));
}
