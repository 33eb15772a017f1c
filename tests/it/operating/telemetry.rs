//! Metrics for Prometheus, and the listener that shows them.

use crate::needs;
use crate::process::{Installation, until};
use crate::world::{OURS, REGISTRY, STRANGER, World, furnished, row};
use axum::body::Body;
use axum::http::Request;
use clock::Clock;
use doorward::http::metrics_router;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// Prometheus' own tool, out of Debian's package where it is not installed.
fn promtool() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
    let unpacked = folder.join("unpacked/usr/bin/promtool");
    if Command::new("promtool").arg("--version").output().is_ok() {
        return Some("promtool".into());
    }
    if !unpacked.exists() {
        std::fs::create_dir_all(&folder).ok()?;
        let unpack = "apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb unpacked";
        let mut shell = Command::new("sh");
        shell.args(["-c", unpack]).current_dir(&folder);
        shell.output().ok()?;
    }
    unpacked.exists().then_some(unpacked)
}

/// What `promtool check metrics` says of them; nothing if it finds nothing.
fn checked(promtool: &Path, metrics: &str) -> String {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(metrics.as_bytes()).unwrap();
    drop(stdin);
    let said = child.wait_with_output().unwrap();
    let texts = [said.stdout, said.stderr].concat();
    let failed = if said.status.success() { "" } else { "failed " };
    failed.to_owned() + &String::from_utf8(texts).unwrap()
}

async fn metrics(world: &World) -> String {
    let router = metrics_router(Arc::clone(&world.app), "127.0.0.1:9090".parse().unwrap());
    let request = Request::get("/metrics").header("host", "127.0.0.1:9090");
    let reply = router.oneshot(request.body(Body::empty()).unwrap()).await;
    let body = axum::body::to_bytes(reply.unwrap().into_body(), 1 << 20).await;
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

#[track_caller]
fn has(metrics: &str, line: &str) {
    let found = metrics.lines().any(|it| it == line);
    let name = line.split(['{', ' ']).next().unwrap();
    let near = metrics.lines().filter(|it| it.starts_with(name));
    let near = near.collect::<Vec<_>>().join("\n");
    assert!(found, "{line}\nis not among\n{near}");
}

/// Each of these lines, in which `{REGISTRY}` is the registry's name.
#[track_caller]
fn have(metrics: &str, lines: &[&str]) {
    for line in lines {
        has(metrics, &line.replace("{REGISTRY}", REGISTRY));
    }
}

#[tokio::test]
async fn metrics_count_what_stands_and_how_long_steps_took() {
    let world = World::new().await;
    let before = metrics(&world).await;
    let lines = [
        r#"doorward_decision_latency_seconds_count{source="clusters"} 0"#,
        r#"doorward_grants{registry="{REGISTRY}",state="open"} 0"#,
    ];
    have(&before, &lines);
    let happened = world.clock.now();
    world.jump(Duration::from_secs(90));
    assert_eq!(
        world.deliver("logs", &row(OURS, happened)).await.status,
        202
    );
    world.settle().await;
    world.denied(STRANGER).await;
    world.settle().await;
    world.pass(Duration::from_secs(5)).await;
    let open = metrics(&world).await;
    let lines = [
        r#"doorward_event_latency_seconds_sum{source="logs"} 90.0"#,
        r#"doorward_decision_latency_seconds_count{source="logs"} 1"#,
        r#"doorward_opening_latency_seconds_count{registry="{REGISTRY}"} 1"#,
        r#"doorward_grants{registry="{REGISTRY}",state="open"} 1"#,
        r#"doorward_firewall_entries{registry="{REGISTRY}",owner="doorward"} 1"#,
        r#"doorward_requests_waiting{registry="{REGISTRY}"} 1"#,
        r#"doorward_oldest_request_age_seconds{registry="{REGISTRY}"} 5.0"#,
        r#"doorward_registry_state{registry="{REGISTRY}",state="writable"} 1"#,
        r#"doorward_registry_state{registry="{REGISTRY}",state="unreachable"} 0"#,
        r#"doorward_source_state{source="logs",state="fed"} 1"#,
    ];
    have(&open, &lines);
    let entries = world.app.ledger.as_of();
    has(&open, &format!("doorward_ledger_entries {entries}"));
    assert!(!open.contains("doorward_ledger_size_bytes 0\n"), "{open}");
    world.pass(Duration::from_mins(11)).await;
    let over = metrics(&world).await;
    let lines = [
        r#"doorward_removal_latency_seconds_count{registry="{REGISTRY}"} 1"#,
        r#"doorward_removal_latency_seconds_bucket{le="30.0",registry="{REGISTRY}"} 1"#,
        r#"doorward_grants{registry="{REGISTRY}",state="open"} 0"#,
    ];
    have(&over, &lines);
    match promtool() {
        Some(promtool) => assert_eq!(checked(&promtool, &over), ""),
        None => needs::skip("promtool is not there, and apt-get does not bring it"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_listener_gives_no_orders_and_answers_to_its_own_name() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "10m", |config| {
        config["metrics"] = json!("127.0.0.1:0");
    });
    let process = installed.serve().await;
    let line = || {
        let log = process.log();
        let (_, rest) = log.split_once("metrics on ")?;
        Some(rest.split("/metrics").next()?.to_owned())
    };
    until("the line that names the listener", async || {
        line().is_some()
    })
    .await;
    let url = line().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let shown = client.get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(shown.status(), 200);
    assert!(shown.text().await.unwrap().contains("doorward_build_info{"));
    let open = client.get(format!("{url}/metrics"));
    let open = open.header("accept", "application/openmetrics-text;version=1.0.0");
    assert!(
        open.send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .ends_with("# EOF\n")
    );
    for path in ["/", "/api/v1/grants", "/requests/x", "/events/clusters"] {
        let reply = client.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(reply.status(), 404, "{path}");
    }
    let order = client.post(format!("{url}/api/v1/pause"));
    let order = order
        .header("x-doorward-command", "1")
        .body("{\"by\":\"ada\"}");
    assert_eq!(order.send().await.unwrap().status(), 404);
    let foreign = client
        .get(format!("{url}/metrics"))
        .header("host", "evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 421);
}
