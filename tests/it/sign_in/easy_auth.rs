//! A platform in front signs people in, and says so in a header.

use crate::world::{Reply, World};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::net::SocketAddr;

const TENANT: &str = "22222222-0000-4000-8000-000000000002";

async fn world() -> World {
    World::with(|setup| {
        setup.config["trusted_proxies"] = json!(["100.100.0.0/16"]);
        setup.config["sign_in"] =
            json!({ "easy_auth": { "tenant_id": TENANT }, "roles": ["doorward.approver"] });
    })
    .await
}

fn principal(tenant: &str, role: &str) -> String {
    let claims = json!([
        { "typ": "http://schemas.microsoft.com/identity/claims/tenantid", "val": tenant },
        { "typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "o1" },
        { "typ": "name", "val": "Ana Lima" },
        { "typ": "roles", "val": role },
    ]);
    STANDARD.encode(json!({ "auth_typ": "aad", "claims": claims }).to_string())
}

async fn account(world: &World, from: &str, headers: &[String]) -> Reply {
    let mut request = Request::get("/account");
    for header in headers {
        request = request.header("x-ms-client-principal", header);
    }
    let from: SocketAddr = format!("{from}:4711").parse().unwrap();
    let request = request.extension(ConnectInfo(from));
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn header_counts_from_a_trusted_proxy_only() {
    let world = world().await;
    let good = principal(TENANT, "doorward.approver");
    let page = account(&world, "100.100.0.7", std::slice::from_ref(&good)).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("Signed in as Ana Lima") && page.text.contains("<code>o1</code>"));
    let other_tenant = principal("33333333-0000-4000-8000-000000000003", "doorward.approver");
    for (from, headers) in [
        ("20.1.2.3", vec![good.clone()]),
        ("127.0.0.1", vec![good.clone()]),
        ("100.100.0.7", vec![]),
        ("100.100.0.7", vec![good.clone(), good.clone()]),
        ("100.100.0.7", vec![principal(TENANT, "other")]),
        ("100.100.0.7", vec![other_tenant]),
        ("100.100.0.7", vec!["!".to_owned()]),
    ] {
        let reply = account(&world, from, &headers).await;
        assert_eq!(reply.status, 303, "{from} {headers:?}");
    }
}

#[tokio::test]
async fn header_is_nothing_where_it_is_not_configured() {
    let world =
        World::with(|setup| setup.config["trusted_proxies"] = json!(["100.100.0.0/16"])).await;
    let good = principal(TENANT, "doorward.approver");
    assert_eq!(account(&world, "100.100.0.7", &[good]).await.status, 404);
}
