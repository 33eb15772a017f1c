//! The ledger keeps what it was told, and whoever changes it behind doorward's back is noticed.

use crate::world::{OURS, STRANGER, World};
use doorward::store::{Ledger, StoreError};
use sqlx::sqlite::SqlitePool;

async fn behind_its_back(world: &World) -> SqlitePool {
    let file = world.folder.path().join("doorward.db");
    SqlitePool::connect(&format!("sqlite://{}", file.display()))
        .await
        .unwrap()
}

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
    let database = behind_its_back(&world).await;
    for attempt in [
        "update ledger set body = '{}' where seq = 2",
        "delete from ledger where seq = 2",
        "delete from ledger",
    ] {
        let refused = sqlx::query(attempt).execute(&database).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    world.app.ledger.verify().await.unwrap();
}

#[tokio::test]
async fn a_change_by_force_is_found_and_doorward_does_not_start_on_it() {
    let world = with_a_story().await;
    let database = behind_its_back(&world).await;
    sqlx::query("drop trigger ledger_is_never_changed")
        .execute(&database)
        .await
        .unwrap();
    sqlx::query("update ledger set body = replace(body, '20.61', '20.62') where seq = 3")
        .execute(&database)
        .await
        .unwrap();
    let broken = world.app.ledger.verify().await.unwrap_err();
    assert!(matches!(broken, StoreError::Broken { seq: 3 }), "{broken}");
    let file = world.folder.path().join("doorward.db");
    let opened = Ledger::open(&format!("sqlite://{}", file.display())).await;
    assert!(matches!(opened.err(), Some(StoreError::Broken { seq: 3 })));
}

#[tokio::test]
async fn what_stands_is_the_same_after_it_was_read_again() {
    let mut world = with_a_story().await;
    let before = world.app.ledger.read(Clone::clone);
    world.restart().await;
    assert_eq!(world.app.ledger.read(Clone::clone), before);
}
