//! What is told of entries past their end, and what waits for a write that was lost: no more than is so.

use crate::world::{OURS, REGISTRY, World};
use doorward_core::ledger::grant::Ending;
use doorward_sim::{Call, Fault, Knobs};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Another address that the policy knows as ours.
const NEXT: &str = "20.61.10.16";
const ANOTHER: &str = "20.61.10.17";

fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
    }
}

/// A world in which grants end soon.
async fn brief(time: &str) -> World {
    World::with(|setup| setup.policy = setup.policy.replace("for: 10m", &format!("for: {time}")))
        .await
}

/// A world in which a write was lost that never came, and its grant is over.
async fn lost(time: &str) -> World {
    let world = brief(time).await;
    world
        .azure
        .knobs(|knobs| knobs.next(Call::PatchRegistry, Fault::LostBefore));
    world.denied(OURS).await;
    world.settle().await;
    world.pass(32 * SECOND).await;
    assert!(world.entries().is_empty());
    world
}

#[tokio::test]
async fn an_opening_that_never_stood_is_not_called_overdue() {
    for fault in [
        status(500),
        status(503),
        Fault::LostBefore,
        Fault::Redirect("https://elsewhere.example".to_owned()),
    ] {
        let world = brief("20s").await;
        let told = format!("{fault:?}");
        world
            .azure
            .knobs(|knobs| knobs.always(Call::PatchRegistry, fault));
        world.denied(OURS).await;
        world.settle().await;
        world.pass(11 * 60 * SECOND).await;
        assert!(world.entries().is_empty(), "{told}");
        assert_eq!(world.endings().await, [Ending::NeverOpened], "{told}");
        let none: [&str; 0] = [];
        assert_eq!(world.messages(), none, "{told}");
    }
}

#[tokio::test]
async fn an_end_that_no_read_has_shown_is_told_as_unknown_until_a_read_does() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.pass(595 * SECOND).await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetRegistry, status(503)));
    world.pass(200 * SECOND).await;
    assert_eq!(world.messages(), ["end_unknown"]);
    let text = world.last_message("text");
    assert!(text.contains("cannot tell whether it"), "{text}");
    assert!(
        text.contains("showed it") && text.contains("network-rule list"),
        "{text}"
    );
    world.azure.knobs(Knobs::no_faults);
    world.pass(31 * SECOND).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.messages(), ["end_unknown", "end_known"]);
    assert!(world.last_message("text").contains("it was removed"));
}

#[tokio::test]
async fn a_lost_opening_that_nobody_can_look_for_is_unknown_and_then_known_not_to_stand() {
    let world = lost("8s").await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetRegistry, status(503)));
    world.pass(180 * SECOND).await;
    assert_eq!(world.messages(), ["end_unknown"]);
    let text = world.last_message("text");
    assert!(text.contains("did not show it, but"), "{text}");
    world.azure.knobs(Knobs::no_faults);
    world.pass(31 * SECOND).await;
    assert_eq!(world.messages(), ["end_unknown", "end_known"]);
    assert!(world.last_message("text").contains("it does not stand"));
    world.pass(10 * 60 * SECOND).await;
    assert_eq!(world.messages(), ["end_unknown", "end_known"]);
}

#[tokio::test]
async fn a_grant_that_an_entry_of_others_satisfies_is_never_late() {
    let world = World::new().await;
    world
        .azure
        .edit(REGISTRY, "portal", |registry| registry.allow(OURS));
    world.denied(OURS).await;
    world.settle().await;
    world.pass(595 * SECOND).await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetRegistry, status(503)));
    world.pass(400 * SECOND).await;
    assert_eq!(world.messages(), ["already_covered"]);
}

#[tokio::test]
async fn an_opening_does_not_wait_for_a_lost_write_of_a_grant_that_is_over() {
    // Wherever in the pause between two looks it falls.
    for second in [0, 1, 7, 13, 19] {
        let world = lost("8s").await;
        world.pass(second * SECOND).await;
        world.denied(NEXT).await;
        world.settle().await;
        assert_eq!(world.entries(), [NEXT], "after {second} s");
        world.denied(ANOTHER).await;
        world.settle().await;
        assert_eq!(world.entries(), [NEXT, ANOTHER], "after {second} s");
    }
}

#[tokio::test]
async fn an_end_does_not_wait_for_a_lost_write_of_a_grant_that_is_over() {
    let world = lost("8s").await;
    world.pass(5 * SECOND).await;
    world.denied(NEXT).await;
    world.settle().await;
    for _ in 0..8 {
        assert_eq!(world.entries(), [NEXT]);
        world.pass(SECOND).await;
    }
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn what_a_lost_write_brings_late_is_still_ours_and_goes() {
    let world = lost("8s").await;
    world.denied(NEXT).await;
    world.settle().await;
    // It lands only now, as it was made: without what came after it.
    world.azure.edit(REGISTRY, "doorward, late", |registry| {
        registry.disallow(NEXT);
        registry.allow(OURS);
    });
    world.pass(21 * SECOND).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn looking_out_for_a_lost_write_asks_azure_no_more_than_every_twenty_seconds() {
    let world = lost("8s").await;
    let before = world.azure.requests_of(Call::GetRegistry).len();
    world.pass(100 * SECOND).await;
    let reads = world.azure.requests_of(Call::GetRegistry).len() - before;
    assert!((3..=6).contains(&reads), "{reads}");
}
