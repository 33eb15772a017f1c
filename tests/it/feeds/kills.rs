//! A process that is killed, and replicas that read the same: nothing is lost, nothing is taken in twice.

use super::{
    FEED, MINUTE, SECOND, STRANGER, denied, log, part, queries, run_once, with_feed, world,
};
use crate::faults::cut;
use crate::world::World;
use crate::{needs, postgres};
use doorward_sim::{Call, Moment};
use std::collections::BTreeSet;

/// How often the process is killed.
const KILLS: u32 = 100;

#[tokio::test]
async fn a_hundred_kills_lose_nothing_and_double_nothing() {
    let mut world = world().await;
    let mut all = BTreeSet::new();
    let mut finished = 0;
    for kill in 0..KILLS {
        let address = format!("51.140.7.{}", kill + 1);
        log(&world, &address, 403);
        all.insert(address);
        // Each time a little later: while it asks, between the answer and the ledger, and after.
        let app = std::sync::Arc::clone(&world.app);
        let work = async { _ = run_once(&app).await };
        if cut::short(Box::pin(work), kill % 25 + 1).await {
            finished += 1;
        }
        drop(app);
        // What is dropped in a process that lives on knows more than a process that begins anew.
        if kill % 4 == 3 {
            world.restart().await;
        }
        world.jump(MINUTE + SECOND);
    }
    assert!(finished > 0 && finished < KILLS, "{finished} were not cut");
    run_once(&world.app).await;
    let told = denied(&world).await;
    assert_eq!(told.len(), all.len(), "{told:?}");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn one_of_two_replicas_asks_and_the_other_goes_on_after_it() {
    let Some(database) = postgres::prepared().await else {
        needs::skip("PostgreSQL is not installed");
        return;
    };
    let world = World::on(&database, with_feed).await;
    let other = world.replica().await;
    log(&world, STRANGER, 403);
    run_once(&world.app).await;
    run_once(&other).await;
    assert_eq!(queries(&world), 1);
    assert_eq!(part(&other).state, "other_replica");
    assert!(!part(&other).failing);
    // The first one is gone.
    database.leases_are_over().await;
    world.jump(MINUTE);
    log(&world, "51.140.7.10", 403);
    run_once(&other).await;
    assert_eq!(queries(&world), 2);
    assert_eq!(denied(&world).await, [STRANGER, "51.140.7.10"]);
    assert_eq!(part(&other).state, "reading");
}

#[tokio::test]
async fn of_two_replicas_that_read_the_same_one_writes_it_down() {
    let Some(database) = postgres::prepared().await else {
        needs::skip("PostgreSQL is not installed");
        return;
    };
    let world = World::on(&database, with_feed).await;
    let other = world.replica().await;
    run_once(&world.app).await;
    world.jump(MINUTE);
    log(&world, STRANGER, 403);
    let hold = world.azure.hold(Call::LogQuery, Moment::After);
    database.leases_are_over().await;
    let slow = run_once(&world.app);
    let quick = async {
        hold.reached().await;
        // The slow one is taken for dead while its answer is on its way.
        database.leases_are_over().await;
        run_once(&other).await;
        hold.release();
    };
    tokio::join!(slow, quick);
    assert_eq!(part(&world.app).state, "catching_up", "{FEED}");
    assert_eq!(denied(&world).await, [STRANGER]);
    let kinds = world.kinds().await;
    let advances = kinds.iter().filter(|kind| **kind == "feed_advanced");
    assert_eq!(advances.count(), 2);
}
