//! What anybody can cause more of has an upper bound, and our own addresses keep their share of it.

use crate::world::{KEY, OURS, REGISTRY, World, ask_freely, message};
use doorward::flow::decide::triage;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::{Action, NoteCode};
use serde_json::json;
use std::net::Ipv4Addr;
use std::time::Duration;

/// A world in which hundreds of unknown sources are no flood yet, and whose policy ends in `default`.
async fn world(default: &str, ours: &str) -> World {
    let world = World::with(|setup| {
        setup.config["sources"][0]["rate_per_second"] = json!(100_000);
        setup.config["registries"][0]["max_unknown_addresses"] = json!(5000);
        ask_freely(setup);
        let allow = "then: allow, for: 10m";
        assert!(setup.policy.contains(allow));
        setup.policy = setup.policy.replace(allow, ours) + &format!("default: {default}\n");
    });
    let world = world.await;
    world.settle().await;
    world
}

/// So many unknown sources are refused, none of them before.
async fn unknown_sources(world: &World, numbers: std::ops::Range<u32>) {
    let from = u32::from(Ipv4Addr::new(51, 0, 0, 0));
    let denied = |number| json!({ "log": message(&Ipv4Addr::from(from + number).to_string()) });
    let records: Vec<_> = numbers.map(denied).collect();
    let body = json!({ "records": records }).to_string();
    let reply = world.deliver("clusters", &body).await;
    assert_eq!(reply.status, 202, "{}: {KEY}", reply.text);
}

/// How many verdicts ended in asking, and in alerting because of a note.
async fn verdicts(world: &World, code: NoteCode) -> (usize, usize) {
    let (mut asked, mut noted) = (0, 0);
    for what in world.ledger().await {
        if let LedgerEvent::Decided { verdict, .. } = what {
            asked += usize::from(verdict.action == Action::Ask);
            noted += usize::from(verdict.notes.iter().any(|note| note.code == code));
        }
    }
    (asked, noted)
}

#[tokio::test]
async fn people_are_asked_about_five_hundred_unknown_sources_at_once_and_about_our_own_beside_them()
{
    let world = world("ask", "then: ask").await;
    unknown_sources(&world, 0..600).await;
    world.settle().await;
    let code = NoteCode::TooManyRequests;
    assert_eq!(verdicts(&world, code).await, (500, 100));
    let told = world.messages();
    let count = |code: &str| told.iter().filter(|told| *told == code).count();
    assert_eq!((count("ask"), count("too_many_requests")), (500, 100));

    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(verdicts(&world, code).await, (501, 100));
    assert_eq!(world.last_message("address"), OURS);

    // Questions that nobody answers end, and make room.
    world.jump(Duration::from_hours(25));
    world.settle().await;
    unknown_sources(&world, 600..601).await;
    world.settle().await;
    assert_eq!(verdicts(&world, code).await, (502, 100));
}

#[tokio::test]
async fn a_thousand_messages_of_unknown_sources_wait_and_those_of_our_own_beside_them() {
    let world = world("alert", "then: ask").await;
    let waiting = || world.app.ledger.read(|state| state.outbox.len());
    unknown_sources(&world, 0..1200).await;
    triage::run_once(&world.app).await.unwrap();
    assert_eq!(waiting(), 1000);
    // Every one of them has its verdict all the same.
    let decided = world.kinds().await;
    let decided = decided.iter().filter(|kind| **kind == "decided").count();
    assert_eq!(decided, 1200);

    world.denied(OURS).await;
    triage::run_once(&world.app).await.unwrap();
    assert_eq!(waiting(), 1001);
    world.settle().await;
    assert_eq!((waiting(), world.messages().len()), (0, 1001));
    assert!(world.entries().is_empty(), "{REGISTRY} stays closed");
}
