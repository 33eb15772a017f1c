//! What operators do with grants: list, show, revoke, extend, hand over.

use crate::process::{Installation, until};
use crate::program::{doorward, err, out};
use crate::world::{OURS, PREFIX, REGISTRY, World, furnished, message};
use axum::http::Method;
use clock::Clock;
use doorward_core::ledger::event::LedgerEvent;
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// A world in which our own address is let in.
async fn open() -> (World, String) {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    let id = world.grants().await.remove(0);
    (world, id)
}

#[tokio::test]
async fn a_grant_is_listed_and_shown_and_nothing_changes() {
    let (world, id) = open().await;
    let before = world.kinds().await;
    let listed = world
        .ask("/api/v1/grants?registry=contosoprod")
        .await
        .json();
    let grant = &listed["items"][0];
    assert_eq!(grant["address"], OURS);
    assert_eq!(grant["stage"], "open");
    assert_eq!(grant["state"], "open");
    assert_eq!(grant["seconds_left"], 600);
    assert_eq!(grant["rule"], "build agents");
    let tail = &id[id.len() - 8..];
    let shown = world.ask(&format!("/api/v1/grants/{tail}")).await;
    assert_eq!(&shown.json(), grant);
    for (path, status) in [
        ("/api/v1/grants/ffffffff", 404),
        ("/api/v1/grants/ff", 400),
        ("/api/v1/grants?registry=elsewhere", 404),
    ] {
        assert_eq!(world.ask(path).await.status, status, "{path}");
    }
    assert_eq!(world.kinds().await, before);
}

#[tokio::test]
async fn ids_that_begin_alike_are_told_apart_or_refused() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.denied(&PREFIX.replace("/30", "")).await;
    world.settle().await;
    let ids = world.grants().await;
    let shown = world.ask(&format!("/api/v1/grants/{}", &ids[0][..8])).await;
    assert_eq!(shown.status, 409);
    assert!(shown.text.contains("any of 2 grants"), "{}", shown.text);
}

