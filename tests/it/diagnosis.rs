//! Before anything opens: where no entry could help, people are told instead.

use crate::world::{OURS, REGISTRY, STRANGER, World};
use axum::http::Method;
use doorward_sim::{Call, Fault, Registry};
use std::time::Duration;

async fn told(change: impl FnOnce(&mut Registry)) -> (World, String) {
    let world = World::new().await;
    world.azure.edit(REGISTRY, "portal", change);
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
    assert!(!world.kinds().await.contains(&"granted"));
    let code = world.messages().join(" ");
    (world, code)
}

#[tokio::test]
async fn each_cause_has_its_code_and_microsofts_page() {
    let disabled = told(|registry| registry.public_network_access = false).await;
    assert_eq!(disabled.1, "public_access_disabled");
    let text = disabled.0.last_message("text");
    assert!(text.contains("private endpoint"), "{text}");
    assert!(text.contains("https://learn.microsoft.com/"), "{text}");
    let covered = told(|registry| registry.allow("20.61.0.0/16")).await;
    assert_eq!(covered.1, "already_covered");
    let text = covered.0.last_message("text");
    assert!(text.contains("20.61.0.0/16"), "{text}");
    assert!(text.contains("data endpoint"), "{text}");
}

#[tokio::test]
async fn a_registry_that_was_mended_is_read_again_before_the_next_verdict() {
    let (world, _) = told(|registry| registry.public_network_access = false).await;
    world.azure.edit(REGISTRY, "portal", |registry| {
        registry.public_network_access = true;
    });
    world.jump(Duration::from_mins(16));
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn what_cannot_be_read_is_unknown_and_the_writer_finds_out() {
    let (world, _) = told(|registry| registry.public_network_access = false).await;
    world.jump(Duration::from_mins(16));
    world
        .azure
        .knobs(|knobs| knobs.next(Call::GetRegistry, Fault::Garbled));
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.kinds().await.contains(&"granted"));
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
    assert_eq!(
        world.messages(),
        ["public_access_disabled", "public_access_disabled"]
    );
    assert!(world.kinds().await.contains(&"not_opened"));
}

#[tokio::test]
async fn whom_a_person_let_in_before_is_known_again_after_a_restart_until_a_person_says_no() {
    let mut world = World::with(|setup| {
        setup.policy = "version: 1
rules:
  - { name: known, when: { seen: { within: 7d, by: person } }, then: ask, for: 2h }
  - { name: unknown, then: ask, for: 10m }
"
        .to_owned();
    })
    .await;
    let asked = async |world: &World| {
        world.denied(STRANGER).await;
        world.settle().await;
        world.last_message("link")
    };
    let text = |world: &World| world.last_message("text");
    let link = asked(&world).await;
    assert!(text(&world).contains("for 10m"), "{}", text(&world));
    world.follow(Method::POST, &link, "answer=allow").await;
    world.settle().await;
    world.pass(Duration::from_mins(11)).await;
    world.restart().await;
    world.jump(Duration::from_hours(24));
    let link = asked(&world).await;
    assert!(text(&world).contains("for 2h"), "{}", text(&world));
    world.follow(Method::POST, &link, "answer=deny").await;
    world.settle().await;
    world.jump(Duration::from_hours(2));
    asked(&world).await;
    assert!(text(&world).contains("for 10m"), "{}", text(&world));
}
