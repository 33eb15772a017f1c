//! Writes whose operation never ends, or whose answer is lost: reads decide.

use super::fake::{Answers, Does};
use super::{SECOND, Story};
use crate::world::OURS;
use std::time::Duration;

#[tokio::test]
async fn an_entry_that_a_read_shows_is_open_though_its_operation_never_ends() {
    let story = Story::new().await;
    story.arm.next_writes([Does::applying(Answers::Endless)]);
    story.world.denied(OURS).await;
    story.world.settle().await;
    story.world.pass(3 * SECOND).await;
    assert_eq!(story.world.kinds().await.last(), Some(&"opened"));
    assert_eq!(story.arm.patches().len(), 1);
}

#[tokio::test]
async fn an_operation_that_never_ends_and_does_nothing_holds_up_no_removal_and_no_second_attempt() {
    let story = Story::new().await;
    story.world.denied("20.61.20.1").await;
    story.world.settle().await;
    story.world.pass(598 * SECOND).await;
    assert_eq!(story.arm.entries(), ["20.61.20.1"]);
    story
        .arm
        .next_writes([Does::without_applying(Answers::Endless)]);
    story.world.denied(OURS).await;
    story.world.settle().await;
    let waited = story.until_it_is(&[OURS], 60).await;
    assert!(waited <= 35, "{waited} s");
    assert!(story.world.messages().is_empty());
}

#[tokio::test]
async fn a_turn_is_over_at_once_while_an_operation_goes_on() {
    let story = Story::new().await;
    story
        .arm
        .next_writes([Does::without_applying(Answers::Endless)]);
    story.world.denied(OURS).await;
    let begun = story.world.clock.now();
    story.world.settle().await;
    assert_eq!(story.world.clock.now(), begun);
}

#[tokio::test]
async fn a_lost_write_is_seen_within_seconds_and_made_up_for_soon() {
    let late = |applies, answers| Does { applies, answers };
    let unavailable = || Answers::With(503, String::new(), "{}".to_owned());
    let empty = || Answers::With(200, String::new(), String::new());
    let redirect = || Answers::With(307, "location: /elsewhere\r\n".to_owned(), String::new());
    for (answers, applies, most) in [
        (unavailable(), Some(0), 1),
        (unavailable(), None, 12),
        (empty(), Some(0), 1),
        (empty(), None, 12),
        (redirect(), None, 12),
        (Answers::Cut, Some(0), 1),
        (Answers::Cut, Some(4), 5),
        (Answers::Cut, None, 12),
    ] {
        let story = Story::new().await;
        let told = format!("{answers:?}, {applies:?}");
        let applies = applies.map(Duration::from_secs);
        story.arm.next_writes([late(applies, answers)]);
        story.world.denied(OURS).await;
        story.world.settle().await;
        let mut waited = 0;
        while !story.world.kinds().await.contains(&"opened") && waited < 60 {
            story.world.pass(SECOND).await;
            waited += 1;
        }
        assert!(waited <= most, "{told}: {waited} s");
        assert_eq!(story.arm.entries(), [OURS], "{told}");
        story.world.pass(620 * SECOND).await;
        assert!(story.arm.entries().is_empty(), "{told}");
    }
}