#[tokio::test]
async fn a_revoked_grant_closes_at_once_and_is_not_granted_again_at_once() {
    let (mut world, id) = open().await;
    let order = json!({ "grants": [id, "ffffffff"], "by": "ada", "because": "a leaver's runner" });
    let reply = world.order("/api/v1/grants/revoke", order).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["revoked"][0]["seconds_left"], 0);
    assert_eq!(reply.json()["refused"][0]["grant"], "ffffffff");
    world.settle().await;
    assert!(world.entries().is_empty());
    assert!(world.grants().await.is_empty());
    world.denied(OURS).await;
    world.settle().await;
    world.restart().await;
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    assert_eq!(world.kinds().await.last(), Some(&"repeated"));
    world.jump(16 * MINUTE);
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn grants_are_named_by_their_address_too() {
    let (world, id) = open().await;
    let shown = world.ask(&format!("/api/v1/grants/{OURS}")).await.json();
    assert_eq!(shown["id"], id.as_str());
    let path = format!("/api/v1/grants/{OURS}/extend");
    let extended = world
        .order(&path, json!({ "seconds": 172_800, "by": "ada" }))
        .await
        .json();
    assert_eq!(extended["max_ttl_seconds"], 86_400, "{extended}");
    let order = json!({ "grants": [OURS, "20.9.9.9"], "by": "ada" });
    let done = world
        .order("/api/v1/grants/revoke", order.clone())
        .await
        .json();
    assert_eq!(done["revoked"][0]["id"], id.as_str());
    assert_eq!(done["refused"][0]["grant"], "20.9.9.9");
    let again = world.order("/api/v1/grants/revoke", order).await.json();
    assert_eq!(again["revoked"], json!([]));
    world.settle().await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn revoking_twice_is_once_and_what_is_over_is_told() {
    let (world, id) = open().await;
    let order = json!({ "grants": [id], "by": "ada" });
    world.order("/api/v1/grants/revoke", order.clone()).await;
    let again = world.order("/api/v1/grants/revoke", order).await.json();
    assert!(
        again["refused"][0]["error"]
            .as_str()
            .unwrap()
            .contains("over")
    );
    let path = format!("/api/v1/grants/{id}/extend");
    let late = world
        .order(&path, json!({ "seconds": 7200, "by": "ada" }))
        .await;
    assert_eq!(late.status, 409);
    let revoked = world.kinds().await;
    let revoked = revoked.iter().filter(|kind| **kind == "revoked");
    assert_eq!(revoked.count(), 1);
    world.settle().await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn all_of_a_registry_are_revoked_together() {
    let (world, _) = open().await;
    world.denied(&PREFIX.replace("/30", "")).await;
    world.settle().await;
    assert_eq!(world.entries().len(), 2);
    for order in [
        json!({ "by": "ada" }),
        json!({ "all": true, "grants": ["abcd"], "by": "ada" }),
        json!({ "all": true, "by": "" }),
        json!({ "all": true, "by": "a\nb" }),
        json!({ "all": true }),
    ] {
        let refused = world.order("/api/v1/grants/revoke", order.clone()).await;
        assert_eq!(refused.status, 400, "{order}");
    }
    let order = json!({ "all": true, "registry": REGISTRY, "by": "ada" });
    let done = world.order("/api/v1/grants/revoke", order).await.json();
    assert_eq!(done["revoked"].as_array().unwrap().len(), 2);
    // Each entry was opened by a write of its own, and a third write waits for two seconds.
    world.pass(Duration::from_secs(2)).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn an_extended_grant_stands_longer_within_the_limit() {
    let (mut world, id) = open().await;
    world.jump(5 * MINUTE);
    let path = format!("/api/v1/grants/{id}/extend");
    let shorter = world
        .order(&path, json!({ "seconds": 60, "by": "ada" }))
        .await;
    assert_eq!(shorter.status, 409);
    let longer = world
        .order(&path, json!({ "seconds": 1200, "by": "ada" }))
        .await;
    assert_eq!(longer.json()["seconds_left"], 1200);
    world.restart().await;
    world.pass(6 * MINUTE).await;
    assert_eq!(world.entries(), [OURS]);
    // A year from now is a day from its start: `max_ttl`.
    let most = world
        .order(&path, json!({ "seconds": 31_536_000, "by": "ada" }))
        .await;
    assert_eq!(most.json()["until"], "2026-11-23T12:00:00Z");
    let more = world
        .order(&path, json!({ "seconds": 31_536_000, "by": "ada" }))
        .await;
    assert!(more.text.contains("max_ttl"), "{}", more.text);
    world.jump(Duration::from_hours(24));
    world.settle().await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn an_entry_that_is_handed_over_stays() {
    let (mut world, id) = open().await;
    let path = format!("/api/v1/grants/{id}/keep");
    let kept = world.order(&path, json!({ "by": "ada" })).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    let again = world.order(&path, json!({ "by": "ada" })).await;
    assert_eq!(again.status, 404);
    world.restart().await;
    world.jump(Duration::from_hours(2));
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.kinds().await.last(), Some(&"delivered"));
    assert_eq!(world.messages(), ["already_covered"]);
    world.pass(11 * MINUTE).await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn what_does_not_stand_cannot_be_handed_over() {
    let world = World::new().await;
    world.denied(OURS).await;
    doorward::flow::registry::hosts::run_once(&world.app).await;
    doorward::flow::decide::triage::run_once(&world.app)
        .await
        .unwrap();
    let id = world.grants().await.remove(0);
    let path = format!("/api/v1/grants/{id}/keep");
    let refused = world.order(&path, json!({ "by": "ada" })).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.text.contains("does not stand yet"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn orders_come_from_commands_and_never_from_a_browser() {
    let (world, id) = open().await;
    let before = world.kinds().await;
    let order = json!({ "grants": [id], "by": "ada" }).to_string();
    let (json, command) = (
        ("content-type", "application/json"),
        ("x-doorward-command", "1"),
    );
    let form = ("content-type", "text/plain");
    let own = ("origin", "http://127.0.0.1:8081");
    let same = ("sec-fetch-site", "same-origin");
    for headers in [
        vec![json],
        vec![form, command],
        vec![json, command, own],
        vec![json, command, same],
        vec![],
    ] {
        let path = "/api/v1/grants/revoke";
        let refused = world
            .admin(Method::POST, path, &headers, order.clone())
            .await;
        assert_eq!(refused.status, 403, "{headers:?}");
    }
    let asked = world
        .admin(
            Method::GET,
            "/api/v1/grants/revoke",
            &[json, command],
            order,
        )
        .await;
    assert!([404, 405, 409].contains(&asked.status), "{}", asked.status);
    assert_eq!(world.kinds().await, before);
}

#[tokio::test]
async fn a_listener_with_a_token_is_for_those_who_know_it() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef-admin";
    let world = World::with(|setup| {
        let file = setup.config["links"]["key"]["file"].as_str().unwrap();
        let file = file.to_owned() + "-admin";
        std::fs::write(&file, TOKEN).unwrap();
        setup.config["admin_token"] = json!({ "file": file });
    })
    .await;
    let basic = "Basic YWRhOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmLWFkbWlu";
    let bearer = format!("Bearer {TOKEN}");
    for path in ["/", "/metrics", "/api/v1/grants"] {
        let ask = async |value: &str| {
            let headers = [("authorization", value)];
            world
                .admin(Method::GET, path, &headers, String::new())
                .await
        };
        let unknown_source = world.ask(path).await;
        assert_eq!(unknown_source.status, 401, "{path}");
        assert!(
            unknown_source
                .header("www-authenticate")
                .starts_with("Basic ")
        );
        assert_eq!(ask("Bearer guessed").await.status, 401, "{path}");
        assert_eq!(ask("Bearer ").await.status, 401, "{path}");
        assert_eq!(ask(&bearer).await.status, 200, "{path}");
        assert_eq!(ask(basic).await.status, 200, "{path}");
    }
    assert_eq!(world.ask("/healthz").await.status, 200);
}

/// A command of the real program, given to the doorward whose admin listener is at `admin`.
fn ordered(arguments: &[&str], admin: &str) -> std::process::Output {
    let mut all = arguments.to_vec();
    all.extend(["--admin", admin]);
    doorward(&all)
}

fn verdicts_are_cleared(admin: &str) {
    let clear = ["verdicts", "clear", OURS, "--by", "ada"];
    let why = ["--because", "a mistake"];
    let cleared = ordered(&[&clear[..], &why].concat(), admin);
    assert!(
        out(&cleared).contains("is decided anew"),
        "{}",
        err(&cleared)
    );
    let nothing = ordered(&clear, admin);
    assert_eq!(nothing.status.code(), Some(1), "{}", out(&nothing));
}

fn orders_are_in_the_ledger(kinds: &[impl AsRef<str>]) {
    let given = [
        "extended",
        "paused",
        "revoked",
        "resumed",
        "ended",
        "verdicts_cleared",
    ];
    for kind in given {
        assert!(kinds.iter().any(|it| it.as_ref() == kind), "{kind}");
    }
}

#[tokio::test]
async fn extend_and_keep_record_the_reason() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    let path = |verb: &str| format!("/api/v1/grants/{OURS}/{verb}");
    let longer = json!({ "seconds": 3000, "by": "ada", "because": "a slow build" });
    let reply = world.order(&path("extend"), longer).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let kept = json!({ "by": "ada", "because": "ours for good" });
    let reply = world.order(&path("keep"), kept).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let reasons = world.ledger().await.into_iter().filter_map(|what| {
        if let LedgerEvent::Extended { because, .. } | LedgerEvent::Kept { because, .. } = what {
            because
        } else {
            None
        }
    });
    let reasons: Vec<String> = reasons.collect();
    assert_eq!(reasons, ["a slow build", "ours for good"]);
}

/// The whole way: the real program serves, and its commands are given to it.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_work_on_a_running_doorward() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "10m");
    let process = installed.serve().await;
    let admin = process.admin();
    let run = |arguments: &[&str]| ordered(arguments, &admin);
    assert_eq!(out(&run(&["grants", "list"])), "no grant stands\n");
    process.deliver(message(OURS)).await;
    until("it is open", async || azure.entries(REGISTRY) == [OURS]).await;
    let listed = out(&run(&["grants", "list"]));
    let mut lines = listed.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("ID"), "{head}");
    assert!(head.contains("REGISTRY"), "{head}");
    let row = lines.next().unwrap();
    assert!(row.contains(OURS) && row.contains("build agents"), "{row}");
    let id = row.split(' ').next().unwrap();
    let extended = run(&[
        "grants",
        "extend",
        &id[..13],
        "--for",
        "2h",
        "--by",
        "ada",
        "--reason",
        "x",
    ]);
    let extended = (out(&extended), err(&extended));
    assert!(extended.0.contains("stands until"), "{extended:?}");
    let cut = run(&["grants", "extend", OURS, "--for", "48h", "--by", "ada"]);
    let cut = (out(&cut), err(&cut));
    assert!(
        cut.0.contains("not for 2d") && cut.0.contains("`max_ttl`"),
        "{cut:?}"
    );
    let shown = run(&["grants", "show", id, "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&out(&shown)).unwrap();
    assert!(shown["seconds_left"].as_i64().unwrap() > 7000, "{shown}");
    let unsure = run(&["revoke", "--all", "--by", "ada"]);
    assert_eq!(unsure.status.code(), Some(2));
    assert!(err(&unsure).contains("--yes"), "{}", err(&unsure));
    let paused = out(&run(&["pause", "--by", "ada", "--because", "an audit"]));
    assert!(
        paused.contains("all registries") && paused.contains("an audit"),
        "{paused}"
    );
    let revoked = run(&["revoke", "--all", "--yes", "--by", "ada"]);
    assert!(out(&revoked).contains(OURS), "{}", err(&revoked));
    until("it is closed", async || azure.entries(REGISTRY).is_empty()).await;
    assert_eq!(out(&run(&["resume", "--by", "ada"])), "nothing is paused\n");
    let again = run(&["grants", "revoke", id, "--by", "ada"]);
    assert_eq!(again.status.code(), Some(1));
    let again = err(&again);
    assert!(again.contains("no grant that stands"), "{again}");
    verdicts_are_cleared(&admin);
    let gone = doorward(&["grants", "list", "--admin", "http://127.0.0.1:9"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(err(&gone).contains("DOORWARD_ADMIN"), "{}", err(&gone));
    orders_are_in_the_ledger(&installed.kinds().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_token_is_not_told_to_be_missing() {
    let router = axum::Router::new().fallback(async || axum::http::StatusCode::UNAUTHORIZED);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = format!("http://{}", listener.local_addr().unwrap());
    tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
    let folder = crate::program::folder(&[("token", "hunter2")]);
    let file = folder.path().join("token");
    let list = ["grants", "list", "--admin", &admin];
    let missing = doorward(&list);
    assert!(
        err(&missing).contains("set `DOORWARD_ADMIN_TOKEN`"),
        "{}",
        err(&missing)
    );
    let wrong = doorward(
        &[
            list.as_slice(),
            &["--admin-token-file", file.to_str().unwrap()],
        ]
        .concat(),
    );
    assert_eq!(wrong.status.code(), Some(2));
    let told = err(&wrong);
    assert!(told.contains("is not that of the admin listener"), "{told}");
    assert!(
        !told.contains("set `") && !told.contains("hunter2"),
        "{told}"
    );
}
