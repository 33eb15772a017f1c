//! Manners towards Azure Resource Manager: when it refuses, when it is busy, when its patience runs low.

use crate::world::{OURS, REGISTRY, World};
use doorward::domain::ledger::What;
use doorward::sim::{Call, Fault, Knobs, Outcome, Recorded, Writes};
use doorward::store;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn circuit(world: &World) -> String {
    let text = world.app.metrics.render();
    let line = text
        .lines()
        .find(|line| line.starts_with("doorward_circuit{"));
    line.unwrap_or_default()
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn patches(world: &World) -> Vec<Recorded> {
    world.azure.requests_of(Call::PatchRegistry)
}

#[tokio::test]
async fn after_failures_in_a_row_nothing_is_added_for_a_while() {
    let world = World::new().await;
    let throttled = Fault::Throttled {
        retry_after: SECOND,
    };
    world
        .azure
        .knobs(|knobs| knobs.always(Call::PatchRegistry, throttled));
    world.denied(OURS).await;
    world.pass(20 * SECOND).await;
    assert_eq!((patches(&world).len(), circuit(&world).as_str()), (5, "2"));
    world.pass(50 * SECOND).await;
    assert_eq!(patches(&world).len(), 5);
    // One attempt, which begins at a read, and again none for a while.
    world.pass(30 * SECOND).await;
    assert_eq!((patches(&world).len(), circuit(&world).as_str()), (6, "2"));
    world.azure.knobs(Knobs::no_faults);
    world.pass(60 * SECOND).await;
    assert_eq!(
        (world.entries(), circuit(&world).as_str()),
        (vec![OURS.to_owned()], "0")
    );
}

#[tokio::test]
async fn what_is_over_is_taken_away_while_nothing_is_added() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.pass(598 * SECOND).await;
    let throttled = Fault::Throttled {
        retry_after: SECOND,
    };
    world
        .azure
        .knobs(|knobs| knobs.always(Call::PatchRegistry, throttled));
    world.pass(180 * SECOND).await;
    assert_eq!(circuit(&world), "2");
    let tries: Vec<i64> = patches(&world)
        .iter()
        .map(|patch| patch.at.as_second())
        .collect();
    let pauses = tries[2..].windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.max().unwrap() <= 31, "{tries:?}");
    world.azure.knobs(Knobs::no_faults);
    world.pass(31 * SECOND).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn a_removal_that_azure_fails_at_slows_down_and_says_why() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.azure.knobs(|knobs| {
        knobs.writes = Writes::Asynchronous {
            takes: SECOND,
            retry_after: SECOND,
            outcome: Outcome::Failed,
        };
    });
    world.jump(60 * 60 * SECOND);
    world.pass(120 * SECOND).await;
    let tries = patches(&world).len();
    assert!((5..=10).contains(&tries), "{tries}");
    assert_eq!(world.messages(), ["overdue"]);
    assert!(world.last_message("text").contains("RegistryUpdateFailed"));
}

#[tokio::test]
async fn an_operation_that_takes_long_does_not_keep_the_alarm_from_ringing() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.azure.knobs(|knobs| {
        knobs.writes = Writes::Asynchronous {
            takes: 200 * SECOND,
            retry_after: SECOND,
            outcome: Outcome::Succeeded,
        };
    });
    world.jump(60 * 60 * SECOND);
    let end = world.clock.now();
    world.settle().await;
    assert!(world.entries().is_empty());
    let told = world.app.ledger.entries(0, 10_000).await.unwrap();
    let alarm = told.iter().find(
        |entry| matches!(store::what(entry).unwrap(), What::Alerted(it) if it.code == "overdue"),
    );
    let late = alarm.unwrap().at.duration_since(end);
    assert!(late.as_secs() <= 80, "{late:#}");
}

#[tokio::test]
async fn a_link_that_tells_nothing_holds_nobody_up() {
    let world = World::new().await;
    let broken = Fault::Status {
        status: 500,
        retry_after: None,
    };
    world.azure.knobs(|knobs| {
        knobs.writes = Writes::Asynchronous {
            takes: SECOND,
            retry_after: SECOND,
            outcome: Outcome::Succeeded,
        };
        knobs.always(Call::GetOperation, broken);
    });
    let begun = world.clock.now();
    world.denied(OURS).await;
    world.pass(40 * SECOND).await;
    assert!(world.clock.now().duration_since(begun).as_secs() < 90);
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(patches(&world).len(), 1);
}

#[tokio::test]
async fn a_removal_that_is_lost_on_its_way_is_made_up_for_within_the_minute() {
    for lost in [
        Fault::LostBefore,
        Fault::Status {
            status: 503,
            retry_after: None,
        },
    ] {
        let world = World::new().await;
        world.denied(OURS).await;
        world.settle().await;
        world.pass(599 * SECOND).await;
        world
            .azure
            .knobs(|knobs| knobs.next(Call::PatchRegistry, lost.clone()));
        world.pass(SECOND).await;
        assert_eq!(world.entries(), [OURS], "{lost:?}");
        world.pass(45 * SECOND).await;
        assert!(world.entries().is_empty(), "{lost:?}");
        assert!(world.messages().is_empty());
    }
}

#[tokio::test]
async fn a_lost_write_of_a_grant_that_is_revoked_is_looked_for_without_haste() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.next(Call::PatchRegistry, Fault::LostBefore));
    world.denied(OURS).await;
    world.settle().await;
    let order = serde_json::json!({ "all": true, "by": "ada" });
    world.order("/api/v1/grants/revoke", order).await;
    world.pass(40 * SECOND).await;
    let before = world.azure.requests_of(Call::GetRegistry).len();
    world.pass(300 * SECOND).await;
    let reads = world.azure.requests_of(Call::GetRegistry).len() - before;
    assert!((10..=20).contains(&reads), "{reads} reads in five minutes");
    world.pass(600 * SECOND).await;
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn a_registry_that_is_busy_is_read_again_before_the_next_attempt() {
    let world = World::new().await;
    let busy = Fault::Status {
        status: 409,
        retry_after: None,
    };
    world
        .azure
        .knobs(|knobs| knobs.next(Call::PatchRegistry, busy));
    world.denied(OURS).await;
    world.pass(5 * SECOND).await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.after_the_first_patch(), Call::GetRegistry);
}

#[tokio::test]
async fn polling_slows_down_while_little_patience_is_left() {
    let mut counts = Vec::new();
    for remaining_reads in [249, 20] {
        let world = World::new().await;
        world.azure.edit(REGISTRY, "owner", |_| {});
        world.azure.knobs(|knobs| {
            knobs.remaining_reads = remaining_reads;
            knobs.writes = Writes::Asynchronous {
                takes: 60 * SECOND,
                retry_after: Duration::ZERO,
                outcome: Outcome::Succeeded,
            };
        });
        world.denied(OURS).await;
        world.settle().await;
        assert_eq!(world.entries(), [OURS]);
        counts.push(world.azure.requests().len());
    }
    assert!(
        counts[1] * 2 < counts[0],
        "requests for an operation of a minute with much and with little patience left: {counts:?}"
    );
}
