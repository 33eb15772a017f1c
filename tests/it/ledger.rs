//! The ledger keeps what it was told, and whoever changes it behind doorward's back is noticed.

use crate::world::{OURS, STRANGER, World};
use doorward::domain::actor::Actor;
use doorward::domain::ledger::What;
use doorward::store::{Ledger, StoreError};

async fn with_a_story() -> World {
    let world = World::new().await;
    for address in [OURS, STRANGER] {
        world.denied(address).await;
        world.settle().await;
    }
    world
}

#[tokio::test]
async fn entries_are_neither_changed_nor_removed() {
    let world = with_a_story().await;
    for attempt in [
        "update ledger set body = '{}' where seq = 2",
        "delete from ledger where seq = 2",
        "delete from ledger",
    ] {
        let refused = world.tamper(attempt).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    world.app.ledger.verify().await.unwrap();
}

#[tokio::test]
async fn a_change_by_force_is_found_and_doorward_does_not_start_on_it() {
    let world = with_a_story().await;
    let unlocked = if world.database.is_some() {
        "alter table ledger disable trigger user"
    } else {
        "drop trigger ledger_is_never_changed"
    };
    world.tamper(unlocked).await.unwrap();
    let changed = "update ledger set body = replace(body, '20.61', '20.62') where seq = 3";
    world.tamper(changed).await.unwrap();
    let broken = world.app.ledger.verify().await.unwrap_err();
    assert!(matches!(broken, StoreError::Broken { seq: 3 }), "{broken}");
    let opened = Ledger::open(&world.ledger_url()).await;
    assert!(matches!(opened.err(), Some(StoreError::Broken { seq: 3 })));
}

#[tokio::test]
async fn what_stands_is_the_same_after_it_was_read_again() {
    let mut world = with_a_story().await;
    let before = world.app.ledger.read(Clone::clone);
    world.restart().await;
    assert_eq!(world.app.ledger.read(Clone::clone), before);
}

#[tokio::test]
async fn order_is_not_written_down_once_what_it_rests_on_has_changed() {
    let world = World::new().await;
    let ledger = &world.app.ledger;
    let now = world.clock.now();
    let cleared = |number: u8| What::VerdictsCleared {
        address: [20, 0, 0, number].into(),
        registry: None,
        by: Actor::Person("ada".to_owned()),
        because: None,
    };
    let as_of = ledger.as_of();
    // A denial changes nothing that orders rest on.
    world.denied(STRANGER).await;
    let written = ledger.append_as_of(now, as_of, vec![cleared(1)]).await;
    assert!(written.is_ok(), "{written:?}");
    let overtaken = ledger.append_as_of(now, as_of, vec![cleared(2)]).await;
    assert!(matches!(overtaken, Err(StoreError::Moved)), "{overtaken:?}");
    // Nor may an entry be handed over that a write began to move meanwhile.
    let as_of = ledger.as_of();
    world.denied(OURS).await;
    world.settle().await;
    let kinds = world.kinds().await;
    assert!(kinds.contains(&"write_intended"), "{kinds:?}");
    let overtaken = ledger.append_as_of(now, as_of, vec![cleared(3)]).await;
    assert!(matches!(overtaken, Err(StoreError::Moved)), "{overtaken:?}");
}
