//! `kind: storage_queue` against Azurite.

use super::storage::{QUEUE, SOURCE, azurite, queue, run_once, with};
use super::{SECOND, denied, log, part, with_feed};
use crate::azurite::{Azurite, Front, Mode};
use crate::loops::Running;
use crate::process::until;
use crate::world::{OURS, REGISTRY, STRANGER, World, message, row};
use crate::{needs, postgres};
use doorward::flow::feeds;
use doorward_sim::Registry;
use serde_json::json;
use std::collections::BTreeSet;

async fn furnished(azurite: &Azurite) -> World {
    azurite.create_queue(QUEUE).await;
    World::with(|setup| with(&mut setup.config, &azurite.queue, &queue())).await
}

/// An event as Event Grid puts it into a queue, in its own schema.
pub(super) fn event(id: &str, address: &str) -> String {
    json!({
        "id": id, "topic": "/subscriptions/1", "subject": "build", "eventType": "Contoso.BuildFailed",
        "eventTime": "2026-11-22T12:00:00Z", "dataVersion": "1", "metadataVersion": "1",
        "data": { "message": message(address) },
    })
    .to_string()
}

fn cloud_event(id: &str, address: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": "/contoso/builds", "type": "Contoso.BuildFailed",
        "time": "2026-11-22T12:00:00Z", "data": { "message": message(address) },
    })
    .to_string()
}

#[tokio::test]
async fn messages_of_every_form_are_taken_in_and_deleted() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = furnished(&azurite).await;
    azurite.send(QUEUE, &event("1", OURS)).await;
    azurite.send(QUEUE, &cloud_event("2", "51.140.7.1")).await;
    azurite
        .send(QUEUE, &row("51.140.7.2", world.clock.now()))
        .await;
    let plain = json!([QUEUE, message("51.140.7.3"), false]);
    azurite.do_it("send", plain).await;
    run_once(&world.app).await;
    world.settle().await;
    let all: BTreeSet<String> = denied(&world).await.into_iter().collect();
    let expected = [OURS, "51.140.7.1", "51.140.7.2", "51.140.7.3"];
    assert_eq!(all, expected.map(str::to_owned).into());
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(azurite.left(QUEUE).await, 0);
    let told = part(&world.app);
    assert_eq!(
        (told.records, told.set_aside, told.state.as_str()),
        (4, 0, "reading")
    );
    assert!(told.ingestion_latency_seconds.is_some(), "{told:?}");
}

#[tokio::test]
async fn change_of_a_registry_arrives_through_the_queue() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = furnished(&azurite).await;
    let id = Registry::new(REGISTRY).id();
    let event = json!({
        "id": "c1", "topic": "/subscriptions/1", "subject": id, "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-11-22T12:00:00Z", "dataVersion": "2", "metadataVersion": "1",
        "data": { "resourceUri": id, "operationName": "Microsoft.ContainerRegistry/registries/write", "status": "Succeeded" },
    });
    azurite.send(QUEUE, &event.to_string()).await;
    run_once(&world.app).await;
    assert!(world.kinds().await.contains(&"registry_changed"));
    assert_eq!(azurite.left(QUEUE).await, 0);
}

#[tokio::test]
async fn message_that_could_not_be_deleted_is_taken_in_once() {
    let Some(azurite) = azurite().await else {
        return;
    };
    azurite.create_queue(QUEUE).await;
    let front = Front::before(&azurite.queue).await;
    let mut world = World::with(|setup| with(&mut setup.config, &front.url, &queue())).await;
    front.is(Mode::RefuseDeletes(403, "AuthorizationPermissionMismatch"));
    // Plain text has no event id of its own, and a repeat would be counted.
    let plain = json!([QUEUE, message(STRANGER), false]);
    azurite.do_it("send", plain).await;
    run_once(&world.app).await;
    assert_eq!(part(&world.app).state, "not_deleted");
    assert_eq!(azurite.left(QUEUE).await, 1);
    front.is(Mode::Pass);
    world.restart().await;
    until("it is deleted", async || {
        world.jump(SECOND);
        run_once(&world.app).await;
        azurite.left(QUEUE).await == 0
    })
    .await;
    assert_eq!(denied(&world).await, [STRANGER]);
    assert!(!world.kinds().await.contains(&"counted"));
    assert_eq!(part(&world.app).records, 1);
}

