//! A pause with an end: opening goes on by itself.

use crate::loops::Running;
use crate::process::until;
use crate::world::{OURS, REGISTRY, World};
use doorward::flow::orders::pauses;
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn pause_ends_at_its_time_and_not_before() {
    let world = World::new().await;
    let ends = clock::add(world.clock.now(), 30 * MINUTE);
    let order = json!({ "registry": REGISTRY, "by": "ada", "until": ends });
    let reply = world.order("/api/v1/pause", order).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(
        reply.text.contains("2026-11-22T12:30:00Z"),
        "{}",
        reply.text
    );
    assert_eq!(pauses::run_once(&world.app).await.unwrap(), Some(ends));
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    let told = world.last_message("text");
    assert!(told.contains("it ends at"), "{told}");
    world.jump(30 * MINUTE);
    assert_eq!(pauses::run_once(&world.app).await.unwrap(), None);
    assert_eq!(world.kinds().await.last(), Some(&"resumed"));
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn pause_that_would_end_before_it_begins_is_refused() {
    let world = World::new().await;
    let order = json!({ "by": "ada", "until": world.clock.now() });
    let reply = world.order("/api/v1/pause", order).await;
    assert!((400..500).contains(&reply.status), "{}", reply.text);
    assert!(!world.kinds().await.contains(&"paused"));
}

#[tokio::test]
async fn end_of_a_pause_of_all_leaves_a_longer_one_of_a_registry() {
    let world = World::new().await;
    let order = json!({ "registry": REGISTRY, "by": "grace", "because": "an audit" });
    assert_eq!(world.order("/api/v1/pause", order).await.status, 200);
    let ends = clock::add(world.clock.now(), MINUTE);
    let order = json!({ "by": "ada", "until": ends });
    assert_eq!(world.order("/api/v1/pause", order).await.status, 200);
    world.jump(MINUTE);
    assert_eq!(pauses::run_once(&world.app).await.unwrap(), None);
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    let told = world.last_message("text");
    assert!(
        told.contains("grace") && told.contains("an audit"),
        "{told}"
    );
}

#[tokio::test]
async fn loop_ends_a_pause_of_all() {
    let world = World::new().await;
    let ends = clock::add(world.clock.now(), MINUTE);
    let order = json!({ "by": "ada", "until": ends });
    assert_eq!(world.order("/api/v1/pause", order).await.status, 200);
    let loops = Running::of(&world);
    until("the pause is over", async || {
        world.jump(Duration::from_secs(1));
        world.kinds().await.contains(&"resumed")
    })
    .await;
    loops.stop().await;
    let kinds = world.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "resumed").count(), 1);
}
