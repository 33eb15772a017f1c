//! What the refused person sees: how their own address stands with a registry, and nothing of others.

use crate::world::{OURS, REGISTRY, Reply, STRANGER, World};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const PROXY: &str = "10.0.0.9";

async fn asks(
    world: &World,
    from: &str,
    forwarded: Option<&str>,
    name: &str,
    accept: &str,
) -> Reply {
    let mut request = Request::get(format!("/status/{name}"))
        .header("host", "doorward.contoso.com")
        .header("accept", accept);
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let from: IpAddr = from.parse().unwrap();
    let direct = ConnectInfo(SocketAddr::new(from, 50_000));
    request.extensions_mut().insert(direct);
    world.send(request).await
}

async fn status(world: &World, from: &str) -> Value {
    let reply = asks(world, from, None, REGISTRY, "application/json").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(&reply.text).unwrap()
}

#[tokio::test]
async fn status_follows_a_request_from_unknown_to_over() {
    let world = World::new().await;
    assert_eq!(status(&world, STRANGER).await["state"], "unknown");
    world.denied(STRANGER).await;
    world.settle().await;
    let waiting = status(&world, STRANGER).await;
    assert_eq!(waiting["state"], "waiting", "{waiting}");
    assert_eq!(waiting["address"], STRANGER);
    assert!(waiting["since"].is_string() && waiting["until"].is_string());
    let link = world.last_message("link");
    let reply = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(status(&world, STRANGER).await["state"], "opening");
    world.settle().await;
    let granted = status(&world, STRANGER).await;
    assert_eq!(granted["state"], "granted", "{granted}");
    world.jump(Duration::from_hours(1));
    world.settle().await;
    assert_eq!(status(&world, STRANGER).await["state"], "over");
}

#[tokio::test]
async fn status_says_that_an_approver_declined_and_not_who() {
    let world = World::new().await;
    world.denied(STRANGER).await;
    world.settle().await;
    let link = world.last_message("link");
    world.follow(Method::POST, &link, "answer=deny").await;
    let refused = status(&world, STRANGER).await;
    assert_eq!(refused["state"], "refused", "{refused}");
    assert!(!refused.to_string().contains("link"), "{refused}");
}

#[tokio::test]
async fn status_says_nothing_of_other_addresses_or_of_which_registries_are_enrolled() {
    let world = World::new().await;
    world.denied(STRANGER).await;
    world.denied(OURS).await;
    world.settle().await;
    let other = status(&world, "20.1.2.3").await;
    assert_eq!(other["state"], "unknown");
    let elsewhere = asks(&world, STRANGER, None, "nosuch", "application/json").await;
    let elsewhere: Value = serde_json::from_str(&elsewhere.text).unwrap();
    assert_eq!(elsewhere["text"], other["text"]);
    assert_eq!(elsewhere["state"], "unknown");
}

#[tokio::test]
async fn status_takes_the_address_from_trusted_proxies_only() {
    let world = World::with(|setup| {
        setup.config["trusted_proxies"] = serde_json::json!(["10.0.0.0/8"]);
    })
    .await;
    world.denied(STRANGER).await;
    world.settle().await;
    let json = "application/json";
    let forged = asks(&world, "20.1.2.3", Some(STRANGER), REGISTRY, json).await;
    assert!(
        forged.text.contains("\"address\":\"20.1.2.3\""),
        "{}",
        forged.text
    );
    let proxied = asks(&world, PROXY, Some(STRANGER), REGISTRY, json).await;
    assert!(
        proxied.text.contains("\"state\":\"waiting\""),
        "{}",
        proxied.text
    );
}

#[tokio::test]
async fn status_of_an_address_that_no_entry_can_hold_says_what_would_help() {
    let world = World::new().await;
    for address in ["2001:db8::1", "192.168.0.1"] {
        let it = status(&world, address).await;
        assert_eq!(it["state"], "not_possible", "{it}");
        assert!(it["text"].as_str().unwrap().contains(address), "{it}");
    }
    // An IPv4 address that arrives mapped is itself.
    let mapped = status(&world, &format!("::ffff:{STRANGER}")).await;
    assert_eq!(mapped["address"], STRANGER);
}

#[tokio::test]
async fn status_page_is_a_page_for_browsers_and_escapes_its_name() {
    let world = World::new().await;
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = asks(&world, STRANGER, None, "%3Cscript%3E", browser).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Not known"), "{}", page.text);
    assert!(!page.text.contains("<script>"), "{}", page.text);
    world.denied(STRANGER).await;
    world.settle().await;
    let before = world.kinds().await;
    let host = "contosoprod.azurecr.io";
    let page = asks(&world, STRANGER, None, host, browser).await;
    assert!(page.text.contains("Waiting for an answer"), "{}", page.text);
    assert!(page.text.contains("data-poll=\"15\""), "{}", page.text);
    assert_eq!(page.headers.get("retry-after").unwrap(), "15");
    assert_eq!(world.kinds().await, before, "a GET changes nothing");
}
