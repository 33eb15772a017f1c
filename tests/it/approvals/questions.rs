//! Nobody can wear out who answers: past a limit questions are written down and not sent.

use crate::world::{OURS, World};
use doorward_core::ledger::event::LedgerEvent;
use serde_json::json;
use std::time::Duration;

async fn world(registry: u32, channel: u32) -> World {
    World::with(|setup| {
        setup.config["registries"][0]["questions_per_hour"] = json!(registry);
        setup.config["channels"][0]["questions_per_hour"] = json!(channel);
        setup.policy = setup.policy.replace("then: allow", "then: ask");
    })
    .await
}

async fn strangers(world: &World, addresses: std::ops::Range<u8>) {
    for last in addresses {
        world.denied(&format!("51.140.8.{last}")).await;
    }
    world.settle().await;
}

fn sent(world: &World, code: &str) -> usize {
    world.messages().iter().filter(|it| *it == code).count()
}

async fn withheld(world: &World) -> Vec<(Vec<String>, bool)> {
    let of = |what| match what {
        LedgerEvent::QuestionWithheld {
            channels, wholly, ..
        } => Some((channels, wholly)),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn questions_past_the_limit_are_withheld_counted_and_open() {
    for (registry, channel) in [(6, 100), (100, 6)] {
        let world = world(registry, channel).await;
        strangers(&world, 0..10).await;
        // Half of the limit is for addresses of one's own.
        assert_eq!(sent(&world, "ask"), 3);
        assert_eq!(sent(&world, "questions_withheld"), 1);
        let all = withheld(&world).await;
        assert_eq!(all.len(), 7);
        assert!(all.iter().all(|it| *it == (vec!["chat".to_owned()], true)));
        let open = world.app.ledger.read(|state| state.requests.len());
        assert_eq!(open, 10, "none is lost");

        world.denied(OURS).await;
        world.settle().await;
        assert_eq!(sent(&world, "ask"), 4, "our own has a share of its own");

        world.jump(Duration::from_mins(61));
        strangers(&world, 20..21).await;
        assert_eq!(sent(&world, "ask"), 5, "an hour later there is room again");
    }
}

#[tokio::test]
async fn repeated_denial_asks_nobody_again_and_is_counted() {
    let world = world(100, 100).await;
    strangers(&world, 0..1).await;
    for _ in 0..5 {
        strangers(&world, 0..1).await;
    }
    assert_eq!(sent(&world, "ask"), 1);
    let kinds = world.kinds().await;
    assert!(kinds.contains(&"counted"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "requested").count(), 1);
}

#[tokio::test]
async fn limit_is_the_same_after_a_restart() {
    let mut world = world(6, 100).await;
    strangers(&world, 0..3).await;
    world.restart().await;
    strangers(&world, 3..5).await;
    assert_eq!(sent(&world, "ask"), 3);
    assert_eq!(withheld(&world).await.len(), 2);
}
