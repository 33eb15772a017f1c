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

pub(crate) use schedule::schedule;

/// How many schedules run with the tests.
#[cfg(test)]
const SEEDS: u64 = 40;

#[cfg(test)]
#[tokio::test]
async fn whatever_happens_nothing_of_ours_stays_and_nothing_of_theirs_goes() {
    for seed in 1..=SEEDS {
        let told = schedule(seed).await;
        assert!(told.violations.is_empty(), "seed {seed}: {told:#?}");
    }
}
