//! A pause: nothing more is opened, and what is open is closed on time.

use crate::world::{OURS, PREFIX, REGISTRY, STRANGER, World};
use axum::http::Method;
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

async fn pause(world: &World, registry: Option<&str>) {
    let order = json!({ "registry": registry, "by": "ada", "because": "an audit" });
    let reply = world.order("/api/v1/pause", order).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

async fn resume(world: &World, registry: Option<&str>) -> u16 {
    let order = json!({ "registry": registry, "by": "ada" });
    world.order("/api/v1/resume", order).await.status
}

#[tokio::test]
async fn what_policy_would_open_is_an_alert_and_opens_after_the_pause() {
    let mut world = World::new().await;
    pause(&world, None).await;
    world.restart().await;
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    assert_eq!(world.messages(), ["paused"]);
    let told = world.last_message("text");
    assert!(
        told.contains("an audit") && told.contains("as they say"),
        "{told}"
    );
    // While it lasts, repeats are counted; after it, the same denial is new.
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.messages(), ["paused"]);
    assert_eq!(resume(&world, None).await, 200);
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    // Whoever resumes what is not paused has what they want.
    let before = world.kinds().await;
    assert_eq!(resume(&world, None).await, 200);
    assert_eq!(world.kinds().await, before);
}

#[tokio::test]
async fn closing_goes_on() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    pause(&world, Some(REGISTRY)).await;
    let id = world.grants().await.remove(0);
    let order = json!({ "seconds": 7200, "by": "ada" });
    let path = format!("/api/v1/grants/{id}/extend");
    assert_eq!(world.order(&path, order).await.status, 409);
    world.pass(10 * MINUTE).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn what_was_decided_before_and_not_written_waits() {
    let world = World::new().await;
    world.denied(OURS).await;
    doorward::flow::registry::hosts::run_once(&world.app).await;
    doorward::flow::decide::triage::run_once(&world.app)
        .await
        .unwrap();
    pause(&world, None).await;
    world.pass(2 * MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(resume(&world, None).await, 200);
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn what_waits_past_its_end_was_never_opened() {
    let world = World::new().await;
    world.denied(OURS).await;
    doorward::flow::registry::hosts::run_once(&world.app).await;
    doorward::flow::decide::triage::run_once(&world.app)
        .await
        .unwrap();
    pause(&world, None).await;
    world.pass(10 * MINUTE).await;
    assert_eq!(resume(&world, None).await, 200);
    world.settle().await;
    assert!(world.entries().is_empty());
    let last = world.ledger().await;
    let ended = last.iter().find(|what| what.kind() == "ended");
    assert!(format!("{ended:?}").contains("NeverOpened"), "{ended:?}");
}

#[tokio::test]
async fn a_yes_is_refused_and_can_be_given_later() {
    let world = World::new().await;
    pause(&world, None).await;
    world.denied(STRANGER).await;
    world.settle().await;
    let link = world.last_message("link");
    let page = world.follow(Method::GET, &link, "").await;
    assert!(
        page.text
            .contains("Approving would open nothing at the moment"),
        "{}",
        page.text
    );
    let refused = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.text.contains("can be answered later"),
        "{}",
        refused.text
    );
    assert_eq!(resume(&world, None).await, 200);
    let taken = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(taken.status, 200);
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn one_registry_is_paused_by_itself_and_the_page_says_so() {
    let world = World::new().await;
    world.settle().await;
    pause(&world, Some("contosoprod.azurecr.io")).await;
    let unknown = json!({ "registry": "elsewhere", "by": "ada" });
    assert_eq!(world.order("/api/v1/pause", unknown).await.status, 404);
    let page = world.ask("/").await.text;
    assert!(
        page.contains("contosoprod") && page.contains("an audit"),
        "{page}"
    );
    pause(&world, None).await;
    pause(&world, None).await;
    let listed = world.ask("/api/v1/pauses").await.json();
    assert_eq!(listed["paused"].as_array().unwrap().len(), 2);
    assert_eq!(resume(&world, Some(REGISTRY)).await, 409);
    assert_eq!(resume(&world, None).await, 200);
    world.denied(&PREFIX.replace("/30", "")).await;
    world.settle().await;
    assert_eq!(world.entries().len(), 1);
    let pauses = world.kinds().await;
    assert_eq!(pauses.iter().filter(|kind| **kind == "paused").count(), 2);
}