#[tokio::test]
async fn poisoned_message_is_set_aside_and_stops_no_other() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = furnished(&azurite).await;
    azurite.send(QUEUE, &event("poison", OURS)).await;
    let receive = json!([QUEUE, 1]);
    for _ in 0..3 {
        until("it is received and left", async || {
            let received = azurite.do_it("receive", receive.clone()).await;
            !received.as_array().unwrap().is_empty()
        })
        .await;
    }
    azurite.send(QUEUE, "{ \"id\": broken").await;
    azurite.send(QUEUE, &event("good", STRANGER)).await;
    until("all are gone", async || {
        world.jump(SECOND);
        run_once(&world.app).await;
        azurite.left(QUEUE).await == 0
    })
    .await;
    assert_eq!(denied(&world).await, [STRANGER]);
    let told = part(&world.app);
    assert_eq!(
        (told.records, told.set_aside, told.state.as_str()),
        (3, 2, "reading")
    );
    let metric = "doorward_feed_set_aside_total{source=\"storage\",partition=\"denials\"} 2";
    assert!(world.app.metrics.render().contains(metric));
}

#[tokio::test]
async fn full_queue_is_read_batch_by_batch() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = furnished(&azurite).await;
    let texts: Vec<String> = (1..=100)
        .map(|number| event(&number.to_string(), &format!("51.140.8.{number}")))
        .collect();
    azurite.do_it("send_all", json!([QUEUE, texts])).await;
    run_once(&world.app).await;
    assert_eq!(denied(&world).await.len(), 100);
    assert_eq!(part(&world.app).state, "reading");
    let kinds = world.kinds().await;
    let advances = kinds.iter().filter(|kind| **kind == "feed_advanced");
    assert_eq!(advances.count(), 4);
}

#[tokio::test]
async fn queue_that_hangs_stops_no_other_feed() {
    let Some(azurite) = azurite().await else {
        return;
    };
    azurite.create_queue(QUEUE).await;
    let front = Front::before(&azurite.queue).await;
    front.is(Mode::Hang);
    let world = World::with(|setup| {
        with_feed(setup);
        with(&mut setup.config, &front.url, &queue());
    })
    .await;
    let loops = Running::of(&world);
    log(&world, OURS, 403);
    until("the entry that the registry's log leads to", async || {
        world.jump(SECOND);
        world.entries() == [OURS]
    })
    .await;
    loops.stop().await;
}

#[tokio::test]
async fn two_replicas_share_a_queue_and_double_nothing() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let Some(database) = postgres::prepared().await else {
        needs::skip("PostgreSQL is not installed");
        return;
    };
    azurite.create_queue(QUEUE).await;
    let world = World::on(&database, |setup| {
        with(&mut setup.config, &azurite.queue, &queue());
    })
    .await;
    let other = world.replica().await;
    let texts: Vec<String> = (1..=90)
        .map(|number| event(&number.to_string(), &format!("51.140.9.{number}")))
        .collect();
    azurite.do_it("send_all", json!([QUEUE, texts])).await;
    until("all are taken in", async || {
        world.jump(SECOND);
        database.leases_are_over().await;
        let turn = async |app| feeds::run_once(app, SOURCE, QUEUE).await;
        let (one, two) = tokio::join!(turn(&world.app), turn(&other));
        one.unwrap();
        two.unwrap();
        azurite.left(QUEUE).await == 0
    })
    .await;
    let told = denied(&world).await;
    assert_eq!(told.len(), 90);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>().len(), 90);
    assert!(!world.kinds().await.contains(&"counted"));
}
