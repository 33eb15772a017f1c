//! Two replicas on one PostgreSQL database: what arrives at both is decided once, each limit holds for
//! both together, and one of them writes.

use crate::postgres::{Database, database};
use crate::world::{KEY, OURS, REGISTRY, World, message, row, settle};
use axum::body::Body;
use axum::http::Request;
use doorward::flow::app::App;
use doorward::flow::decide::triage;
use doorward::flow::registry::reconcile;
use doorward::http::public_router;
use doorward_core::ledger::event::{LedgerEvent, WriteOutcome};
use doorward_core::policy::verdict::Action;
use doorward_sim::{Call, Moment};
use futures_util::future::{join, join_all};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// A world with a rule for a network of ours, and its replica.
async fn two(database: &Database, limit: &str, grants_per_hour: u32) -> (World, Arc<App>) {
    let world = World::on(database, |setup| {
        setup.policy = format!(
            "version: 1\nrules: [{{ name: office, when: {{ address: {{ cidrs: [20.77.1.0/24] }} }}, then: allow, for: 30m{limit} }}]"
        );
        setup.config["registries"][0]["grants_per_hour"] = json!(grants_per_hour);
    });
    let world = world.await;
    let replica = world.replica().await;
    settle(&world.app).await;
    settle(&replica).await;
    (world, replica)
}

async fn deliver(app: &Arc<App>, source: &str, body: String) -> u16 {
    let kind = if body.starts_with('{') {
        "application/json"
    } else {
        "text/plain"
    };
    let request = Request::post(format!("/events/{source}"))
        .header("x-doorward-key", KEY)
        .header("content-type", kind)
        .body(Body::from(body));
    let reply = public_router(Arc::clone(app))
        .oneshot(request.unwrap())
        .await;
    reply.unwrap().status().as_u16()
}

async fn allowed(world: &World) -> usize {
    let is_allowed = |what: &LedgerEvent| matches!(what, LedgerEvent::Decided { verdict, .. } if verdict.action == Action::Allow);
    world
        .ledger()
        .await
        .iter()
        .filter(|what| is_allowed(what))
        .count()
}

