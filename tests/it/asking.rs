//! A person is asked, and answers by link.

use crate::world::{STRANGER, World};
use axum::http::Method;
use doorward_sim::Call;
use serde_json::json;
use std::time::Duration;

async fn asked(world: &World) -> String {
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.messages(), ["ask"]);
    world.last_message("link")
}

#[tokio::test]
async fn a_yes_opens_for_as_long_as_was_asked() {
    let world = World::new().await;
    let link = asked(&world).await;
    assert_eq!(world.follow(Method::GET, &link, "").await.status, 200);
    world.settle().await;
    assert!(world.entries().is_empty());
    let answer = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    world.pass(Duration::from_hours(1)).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn a_no_opens_nothing_and_the_same_denial_does_not_ask_again_at_once() {
    let world = World::new().await;
    let link = asked(&world).await;
    world.follow(Method::POST, &link, "answer=deny").await;
    world.denied(STRANGER).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    assert_eq!(world.messages(), ["ask"]);
    world.jump(Duration::from_mins(20));
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.messages(), ["ask", "ask"]);
}

#[tokio::test]
async fn how_long_a_no_stands_is_configured() {
    let world = World::with(|setup| setup.config["decline_cooldown"] = json!("1s")).await;
    let link = asked(&world).await;
    world.follow(Method::POST, &link, "answer=deny").await;
    world.jump(Duration::from_secs(1));
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.messages(), ["ask", "ask"]);
}

#[tokio::test]
async fn the_first_answer_stands_also_after_a_restart() {
    let mut world = World::new().await;
    let link = asked(&world).await;
    world.follow(Method::POST, &link, "answer=deny").await;
    world.restart().await;
    let second = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(second.status, 409, "{}", second.text);
    world.settle().await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn where_links_only_show_a_yes_is_not_taken() {
    let world =
        World::with(|setup| setup.config["registries"][0]["approvals"] = json!("none")).await;
    let link = asked(&world).await;
    assert_eq!(world.follow(Method::GET, &link, "").await.status, 200);
    let answer = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    world.settle().await;
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
}

#[tokio::test]
async fn guardrails_hold_for_a_yes_too() {
    let world = World::new().await;
    let link = asked(&world).await;
    world.azure.edit("contosoprod", "admin", |registry| {
        registry.public_network_access = false;
    });
    world.follow(Method::POST, &link, "answer=allow").await;
    world.settle().await;
    assert!(world.entries().is_empty());
    assert_eq!(world.messages(), ["ask", "public_access_disabled"]);
}
