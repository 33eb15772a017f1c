//! Seeded schedules of refusals, faults, hostile writers, stale reads, jumps of time, cuts and
//! restarts; what must hold holds at every step.
//!
//! A share of them runs with all tests; `cargo run --release --example faults -- --seeds N` runs as
//! many as one likes.

pub(crate) mod cut;
mod dice;
mod judge;
mod others;
mod schedule;
mod truth;

pub(crate) use schedule::{Store, schedule};

#[cfg(test)]
use crate::world::{OURS, REGISTRY, World};
#[cfg(test)]
use doorward_sim::Call;
#[cfg(test)]
use std::time::Duration;

/// How many schedules run with the tests.
#[cfg(test)]
const SEEDS: u64 = 140;

/// And how many with two replicas on one database.
#[cfg(test)]
const SEEDS_OF_REPLICAS: u64 = 24;

#[cfg(test)]
#[tokio::test]
async fn whatever_happens_nothing_of_ours_stays_and_nothing_of_theirs_goes() {
    for seed in 1..=SEEDS {
        let told = schedule(seed, Store::Sqlite).await.unwrap();
        assert!(told.violations.is_empty(), "seed {seed}: {told:#?}");
    }
}

#[cfg(test)]
#[tokio::test]
async fn whatever_happens_to_two_replicas_it_is_the_same() {
    for seed in 1..=SEEDS_OF_REPLICAS {
        let Some(told) = schedule(seed, Store::Postgres).await else {
            return;
        };
        assert!(told.violations.is_empty(), "seed {seed}: {told:#?}");
    }
}

/// One life of an entry: refused, opened, ended; cut short after each number of polls in turn, at the
/// opening and at the end.
#[cfg(test)]
#[tokio::test]
async fn wherever_it_is_killed_the_entry_comes_once_and_goes() {
    for at_the_end in [false, true] {
        let mut polls = 0;
        let mut killed = true;
        while killed {
            let mut world = World::new().await;
            world
                .azure
                .edit(REGISTRY, "owner", |it| it.allow("8.8.8.8"));
            world.denied(OURS).await;
            if at_the_end {
                world.settle().await;
                world.jump(Duration::from_mins(10));
            }
            killed = !cut::short(world.settle(), polls).await;
            world.restart().await;
            if !at_the_end {
                world.pass(Duration::from_secs(40)).await;
                let open = world.entries();
                assert_eq!(open, ["8.8.8.8", OURS], "killed after {polls} polls");
                world.jump(Duration::from_mins(10));
            }
            world.pass(Duration::from_secs(40)).await;
            let left = world.entries();
            assert_eq!(left, ["8.8.8.8"], "killed after {polls} polls");
            let writes = world.azure.requests_of(Call::PatchRegistry).len();
            assert!(writes <= 3, "{writes} writes, killed after {polls} polls");
            world.app.ledger.verify().await.unwrap();
            polls += 1;
        }
        assert!(polls > 10, "{polls}");
    }
}
