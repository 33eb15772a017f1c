//! Seeded schedules of refusals, faults, hostile writers, stale reads, jumps of time, cuts and
//! restarts; what must hold holds at every step.
//!
//! A share of them runs with all tests; `cargo run --release --example faults -- --seeds N` runs as
//! many as one likes.

mod cut;
mod dice;
mod judge;
mod others;
mod schedule;

pub(crate) use schedule::{Store, schedule};

/// How many schedules run with the tests.
#[cfg(test)]
const SEEDS: u64 = 40;

/// And how many with two replicas on one database.
#[cfg(test)]
const SEEDS_OF_REPLICAS: u64 = 8;

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
