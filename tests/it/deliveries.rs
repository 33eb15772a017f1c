//! Azure's own senders deliver over real HTTP, handshakes and retries included.

use crate::world::{KEY, OURS, REGISTRY, STRANGER, World, message};
use doorward::http::{public_router, serve};
use doorward_sim::Registry;
use doorward_sim::senders::{
    ActionGroup, Alert, Ending, Endpoint, Event, EventGrid, Form, Forwarder, Schema, Unvalidated,
    login_event,
};
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A world whose router listens; it stops with the guard.
async fn listening() -> (World, String, DropGuard) {
    let world =
        World::with(|setup| setup.config["sources"][1]["auth"]["query"] = json!(true)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    TaskTracker::new().spawn(serve(
        listener,
        public_router(Arc::clone(&world.app)),
        stop.clone(),
    ));
    (world, base, stop.drop_guard())
}

fn caller() -> IpAddr {
    OURS.parse().unwrap()
}

#[tokio::test]
async fn event_grid_subscribes_and_delivers_in_both_schemas() {
    for schema in [Schema::EventGrid, Schema::CloudEvents] {
        let (world, base, _stop) = listening().await;
        let endpoint = Endpoint::new(&world.clock, &format!("{base}/events/clusters"))
            .header("x-doorward-key", KEY);
        let subscription = EventGrid::new(endpoint, schema).subscribe().await.unwrap();
        let event = Event::new(
            "Contoso.PullFailed",
            "cluster-1",
            world.clock.now(),
            json!({ "log": message(OURS) }),
        );
        // Delivery is at least once: the same event again is not another denial.
        for _ in 0..2 {
            assert_eq!(
                subscription
                    .deliver(std::slice::from_ref(&event))
                    .await
                    .ending,
                Ending::Delivered
            );
        }
        world.settle().await;
        assert_eq!(world.entries(), [OURS], "{schema:?}");
        assert_eq!(
            world
                .kinds()
                .await
                .iter()
                .filter(|kind| **kind == "denied")
                .count(),
            1,
            "{schema:?}"
        );
        assert_eq!(subscription.delete().await.ending, Ending::Delivered);
    }
}

#[tokio::test]
async fn no_key_no_handshake() {
    for schema in [Schema::EventGrid, Schema::CloudEvents] {
        let (world, base, _stop) = listening().await;
        let endpoint = Endpoint::new(&world.clock, &format!("{base}/events/clusters"))
            .header("x-doorward-key", "wrong");
        let refused = EventGrid::new(endpoint, schema)
            .subscribe()
            .await
            .unwrap_err();
        assert!(
            matches!(
                refused,
                Unvalidated::Status(401) | Unvalidated::NotAllowed(_)
            ),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn an_action_group_whose_key_stands_in_the_query_opens_for_what_we_own() {
    let (world, base, _stop) = listening().await;
    let key = KEY.replace(' ', "%20");
    let group = ActionGroup::new(Endpoint::new(
        &world.clock,
        &format!("{base}/events/logs?key={key}"),
    ));
    let alert = Alert::refused(&Registry::new(REGISTRY), caller(), world.clock.now());
    assert_eq!(group.send(&alert).await.statuses(), [202]);
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_forwarder_delivers_good_rows_beside_a_bad_one() {
    for form in [Form::Records, Form::Lines] {
        let (world, base, _stop) = listening().await;
        let endpoint = Endpoint::new(&world.clock, &format!("{base}/events/logs"))
            .header("x-doorward-key", KEY);
        let row = |address: &str, status| {
            login_event(
                &Registry::new(REGISTRY),
                address.parse().unwrap(),
                status,
                world.clock.now(),
            )
        };
        let rows = [
            row(STRANGER, 200),
            json!("not a record at all"),
            row(OURS, 403),
        ];
        assert_eq!(
            Forwarder::new(endpoint, form).forward(&rows).await.ending,
            Ending::Delivered
        );
        world.settle().await;
        assert_eq!(world.entries(), [OURS], "{form:?}");
    }
}
