//! Two live replicas: what Azure asks of one of them binds both, and neither outlives its reason nor is lost
//! with whom it was asked of.

use super::fake::{Does, Fake, Registry};
use super::{SECOND, Story};
use crate::postgres::database;
use crate::process::until;
use crate::world::{OURS, World, settle};
use serde_json::json;
use std::mem;

#[tokio::test]
async fn patience_that_a_replica_was_asked_for_and_took_with_it_binds_adding_and_no_removal() {
    let Some(database) = database().await else {
        return;
    };
    let arm = Fake::start(Registry::default()).await;
    let world = World::on(&database, |setup| Story::set_up(setup, &arm)).await;
    arm.keeps(&world.clock);
    let mut story = Story { world, arm };
    let other = story.world.replica().await;
    story.world.denied(OURS).await;
    story.world.settle().await;
    settle(&other).await;
    assert_eq!(story.arm.entries(), [OURS]);
    // One of the two looks whether others changed the registry, and is asked for patience.
    story.arm.next_reads([Does::refuse_for(429, 240)]);
    while !story.world.kinds().await.contains(&"throttled") {
        story.world.pass(SECOND).await;
    }
    // It is never heard of again, and the other goes on alone.
    drop(mem::replace(&mut story.world.app, other));
    let begun = story.world.clock.now();
    let order = json!({ "grants": [OURS], "by": "ada" });
    let revoked = story.world.order("/api/v1/grants/revoke", order).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    story.world.denied("20.61.20.1").await;
    // The lease of the one that is gone is free within seconds, in the database's time: no time passes here.
    until("it is told", async || {
        story.world.settle().await;
        !story.world.messages().is_empty()
    })
    .await;
    assert_eq!(story.world.messages(), ["opening_delayed"]);
    let text = story.world.last_message("text");
    assert!(text.contains("Azure asked to wait until"), "{text}");
    let gone = story.until_it_is(&[], 60).await;
    assert!(gone <= 30, "{gone} s");
    let open = gone + story.until_it_is(&["20.61.20.1"], 400).await;
    assert!((200..=245).contains(&open), "{open} s after {begun}");
    assert_eq!(story.world.messages(), ["opening_delayed"]);
    story.world.app.ledger.verify().await.unwrap();
}
