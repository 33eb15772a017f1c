//! A rule that lets in only so many asks a person about the next one.

use crate::world::World;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::{Action, NoteCode};
use std::time::Duration;

async fn world(limit: &str) -> World {
    World::with(|setup| {
        setup.policy = format!(
            "version: 1\nrules: [{{ name: office, when: {{ address: {{ cidrs: [20.77.1.0/24] }} }}, then: allow, for: 30m, {limit} }}]"
        );
    })
    .await
}

async fn verdicts(world: &World) -> Vec<(Action, Option<NoteCode>)> {
    let of = |what| match what {
        LedgerEvent::Decided { verdict, .. } => {
            Some((verdict.action, verdict.notes.first().map(|note| note.code)))
        }
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

const ALLOWED: (Action, Option<NoteCode>) = (Action::Allow, None);
const LIMITED: (Action, Option<NoteCode>) = (Action::Ask, Some(NoteCode::RuleLimit));

#[tokio::test]
async fn no_more_at_once_than_the_rule_says() {
    let world = world("max_active: 2").await;
    for address in ["20.77.1.1", "20.77.1.2", "20.77.1.3"] {
        world.denied(address).await;
        world.settle().await;
    }
    assert_eq!(world.entries(), ["20.77.1.1", "20.77.1.2"]);
    world.pass(Duration::from_mins(31)).await;
    world.denied("20.77.1.4").await;
    world.settle().await;
    assert_eq!(world.entries(), ["20.77.1.4"]);
    assert_eq!(verdicts(&world).await, [ALLOWED, ALLOWED, LIMITED, ALLOWED]);
}

#[tokio::test]
async fn no_more_in_an_hour_than_the_rule_says_even_after_a_restart() {
    let mut world = world("per_hour: 1").await;
    world.denied("20.77.1.1").await;
    world.settle().await;
    world.pass(Duration::from_mins(31)).await;
    world.restart().await;
    world.denied("20.77.1.2").await;
    world.settle().await;
    assert!(world.entries().is_empty());
    world.pass(Duration::from_mins(30)).await;
    world.denied("20.77.1.3").await;
    world.settle().await;
    assert_eq!(world.entries(), ["20.77.1.3"]);
    assert_eq!(verdicts(&world).await, [ALLOWED, LIMITED, ALLOWED]);
}
