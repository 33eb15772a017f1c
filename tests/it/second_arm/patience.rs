//! Azure asks for patience: that binds adding, whoever writes, and no removal.

use super::fake::Does;
use super::{SECOND, Story};
use crate::world::OURS;
use doorward_core::ledger::event::LedgerEvent;

/// A read of the registry, for which nothing was waiting, is asked to wait four minutes.
async fn throttled_over_a_restart() -> Story {
    let mut story = Story::new().await;
    story.world.settle().await;
    story.arm.next_reads([Does::refuse_for(429, 240)]);
    while !story.world.kinds().await.contains(&"throttled") {
        story.world.pass(SECOND).await;
    }
    story.world.restart().await;
    story
}

#[tokio::test]
async fn patience_is_kept_by_whoever_writes_next_and_a_denial_meanwhile_is_told_and_opened_after_it()
 {
    let story = throttled_over_a_restart().await;
    story.world.denied(OURS).await;
    story.world.settle().await;
    assert_eq!(story.world.messages(), ["opening_delayed"]);
    let text = story.world.last_message("text");
    assert!(text.contains("Azure asked to wait until"), "{text}");
    let noted = |what: &LedgerEvent| match what {
        LedgerEvent::Decided { verdict, .. } => verdict
            .notes
            .iter()
            .any(|note| note.text.contains("asked to wait")),
        _ => false,
    };
    assert!(story.world.ledger().await.iter().any(noted));
    let listed = story.world.ask("/api/v1/pauses").await.json();
    assert_eq!(listed["stopped"][0]["code"], "throttled");
    let asked = story.arm.asked();
    story.world.pass(100 * SECOND).await;
    assert_eq!(story.arm.asked(), asked);
    let waited = story.until_it_is(&[OURS], 400).await;
    assert!((100..=145).contains(&waited), "{waited} s");
    assert_eq!(story.world.messages(), ["opening_delayed"]);
    let listed = story.world.ask("/api/v1/pauses").await.json();
    assert_eq!(listed["stopped"], serde_json::json!([]));
}

#[tokio::test]
async fn what_ends_meanwhile_is_taken_away_within_half_a_minute_by_whoever_writes_next() {
    let mut story = Story::new().await;
    story.world.denied(OURS).await;
    story.world.settle().await;
    story.world.pass(595 * SECOND).await;
    story.arm.next_writes([Does::refuse_for(429, 240)]);
    story.world.denied("20.61.20.1").await;
    story.world.settle().await;
    assert!(story.world.kinds().await.contains(&"throttled"));
    story.world.restart().await;
    let waited = story.until_it_is(&[], 60).await;
    assert!(waited <= 36, "{waited} s");
    let waited = waited + story.until_it_is(&["20.61.20.1"], 400).await;
    assert!((230..=245).contains(&waited), "{waited} s");
}

#[tokio::test]
async fn short_patience_is_not_written_down() {
    let story = Story::new().await;
    story.arm.next_writes([Does::refuse_for(429, 3)]);
    story.world.denied(OURS).await;
    story.world.settle().await;
    story.world.pass(4 * SECOND).await;
    assert_eq!(story.arm.entries(), [OURS]);
    assert!(!story.world.kinds().await.contains(&"throttled"));
}
