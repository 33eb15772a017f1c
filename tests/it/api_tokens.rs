//! API tokens of programs: what each may do, how the ledger names it, and how it ends.

use crate::world::{OURS, Reply, World};
use axum::body::Body;
use axum::http::{Method, Request};
use doorward::flow::access::api_tokens;
use doorward::flow::orders::By;
use doorward::http::admin_router;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// What operators know, in these stories.
const ADMIN: &str = "an operators' token of 32 bytes!";

async fn world(with_admin_token: bool) -> World {
    World::with(|setup| {
        if with_admin_token {
            let file = setup.config["links"]["key"]["file"]
                .as_str()
                .unwrap()
                .to_owned()
                + "-admin";
            std::fs::write(&file, ADMIN).unwrap();
            setup.config["admin_token"] = json!({ "file": file });
        }
    })
    .await
}

async fn call(world: &World, method: Method, path: &str, token: &str, body: &Value) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1:8081")
        .header("content-type", "application/json");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if token == ADMIN || token.is_empty() {
        request = request.header("x-doorward-command", "1");
    }
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    let router = admin_router(Arc::clone(&world.app), "127.0.0.1:8081".parse().unwrap());
    let reply = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let (head, body) = reply.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

async fn get(world: &World, path: &str, token: &str) -> u16 {
    call(world, Method::GET, path, token, &Value::Null)
        .await
        .status
}

async fn post(world: &World, path: &str, token: &str, body: &Value) -> u16 {
    call(world, Method::POST, path, token, body).await.status
}

/// Creates a token as an operator does.
async fn created(world: &World, name: &str, scopes: &[&str], seconds: Option<u64>) -> String {
    let order = json!({ "name": name, "scopes": scopes, "seconds": seconds, "by": "ana" });
    let reply = call(world, Method::POST, "/api/v1/tokens", ADMIN, &order).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    assert!(
        token.starts_with("doorward_") && token.len() == 52,
        "{token}"
    );
    token
}

fn pause() -> Value {
    json!({ "by": "somebody else", "because": "a drill" })
}

#[tokio::test]
async fn token_does_what_its_scopes_say_and_nothing_else() {
    let world = world(true).await;
    let read = created(&world, "reader", &["read"], None).await;
    let operate = created(&world, "operator", &["operate"], None).await;
    let answer = created(&world, "answerer", &["answer"], None).await;
    for (token, reads, orders) in [(&read, 200, 403), (&operate, 403, 200), (&answer, 403, 403)] {
        for path in [
            "/",
            "/metrics",
            "/api/v1/grants",
            "/api/v1/notify",
            "/api/v1/sets",
        ] {
            assert_eq!(get(&world, path, token).await, reads, "{path}");
        }
        assert_eq!(post(&world, "/api/v1/pause", token, &pause()).await, orders);
        // Who may come in is for operators alone.
        for path in ["/api/v1/tokens", "/api/v1/sessions"] {
            assert_eq!(get(&world, path, token).await, 403, "{path}");
        }
        let more = json!({ "name": "more", "scopes": ["operate"], "by": "x" });
        assert_eq!(post(&world, "/api/v1/tokens", token, &more).await, 403);
        let revoke = json!({ "name": "reader", "by": "x" });
        assert_eq!(
            post(&world, "/api/v1/tokens/revoke", token, &revoke).await,
            403
        );
    }
    let refused = call(&world, Method::POST, "/api/v1/pause", &read, &pause()).await;
    assert!(refused.text.contains("scope `operate`"), "{}", refused.text);
}

#[tokio::test]
async fn ledger_names_the_token_and_not_what_the_program_says() {
    let world = world(true).await;
    world.denied(OURS).await;
    world.settle().await;
    let token = created(&world, "ci-bot", &["operate"], None).await;
    let order = json!({ "all": true, "grants": [], "by": "somebody else" });
    assert_eq!(
        post(&world, "/api/v1/grants/revoke", &token, &order).await,
        200
    );
    let by = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Revoked { by, .. } => Some(by),
            _ => None,
        });
    assert_eq!(by, Some(Actor::Token("ci-bot".to_owned())));
    assert_eq!(by.unwrap().in_words(), "API token `ci-bot`");
}

