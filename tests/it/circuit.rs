//! Manners towards Azure Resource Manager: when it refuses, when it is busy, when its patience runs low.

use crate::others::taking;
use crate::world::{OURS, REGISTRY, World};
use doorward::store;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Ending;
use doorward_sim::{Call, Fault, Knobs, Outcome, Recorded};
use serde_json::json;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// The first address of our NAT gateway's prefix.
const ANOTHER: &str = "20.61.10.16";

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

fn reads(world: &World) -> usize {
    world.azure.requests_of(Call::GetRegistry).len()
}

fn status(status: u16, retry_after: Duration) -> Fault {
    let retry_after = Some(retry_after);
    Fault::Status {
        status,
        retry_after,
    }
}

/// What `count` says of a world that goes through `story` with much patience left, and with little.
async fn with_much_and_with_little(
    story: impl AsyncFn(&World),
    count: impl Fn(&World) -> usize,
) -> [usize; 2] {
    let mut counts = [0; 2];
    for (count_of, remaining) in counts.iter_mut().zip([249, 20]) {
        let world = World::with(|setup| {
            setup.config["registries"][0]["drift"] = json!({ "every": "30s" });
        })
        .await;
        world.azure.knobs(|knobs| knobs.remaining_reads = remaining);
        world.settle().await;
        story(&world).await;
        *count_of = count(&world);
    }
    counts
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
        knobs.writes = taking(1, 1, Outcome::Failed);
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
        knobs.writes = taking(200, 1, Outcome::Succeeded);
    });
    world.jump(60 * 60 * SECOND);
    let end = world.clock.now();
    world.pass(210 * SECOND).await;
    assert!(world.entries().is_empty());
    let told = world.app.ledger.entries(0, 10_000).await.unwrap();
    // Reads beside the operation show that it stands.
    let alarm = told
        .iter()
        .find_map(|entry| match store::what(entry).unwrap() {
            LedgerEvent::Alerted(alert) => Some((entry.at, alert.code)),
            _ => None,
        });
    let (at, code) = alarm.unwrap();
    assert_eq!(code, "overdue");
    let late = at.duration_since(end);
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
        knobs.writes = taking(1, 1, Outcome::Succeeded);
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
            knobs.writes = taking(60, 0, Outcome::Succeeded);
        });
        world.denied(OURS).await;
        world.pass(80 * SECOND).await;
        assert_eq!(world.entries(), [OURS]);
        counts.push(world.azure.requests().len());
    }
    assert!(
        counts[1] * 2 < counts[0],
        "requests for an operation of a minute with much and with little patience left: {counts:?}"
    );
}

#[tokio::test]
async fn a_refusal_that_asks_for_patience_gets_it_in_seconds_or_by_date() {
    let minute = 60 * SECOND;
    for (call, seconds) in [
        (Call::GetRegistry, true),
        (Call::GetRegistry, false),
        (Call::PatchRegistry, true),
        (Call::PatchRegistry, false),
    ] {
        let world = World::new().await;
        world.settle().await;
        let fault = if seconds {
            Fault::Throttled {
                retry_after: minute,
            }
        } else {
            Fault::ThrottledUntil(clock::add(world.clock.now(), minute))
        };
        world.azure.knobs(|knobs| knobs.next(call, fault));
        world.denied(OURS).await;
        world.settle().await;
        let asked = world.azure.requests().len();
        world.pass(59 * SECOND).await;
        assert_eq!(world.azure.requests().len(), asked, "{call:?}, {seconds}");
        world.pass(SECOND).await;
        assert_eq!(world.entries(), [OURS], "{call:?}, {seconds}");
    }
}

#[tokio::test]
async fn patience_is_also_had_after_a_conflict_and_after_a_write_of_unknown_fate() {
    for code in [409, 503] {
        let world = World::new().await;
        world
            .azure
            .knobs(|knobs| knobs.next(Call::PatchRegistry, status(code, 60 * SECOND)));
        world.denied(OURS).await;
        world.settle().await;
        let asked = world.azure.requests().len();
        world.pass(59 * SECOND).await;
        assert_eq!(world.azure.requests().len(), asked, "{code}");
        world.pass(5 * SECOND).await;
        assert_eq!(world.entries(), [OURS], "{code}");
    }
}

#[tokio::test]
async fn what_is_over_waits_half_a_minute_whatever_azure_asks_for() {
    for code in [409, 429, 503] {
        let world = World::new().await;
        world.denied(OURS).await;
        world.settle().await;
        world.pass(599 * SECOND).await;
        world
            .azure
            .knobs(|knobs| knobs.next(Call::PatchRegistry, status(code, 600 * SECOND)));
        world.pass(SECOND).await;
        assert_eq!(world.entries(), [OURS], "{code}");
        // After 503 the write may still land, so that the next one waits longer.
        let bound = if code == 503 { 45 } else { 31 };
        world.pass(bound * SECOND).await;
        assert!(world.entries().is_empty(), "{code}");
    }
}

