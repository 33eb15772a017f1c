//! Refusals that pass: a role that takes effect late, a condition that failed.

use super::fake::Does;
use super::{SECOND, Story};
use crate::world::OURS;

const MISSING: &str = "The client 'a' with object id 'a' does not have authorization to perform action 'Microsoft.ContainerRegistry/registries/write' over scope '/x' or the scope is invalid.";

fn forbidden() -> Does {
    Does::refuse(403, "AuthorizationFailed", MISSING)
}

#[tokio::test]
async fn a_permission_that_comes_late_opens_what_waits_and_is_asked_for_once() {
    let story = Story::new().await;
    story.arm.next_writes(vec![forbidden(); 6]);
    story.world.denied(OURS).await;
    story.world.denied("20.61.20.1").await;
    let waited = story.until_it_is(&[OURS, "20.61.20.1"], 300).await;
    assert!((60..=200).contains(&waited), "{waited} s");
    assert_eq!(story.world.messages(), ["write_refused"]);
    let text = story.world.last_message("text");
    assert!(
        text.contains("`Microsoft.ContainerRegistry/registries/write`"),
        "{text}"
    );
}

#[tokio::test]
async fn without_the_permission_a_grant_ends_as_it_would() {
    let story = Story::new().await;
    story.arm.next_writes(vec![forbidden(); 60]);
    story.world.denied(OURS).await;
    story.world.pass(620 * SECOND).await;
    assert_eq!(story.world.messages(), ["write_refused", "opening_delayed"]);
    assert_eq!(story.world.kinds().await.last(), Some(&"ended"));
}

#[tokio::test]
async fn a_failed_condition_is_tried_again_without_a_word() {
    let story = Story::new().await;
    story.arm.next_writes([Does::refuse(
        412,
        "PreconditionFailed",
        "The condition was not met.",
    )]);
    story.world.denied(OURS).await;
    let waited = story.until_it_is(&[OURS], 30).await;
    assert!(waited <= 3, "{waited} s");
    assert!(story.world.messages().is_empty());
}

#[tokio::test]
async fn what_never_passes_is_told_at_once() {
    let story = Story::new().await;
    story
        .arm
        .next_writes([Does::refuse(400, "BadRequest", "The request is odd.")]);
    story.world.denied(OURS).await;
    story.world.pass(5 * SECOND).await;
    assert_eq!(story.world.messages(), ["azure_refused"]);
}
