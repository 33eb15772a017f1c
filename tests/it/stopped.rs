//! Real processes that share a PostgreSQL database: one is stopped around its PATCH, and the server
//! itself is killed and comes back.

use crate::postgres::{Cluster, database};
use crate::process::{Installation, Process, until_within};
use crate::world::{OURS, REGISTRY, furnished, message};
use clock::Clock;
use doorward_core::ledger::event::{LedgerEvent, WriteOutcome};
use doorward_sim::{Call, Hold, Moment, Sim};
use std::time::Duration;

/// A lease, its write's deadline, and the time after which an unseen write is given up.
const LONG: Duration = Duration::from_mins(3);

/// The correlation id of each PATCH that Azure saw.
fn patches(azure: &Sim) -> Vec<String> {
    let id = |patch: doorward_sim::Recorded| patch.headers["x-ms-correlation-request-id"].clone();
    azure
        .requests_of(Call::PatchRegistry)
        .into_iter()
        .map(id)
        .collect()
}

/// What the ledger reports of writes: begun, and what became of them.
async fn writes(installed: &Installation) -> Vec<(String, &'static str)> {
    let of = |what| match what {
        LedgerEvent::WriteIntended(write) => Some((write.id.to_string(), "begun")),
        LedgerEvent::WriteSettled { write, outcome, .. } => Some((
            write.to_string(),
            match outcome {
                WriteOutcome::Applied { .. } => "applied",
                WriteOutcome::NotApplied { .. } => "not applied",
                WriteOutcome::Lost { .. } => "lost",
            },
        )),
        _ => None,
    };
    installed
        .ledger()
        .await
        .into_iter()
        .filter_map(of)
        .collect()
}

/// Starts a replica and waits until it knows its registry.
async fn started(installed: &Installation, azure: &Sim) -> Process {
    let reads = azure.requests_of(Call::GetRegistry).len();
    let process = installed.serve().await;
    until_within(LONG, "the registry is read", async || {
        azure.requests_of(Call::GetRegistry).len() > reads
    })
    .await;
    process
}

/// Holds the last GET before the PATCH: the one that comes after the intent.
async fn held_before_the_patch(installed: &Installation, azure: &Sim) -> Hold {
    let mut hold = azure.hold(Call::GetRegistry, Moment::After);
    loop {
        hold.reached().await;
        if installed.kinds().await.contains(&"write_intended") {
            return hold;
        }
        let next = azure.hold(Call::GetRegistry, Moment::After);
        hold.release();
        hold = next;
    }
}

/// `first` is stopped with a call held, which is let go; another process opens what was granted. Then both
/// go on, and another denial, at the one that was stopped, is opened once.
async fn overtaken_while_stopped(
    first: &Process,
    hold: Hold,
    installed: &Installation,
    azure: &Sim,
) -> Process {
    first.signal("STOP").await;
    hold.release();
    let second = started(installed, azure).await;
    until_within(LONG, "the other one opens", async || {
        installed.kinds().await.contains(&"opened")
    })
    .await;
    first.signal("CONT").await;
    first.deliver(message("20.61.10.16")).await;
    until_within(LONG, "the next one is open", async || {
        azure.entries(REGISTRY).len() == 2
    })
    .await;
    second
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_stopped_before_its_patch_sends_nothing_when_it_goes_on() {
    let Some(database) = database().await else {
        return;
    };
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h").on(&database);
    let first = started(&installed, &azure).await;
    let (hold, ()) = tokio::join!(
        held_before_the_patch(&installed, &azure),
        first.deliver(message(OURS))
    );
    let second = overtaken_while_stopped(&first, hold, &installed, &azure).await;
    let writes = writes(&installed).await;
    let (lost, seen) = (&writes[0].0, patches(&azure));
    assert_eq!(writes[1], (lost.clone(), "lost"), "{writes:?}");
    assert_eq!(writes[3].1, "applied", "{writes:?}");
    assert!(
        !seen.contains(lost),
        "a PATCH was sent without a lease: {seen:?} {writes:?}"
    );
    assert_eq!(seen.len(), 2, "{seen:?} {writes:?}");
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_writer_stopped_after_its_patch_has_done_is_seen_by_the_other() {
    let Some(database) = database().await else {
        return;
    };
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h").on(&database);
    let first = started(&installed, &azure).await;
    let hold = azure.hold(Call::PatchRegistry, Moment::Before);
    first.deliver(message(OURS)).await;
    hold.reached().await;
    let second = overtaken_while_stopped(&first, hold, &installed, &azure).await;
    let (writes, seen) = (writes(&installed).await, patches(&azure));
    assert_eq!(writes[0].0, seen[0]);
    assert_eq!(writes[1], (seen[0].clone(), "applied"), "{writes:?}");
    assert_eq!(seen.len(), 2, "a PATCH was sent again: {seen:?} {writes:?}");
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_dies_and_comes_back_costs_nothing_that_was_acknowledged() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let database = cluster.database().await;
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h").on(&database);
    let process = started(&installed, &azure).await;
    let mut acknowledged = Vec::new();
    let mut address = (16..20).map(|last| format!("20.61.10.{last}"));
    for outage in 0..2 {
        let taken = address.next().unwrap();
        process.deliver(message(&taken)).await;
        acknowledged.push(taken);
        // At once: whatever it was about to do with it is broken off.
        cluster.stop();
        let refused = process.offer(message("20.61.10.4")).await;
        assert_eq!(refused, 503, "outage {outage}");
        cluster.start_again();
        let taken = address.next().unwrap();
        until_within(LONG, "it takes deliveries again", async || {
            process.offer(message(&taken)).await == 202
        })
        .await;
        acknowledged.push(taken);
    }
    until_within(LONG, "all that was acknowledged is open", async || {
        azure.entries(REGISTRY).len() >= 4
    })
    .await;
    let mut entries = azure.entries(REGISTRY);
    entries.sort();
    assert_eq!(entries, acknowledged);
    until_within(LONG, "the last write is settled", async || {
        let kinds = installed.kinds().await;
        let count = |kind| kinds.iter().filter(|other| **other == kind).count();
        count("write_intended") == count("write_settled") && count("opened") == 4
    })
    .await;
    installed.kinds().await;
}