#[tokio::test]
async fn an_end_that_falls_into_a_long_pause_of_adding_is_kept() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.pass(540 * SECOND).await;
    world
        .azure
        .knobs(|knobs| knobs.next(Call::PatchRegistry, status(409, 300 * SECOND)));
    world.denied(ANOTHER).await;
    world.settle().await;
    world.pass(59 * SECOND).await;
    assert_eq!(
        (world.entries(), patches(&world).len()),
        (vec![OURS.to_owned()], 2)
    );
    world.pass(2 * SECOND).await;
    assert!(!world.entries().contains(&OURS.to_owned()));
}

#[tokio::test]
async fn few_writes_left_slow_adding_and_not_removing() {
    let world = World::new().await;
    world.azure.knobs(|knobs| knobs.remaining_writes = 20);
    world.denied(OURS).await;
    world.settle().await;
    world.pass(SECOND).await;
    world.denied(ANOTHER).await;
    world.settle().await;
    world.pass(14 * SECOND).await;
    assert_eq!(world.entries(), [OURS]);
    world.pass(2 * SECOND).await;
    assert_eq!(world.entries(), [OURS, ANOTHER]);
    world.pass(583 * SECOND).await;
    assert_eq!(world.entries(), [ANOTHER]);
    world.pass(SECOND).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn looks_at_a_registry_are_put_off_while_few_reads_are_left_but_not_for_long() {
    let [much, little] =
        with_much_and_with_little(async |world| world.pass(600 * SECOND).await, reads).await;
    assert!(
        much >= 20 && little < much - 5 && little >= 5,
        "{much}, {little}"
    );
}

#[tokio::test]
async fn reads_for_verdicts_are_put_off_while_few_reads_are_left() {
    let story = async |world: &World| {
        world.azure.knobs(|knobs| {
            knobs.always(Call::GetRegistry, status(503, 600 * SECOND));
        });
        // The next look fails, and then nobody but verdicts asks.
        world.pass(61 * SECOND).await;
        for unknown_source in ["51.140.7.9", "51.140.7.10"] {
            world.denied(unknown_source).await;
            world.pass(31 * SECOND).await;
        }
    };
    let after = |world: &World| {
        let all = world.azure.requests_of(Call::GetRegistry);
        let now = world.clock.now();
        let late = all
            .iter()
            .filter(|read| now.duration_since(read.at).as_secs() <= 62);
        late.count()
    };
    // One that cannot be read is left alone for as long as Azure asks, whoever is refused meanwhile. With
    // little left, the read before all that is still believed.
    assert_eq!(with_much_and_with_little(story, after).await, [1, 0]);
}

/// The next write takes a minute, and its reply is lost.
fn lose_the_next(world: &World) {
    world.azure.knobs(|knobs| {
        knobs.writes = taking(60, 0, Outcome::Succeeded);
        knobs.next(Call::PatchRegistry, Fault::LostAfter);
    });
}

#[tokio::test]
async fn a_registry_that_is_being_updated_is_read_less_often_while_few_reads_are_left() {
    let adding = async |world: &World| {
        lose_the_next(world);
        world.denied(OURS).await;
        world.settle().await;
        world.pass(40 * SECOND).await;
    };
    let [much, little] = with_much_and_with_little(adding, reads).await;
    assert!(little * 2 < much, "{much}, {little}");
}

#[tokio::test]
async fn unless_something_is_to_be_removed_from_it() {
    let removing = async |world: &World| {
        world.denied(OURS).await;
        world.settle().await;
        world.pass(599 * SECOND).await;
        lose_the_next(world);
        world.pass(41 * SECOND).await;
    };
    let late = |world: &World| {
        let now = world.clock.now();
        let all = world.azure.requests_of(Call::GetRegistry);
        let late = all
            .iter()
            .filter(|read| now.duration_since(read.at).as_secs() <= 40);
        late.count()
    };
    let [much, little] = with_much_and_with_little(removing, late).await;
    assert!(much >= 15 && little + 2 >= much, "{much}, {little}");
}

#[tokio::test]
async fn an_end_that_falls_into_an_outage_of_azure_is_kept_at_once_after_it() {
    let down = || status(503, 5 * SECOND);
    for (read, write, bound, code) in [
        (Some(down()), down(), 31, "end_unknown"),
        (
            Some(Fault::LostBefore),
            Fault::LostBefore,
            31,
            "end_unknown",
        ),
        // Each of these may still land, and is given half a minute to.
        (None, Fault::LostBefore, 45, "overdue"),
    ] {
        let world = World::new().await;
        world.denied(OURS).await;
        world.settle().await;
        world.pass(595 * SECOND).await;
        let told = format!("{read:?}, {write:?}");
        world.azure.knobs(|knobs| {
            if let Some(read) = read {
                knobs.always(Call::GetRegistry, read);
            }
            knobs.always(Call::PatchRegistry, write);
        });
        world.pass(600 * SECOND).await;
        assert_eq!(world.entries(), [OURS], "{told}");
        assert_eq!(world.messages(), [code, code], "{told}");
        world.azure.knobs(Knobs::no_faults);
        world.pass(bound * SECOND).await;
        assert!(world.entries().is_empty(), "{told}");
        assert_eq!(world.endings().await, [Ending::Expired], "{told}");
    }
}
