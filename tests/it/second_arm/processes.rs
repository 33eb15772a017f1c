//! Real processes before this Resource Manager, told to stop while one of its operations never ends.

use super::SECOND;
use super::fake::{Answers, Does, Fake, Registry};
use crate::channels::{Peer, hangs, takes};
use crate::postgres::database;
use crate::process::{Installation, Process, until, until_within};
use crate::world::{OURS, STRANGER, furnished, message};
use clock::Clock;
use doorward_sim::Sim;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a process may take to end by default: `shutdown_timeout`, and a little.
const ENDS_WITHIN: Duration = Duration::from_secs(12);

/// One whose first write is an operation that never ends and does nothing.
async fn endless() -> (Sim, Fake) {
    let clock = Clock::system();
    let (azure, arm) = (
        furnished(&clock).await,
        Fake::start(Registry::default()).await,
    );
    arm.keeps(&clock);
    arm.next_writes([Does::without_applying(Answers::Endless)]);
    (azure, arm)
}

/// A program whose policy owns our address, before `arm`.
fn behind(arm: &Fake, azure: &Sim, change: impl FnOnce(&mut Value)) -> Installation {
    let installed = Installation::with(azure, "1h", |config| {
        let credential = config["azure"]["credential"].take();
        config["azure"] = json!({ "resource_manager": arm.origin, "credential": credential });
        change(config);
    });
    let policy = format!(
        "{{ version: 1, rules: [{{ name: ours, when: {{ address: {{ cidrs: [{OURS}] }} }}, then: allow, for: 1h }}] }}"
    );
    let file = installed.folder.path().join("policies/policy.yaml");
    std::fs::write(file, policy).unwrap();
    installed
}

async fn ends_in_time(process: Process) {
    let asked = Instant::now();
    assert!(process.terminate().await.success());
    assert!(asked.elapsed() < ENDS_WITHIN, "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_stopped_amid_an_endless_operation_hands_over_at_once() {
    let Some(database) = database().await else {
        return;
    };
    let (azure, arm) = endless().await;
    let installed = behind(&arm, &azure, |_| {}).on(&database);
    let first = installed.serve().await;
    first.deliver(message(OURS)).await;
    until("the PATCH is sent", async || arm.patches().len() == 1).await;
    let second = installed.serve().await;
    ends_in_time(first).await;
    // Nobody waits for a lease of the one that is gone: half a minute and the time of a PATCH.
    let left = "select count(*) from lease where free_at > clock_timestamp() + interval '6 s'";
    until_within(6 * SECOND, "the lease is handed back", async || {
        database.number(left).await == 0
    })
    .await;
    // A write that no read shows is given up after half a minute, whoever sent it.
    until_within(40 * SECOND, "the other one opens it", async || {
        arm.entries() == [OURS]
    })
    .await;
    assert_eq!(arm.patches().len(), 2);
    ends_in_time(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_channel_and_an_endless_operation_delay_no_other_channel_and_no_stop() {
    let (hung, peer) = (Peer::that(hangs).await, Peer::that(takes).await);
    let (azure, arm) = endless().await;
    let installed = behind(&arm, &azure, |config| {
        config["channels"] = json!([hung.channel("a-hung-one"), peer.channel("ops")]);
    });
    let process = installed.serve().await;
    process.deliver(message(OURS)).await;
    until("the PATCH is sent", async || arm.patches().len() == 1).await;
    process.deliver(message(STRANGER)).await;
    until_within(5 * SECOND, "the other channel's message", async || {
        peer.got().iter().any(|text| text.contains(STRANGER))
    })
    .await;
    until("the hung one was tried", async || !hung.got().is_empty()).await;
    ends_in_time(process).await;
}