async fn count(world: &World, kind: &str) -> usize {
    world
        .kinds()
        .await
        .into_iter()
        .filter(|other| *other == kind)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_to_both_is_decided_once_and_opened_once() {
    let Some(database) = database().await else {
        return;
    };
    let (world, replica) = two(&database, "", 1000).await;
    let addresses: Vec<String> = (1..=20).map(|last| format!("20.77.1.{last}")).collect();
    let to_both = addresses.iter().flat_map(|address| {
        let row = row(address, world.clock.now());
        let texts = [("logs", row), ("clusters", message(address))];
        let both = [&world.app, &replica];
        both.into_iter().flat_map(move |app| {
            texts
                .clone()
                .map(|(source, text)| deliver(app, source, text))
        })
    });
    assert!(join_all(to_both).await.iter().all(|status| *status == 202));
    join(settle(&world.app), settle(&replica)).await;
    settle(&world.app).await;
    assert_eq!(allowed(&world).await, 20);
    assert_eq!(count(&world, "granted").await, 20);
    assert_eq!(count(&world, "opened").await, 20);
    assert_eq!(world.entries().len(), 20);
    let patches = world.azure.requests_of(Call::PatchRegistry).len();
    assert_eq!(patches, count(&world, "write_intended").await);
    settle(&replica).await;
    assert!(world.app.ledger.read(Clone::clone) == replica.ledger.read(Clone::clone));
    world.app.ledger.verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_for_both_together() {
    for (limit, per_hour, expected) in [("", 8, 8), (", max_active: 7", 1000, 7)] {
        let Some(database) = database().await else {
            return;
        };
        let (world, replica) = two(&database, limit, per_hour).await;
        // Half of them arrive here, half there, each is decided at once, and nobody waits for the other.
        let half = async |app: &Arc<App>, addresses: std::ops::Range<u8>| {
            for last in addresses {
                let text = message(&format!("20.77.1.{last}"));
                assert_eq!(deliver(app, "clusters", text).await, 202);
                triage::run_once(app).await.unwrap();
            }
        };
        join(half(&world.app, 1..11), half(&replica, 11..21)).await;
        settle(&world.app).await;
        assert_eq!(count(&world, "decided").await, 20);
        assert_eq!(allowed(&world).await, expected, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_once_whoever_sends_it() {
    let Some(database) = database().await else {
        return;
    };
    let (world, replica) = two(&database, "", 1000).await;
    for last in 1..=5 {
        world.denied(&format!("51.140.7.{last}")).await;
    }
    triage::run_once(&world.app).await.unwrap();
    replica.ledger.follow().await.unwrap();
    join(settle(&world.app), settle(&replica)).await;
    settle(&world.app).await;
    assert_eq!(count(&world, "alerted").await, 5);
    assert_eq!(world.messages().len(), 5, "{:?}", world.messages());
    assert_eq!(database.number("select count(*) from outbox").await, 0);
}

/// Two replicas; the first has granted what was denied, and nothing is written yet.
async fn granted_at_the_first(database: &Database) -> (World, Arc<App>) {
    let world = World::on(database, |_| {}).await;
    let replica = world.replica().await;
    settle(&replica).await;
    settle(&world.app).await;
    world.denied(OURS).await;
    triage::run_once(&world.app).await.unwrap();
    (world, replica)
}

/// Starts a turn of `world` for its registry, and holds it after the last GET before its PATCH.
async fn paused_before_its_patch(world: &World) -> (doorward_sim::Hold, impl Future<Output = ()>) {
    let app = Arc::clone(&world.app);
    let id = app.registries.keys().next().unwrap().clone();
    let first = world.azure.hold(Call::GetRegistry, Moment::After);
    let run_once = tokio_util::task::TaskTracker::new().spawn(async move {
        reconcile::run_once(&app, &id).await.unwrap();
    });
    first.reached().await;
    let second = world.azure.hold(Call::GetRegistry, Moment::After);
    first.release();
    second.reached().await;
    assert_eq!(world.kinds().await.last(), Some(&"write_intended"));
    (second, async { run_once.await.unwrap() })
}

async fn outcomes(world: &World) -> Vec<&'static str> {
    let of = |what| match what {
        LedgerEvent::WriteSettled { outcome, .. } => Some(match outcome {
            WriteOutcome::Applied { .. } => "applied",
            WriteOutcome::NotApplied { .. } => "not applied",
            WriteOutcome::Lost { .. } => "lost",
        }),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_before_the_patch_that_eats_up_the_lease_costs_a_new_turn() {
    let Some(database) = database().await else {
        return;
    };
    let world = World::on(&database, |_| {}).await;
    settle(&world.app).await;
    world.denied(OURS).await;
    triage::run_once(&world.app).await.unwrap();
    let (held, run_once) = paused_before_its_patch(&world).await;
    world.jump(Duration::from_secs(11));
    held.release();
    run_once.await;
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
    assert_eq!(outcomes(&world).await, ["not applied"]);
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(outcomes(&world).await, ["not applied", "applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_replica_writes_the_other_does_not() {
    let Some(database) = database().await else {
        return;
    };
    let (world, replica) = granted_at_the_first(&database).await;
    let (held, run_once) = paused_before_its_patch(&world).await;
    let reads = world.azure.requests_of(Call::GetRegistry).len();
    replica.ledger.follow().await.unwrap();
    let id = replica.registries.keys().next().unwrap();
    let waits = reconcile::run_once(&replica, id).await.unwrap();
    assert!(
        matches!(waits, reconcile::TickOutcome::Again(_)),
        "{waits:?}"
    );
    assert_eq!(world.azure.requests_of(Call::GetRegistry).len(), reads);
    held.release();
    run_once.await;
    assert_eq!(world.entries(), [OURS]);
    settle(&replica).await;
    assert_eq!(outcomes(&world).await, ["applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_writers_lease_passes_on_and_it_writes_nothing_when_it_wakes() {
    let Some(database) = database().await else {
        return;
    };
    let (world, replica) = granted_at_the_first(&database).await;
    let (held, run_once) = paused_before_its_patch(&world).await;
    world.jump(Duration::from_secs(61));
    database.leases_are_over().await;
    settle(&replica).await;
    assert_eq!(world.entries(), [OURS]);
    // Somebody else writes, too; what the first one would send by what it has read would undo it.
    world.azure.edit(REGISTRY, "terraform", |registry| {
        registry.allow("40.74.28.0/23");
    });
    held.release();
    run_once.await;
    settle(&world.app).await;
    assert_eq!(world.entries(), [OURS, "40.74.28.0/23"]);
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 1);
    assert_eq!(outcomes(&world).await, ["lost", "applied"]);
    let written = world
        .ledger()
        .await
        .into_iter()
        .filter_map(|what| match what {
            LedgerEvent::WriteIntended(write) => write.generation,
            _ => None,
        });
    // Looking at a registry takes the lease, too: what counts is that the second holder came right after.
    let written: Vec<i64> = written.collect();
    assert_eq!(written, [written[0], written[0] + 1]);
    world.app.ledger.verify().await.unwrap();
}
