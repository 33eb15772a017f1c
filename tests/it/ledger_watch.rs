//! That the ledger cannot be written is told past the ledger, once, and that it can be written again.

use crate::world::World;
use doorward::flow::ledger_watch;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use std::time::Duration;
use uuid::Uuid;

/// Something is to be written down, and the ledger's health looked at; whether it was written.
async fn look(world: &World, number: u128) -> bool {
    let event = LedgerEvent::Delivered {
        alert: AlertId(Uuid::from_u128(number)),
        channel: "chat".to_owned(),
        receipt: None,
    };
    let written = world
        .app
        .ledger
        .append(world.clock.now(), vec![event])
        .await;
    ledger_watch::run_once(&world.app).await.unwrap();
    written.is_ok()
}

#[tokio::test]
async fn an_outage_of_the_ledger_is_told_past_it_once_and_its_end_through_it() {
    let world = World::new().await;
    for outage in 1..=2 {
        let hide = "alter table ledger rename to elsewhere";
        world.tamper(hide).await.unwrap();
        assert!(!look(&world, 1).await);
        assert_eq!(world.messages().len(), (outage - 1) * 2, "not at once");
        for _ in 0..4 {
            world.jump(Duration::from_secs(10));
            assert!(!look(&world, 1).await);
        }
        assert_eq!(world.messages().last().unwrap(), "ledger_write_failed");
        assert_eq!(world.messages().len(), outage * 2 - 1);
        let back = "alter table elsewhere rename to ledger";
        world.tamper(back).await.unwrap();
        assert!(look(&world, outage as u128).await);
        world.settle().await;
        assert_eq!(world.messages().last().unwrap(), "ledger_written");
        assert!(look(&world, 10 + outage as u128).await);
        world.settle().await;
        assert_eq!(world.messages().len(), outage * 2);
        world.jump(Duration::from_mins(10));
    }
}

#[tokio::test]
async fn an_outage_that_ends_soon_is_nothing_to_tell() {
    let world = World::new().await;
    for number in 1..4 {
        world
            .tamper("alter table ledger rename to elsewhere")
            .await
            .unwrap();
        assert!(!look(&world, 1).await);
        world.jump(Duration::from_secs(9));
        assert!(!look(&world, 1).await);
        world
            .tamper("alter table elsewhere rename to ledger")
            .await
            .unwrap();
        assert!(look(&world, number).await);
    }
    world.settle().await;
    assert!(world.messages().is_empty());
}