#[tokio::test]
async fn token_that_is_over_unknown_or_revoked_is_refused_on_loopback_too() {
    for with_admin_token in [true, false] {
        let world = world(with_admin_token).await;
        let admin = if with_admin_token { ADMIN } else { "" };
        let by = By::new("ana", None).unwrap();
        let scopes = || "read".parse().unwrap();
        let lasts = Some(Duration::from_mins(5));
        let (short, _) = api_tokens::create(&world.app, "short", (scopes(), lasts), &by)
            .await
            .unwrap();
        let (long, _) = api_tokens::create(&world.app, "long", (scopes(), None), &by)
            .await
            .unwrap();
        assert_eq!(get(&world, "/api/v1/grants", &short).await, 200);
        world.jump(Duration::from_mins(5));
        assert_eq!(get(&world, "/api/v1/grants", &short).await, 401);
        assert_eq!(get(&world, "/api/v1/grants", &long).await, 200);
        assert_eq!(
            get(&world, "/api/v1/grants", &format!("{long}x")).await,
            401
        );
        assert_eq!(get(&world, "/api/v1/grants", "doorward_").await, 401);
        let listed = call(&world, Method::GET, "/api/v1/tokens", admin, &Value::Null).await;
        let listed = listed.json();
        assert_eq!(listed["tokens"][0]["name"], "long");
        assert_eq!(listed["tokens"][1]["expired"], true);
        assert!(!listed["tokens"][0]["last_used"].is_null());
        assert!(!listed.to_string().contains(&long));
        let revoke = json!({ "name": "long", "by": "ana" });
        assert_eq!(
            post(&world, "/api/v1/tokens/revoke", admin, &revoke).await,
            200
        );
        assert_eq!(get(&world, "/api/v1/grants", &long).await, 401);
        assert_eq!(
            post(&world, "/api/v1/tokens/revoke", admin, &revoke).await,
            404
        );
        assert_eq!(get(&world, "/api/v1/grants", admin).await, 200);
    }
}

#[tokio::test]
async fn token_is_created_with_a_free_name_and_known_scopes_only() {
    let world = world(true).await;
    created(&world, "one", &["read"], Some(86_400)).await;
    for (order, status) in [
        (
            json!({ "name": "one", "scopes": ["read"], "by": "ana" }),
            409,
        ),
        (json!({ "name": "two", "scopes": [], "by": "ana" }), 400),
        (
            json!({ "name": "two", "scopes": ["admin"], "by": "ana" }),
            400,
        ),
        (
            json!({ "name": "a b", "scopes": ["read"], "by": "ana" }),
            400,
        ),
        (
            json!({ "name": "two", "scopes": ["read"], "seconds": 1, "by": "ana" }),
            400,
        ),
        (
            json!({ "name": "two", "scopes": ["read"], "seconds": 40_000_000, "by": "ana" }),
            400,
        ),
        (json!({ "name": "two", "scopes": ["read"], "by": "" }), 400),
    ] {
        assert_eq!(
            post(&world, "/api/v1/tokens", ADMIN, &order).await,
            status,
            "{order}"
        );
    }
    assert_eq!(world.app.ledger.api_tokens().await.unwrap().len(), 1);
}

#[tokio::test]
async fn browser_is_not_heard_with_a_token_either() {
    let world = world(true).await;
    let token = created(&world, "one", &["operate"], None).await;
    let router = admin_router(Arc::clone(&world.app), "127.0.0.1:8081".parse().unwrap());
    let request = Request::post("/api/v1/pause")
        .header("host", "127.0.0.1:8081")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .header("origin", "https://evil.example");
    let reply = router.oneshot(request.body(Body::from(pause().to_string())).unwrap());
    assert_eq!(reply.await.unwrap().status(), 403);
}
