//! The API: its errors, its pages, and orders that come twice.

use crate::world::{OURS, STRANGER, World};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use doorward::http::admin_router;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// Method, path, body (`!`: without the header of commands; `_`: a blank), status and kind.
const REFUSED: &str = r#"GET /api/v1/nosuch - 404 not_found
GET /api/nosuch - 404 not_found
GET /api/v1/grants/ffffffff - 404 no_such_grant
GET /api/v1/grants/ff - 400 too_short
GET /api/v1/grants?limit=0 - 400 bad_request
GET /api/v1/grants?limit=x - 400 bad_request
GET /api/v1/grants?cursor=%25 - 400 bad_request
GET /api/v1/ledger?kind=nosuch - 400 bad_request
DELETE /api/v1/ledger - 405 method_not_allowed
POST /api/v1/pause !{"by":"ada"} 403 bad_request
POST /api/v1/pause { 400 bad_request
POST /api/v1/pause {"by":"_"} 400 nobody_named"#;

#[tokio::test]
async fn refusals_are_problems_with_stable_types() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    let json = ("content-type", "application/json");
    let command = [json, ("x-doorward-command", "1")];
    for line in REFUSED.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [method, path, body, status, kind] = words[..] else {
            panic!("{line}");
        };
        let (method, status): (Method, u16) = (method.parse().unwrap(), status.parse().unwrap());
        // An order that says that it is a command, and one that does not.
        let body = body.trim_start_matches('-');
        let headers = match body.strip_prefix('!') {
            Some(_) => &command[..1],
            None => &command[..],
        };
        let body = body.trim_start_matches('!').replace('_', " ");
        let reply = world.admin(method, path, headers, body.clone()).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text);
        assert_eq!(
            reply.headers["content-type"], "application/problem+json",
            "{path}"
        );
        let problem = reply.json();
        assert_eq!(
            problem["type"],
            format!("urn:doorward:problem:{kind}"),
            "{path} {body}"
        );
        assert_eq!(problem["status"], status);
        if status == 405 {
            assert_eq!(reply.headers["allow"], "GET,HEAD", "{path}");
        }
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn pages_show_every_grant_once() {
    let world = World::new().await;
    for address in [
        "20.61.10.16",
        "20.61.10.17",
        "20.61.10.18",
        "20.61.10.19",
        OURS,
    ] {
        world.denied(address).await;
    }
    world.settle().await;
    let mut cursor = String::new();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = world
            .ask(&format!("/api/v1/grants?limit=2{cursor}"))
            .await
            .json();
        for item in page["items"].as_array().unwrap() {
            seen.push(item["id"].as_str().unwrap().to_owned());
        }
        cursor = match page["next"].as_str() {
            Some(next) => format!("&cursor={next}"),
            None => break,
        };
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 5);
    let mut numbers = Vec::new();
    let mut next = String::new();
    while numbers.len() < 1000 {
        let page = world
            .ask(&format!("/api/v1/ledger?limit=3{next}"))
            .await
            .json();
        for item in page["items"].as_array().unwrap() {
            numbers.push(item["seq"].as_i64().unwrap());
        }
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let all = world.app.ledger.as_of();
    assert_eq!(numbers, (1..=all).collect::<Vec<_>>());
    let granted = world
        .ask("/api/v1/ledger?kind=granted&limit=1")
        .await
        .json();
    assert_eq!(granted["items"][0]["kind"], "granted");
    assert_eq!(granted["items"][0]["entry"]["kind"], "granted");
}

#[tokio::test]
async fn everything_that_is_listed_can_be_shown() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.denied(STRANGER).await;
    world.settle().await;
    for (kind, key) in [
        ("grants", "id"),
        ("requests", "id"),
        ("denials", "id"),
        ("registries", "name"),
        ("sources", "name"),
        ("rules", "name"),
        ("sets", "name"),
    ] {
        let listed = world.ask(&format!("/api/v1/{kind}")).await.json();
        let first = listed["items"][0].clone();
        let name = first[key]
            .as_str()
            .unwrap_or_else(|| panic!("{kind}: {listed}"));
        let shown = world.ask(&format!("/api/v1/{kind}/{name}")).await;
        assert_eq!(shown.status, 200, "{kind}: {}", shown.text);
        assert_eq!(shown.json(), first, "{kind}");
    }
    let registry = world.ask("/api/v1/registries/contosoprod").await.json();
    assert_eq!(registry["state"], "writable", "{registry}");
    assert_eq!(registry["entries"]["doorward"], 1, "{registry}");
    let request = world
        .ask(&format!("/api/v1/requests/{STRANGER}"))
        .await
        .json();
    assert_eq!(request["state"], "waiting", "{request}");
    assert_eq!(
        world
            .order("/api/v1/pause", json!({ "by": "ada" }))
            .await
            .status,
        200
    );
    let registry = world.ask("/api/v1/registries/contosoprod").await.json();
    assert_eq!(
        (&registry["state"], &registry["pause"]["by"]),
        (&json!("paused"), &json!("ada"))
    );
    let policy = world.ask("/api/v1/policy").await.json();
    assert!(
        policy["hash"].as_str().unwrap().starts_with("sha256:"),
        "{policy}"
    );
}

async fn order(router: &Router, path: &str, key: &str, body: &Value) -> (u16, bool, Value) {
    let request = Request::post(path)
        .header("host", "127.0.0.1:8081")
        .header("content-type", "application/json")
        .header("x-doorward-command", "1")
        .header("idempotency-key", key);
    let request = request.body(Body::from(body.to_string())).unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let again = head.headers.contains_key("idempotency-replayed");
    (
        head.status.as_u16(),
        again,
        serde_json::from_slice(&bytes).unwrap(),
    )
}

#[tokio::test]
async fn order_with_the_same_key_is_carried_out_once() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    let router = admin_router(Arc::clone(&world.app), "127.0.0.1:8081".parse().unwrap());
    let revoke = json!({ "grants": [OURS], "by": "ada" });
    let first = order(&router, "/api/v1/grants/revoke", "a", &revoke).await;
    assert_eq!((first.0, first.1), (200, false), "{}", first.2);
    assert_eq!(first.2["revoked"].as_array().unwrap().len(), 1);
    let again = order(&router, "/api/v1/grants/revoke", "a", &revoke).await;
    assert_eq!(again, (200, true, first.2.clone()));
    let other = json!({ "grants": [OURS], "by": "bob" });
    let reused = order(&router, "/api/v1/grants/revoke", "a", &other).await;
    assert_eq!(reused.0, 422);
    assert_eq!(
        reused.2["type"],
        "urn:doorward:problem:idempotency_key_reused"
    );
    let long = "k".repeat(129);
    assert_eq!(
        order(&router, "/api/v1/pause", &long, &json!({ "by": "ada" }))
            .await
            .0,
        400
    );
    // Another key is another order: the grant is over by now.
    let new = order(&router, "/api/v1/grants/revoke", "b", &revoke).await;
    assert_eq!(new.2["refused"].as_array().unwrap().len(), 1, "{}", new.2);
    let revoked = world.kinds().await;
    assert_eq!(revoked.iter().filter(|kind| **kind == "revoked").count(), 1);
    world.jump(Duration::from_hours(25));
    let later = order(&router, "/api/v1/grants/revoke", "a", &revoke).await;
    assert!(!later.1, "a key is kept for a day");
}
