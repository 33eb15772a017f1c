//! The firewall writer under fire: seeded schedules over the simulated Azure, in simulated time, with
//! hostile writers, faults, stale reads, cuts and restarts. What must hold is judged by what really
//! happened at Azure.
//!
//! `cargo run --release --example faults -- --seeds 2000` ends with 0 only without a violation. A seed
//! tells the same story again: `--from 17 --seeds 1 --tell`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "it tries doorward by force and prints what came of it"
)]

#[path = "../tests/it/faults/mod.rs"]
mod faults;
#[path = "../tests/it/needs.rs"]
mod needs;
#[expect(dead_code, reason = "tests tell more stories with it")]
#[path = "../tests/it/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "tests tell more stories in it")]
#[path = "../tests/it/world.rs"]
mod world;

use clap::Parser;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Runs seeded schedules of faults.
#[derive(Parser)]
struct Arguments {
    /// How many schedules.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many run side by side.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Where the ledger stands: `sqlite` with one process, `postgres` with two replicas.
    #[arg(long, value_enum, default_value = "sqlite")]
    store: faults::Store,
    /// Prints every step of every schedule.
    #[arg(long)]
    tell: bool,
    /// Begins no more schedules once one shows a violation.
    #[arg(long)]
    first: bool,
}

#[derive(Default)]
struct Sum {
    schedules: usize,
    steps: usize,
    writes: usize,
    overwritten: usize,
    alarms: BTreeMap<String, usize>,
    violations: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let (next, sum) = (Arc::new(next), Arc::new(sum));
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| work(&arguments, &next, &sum));
        }
    });
    let sum = sum.lock().unwrap();
    println!(
        "{} schedules, {} steps, {} writes, {} changes of others lost in a gap, alarms judged {:?}, {} violations",
        sum.schedules, sum.steps, sum.writes, sum.overwritten, sum.alarms, sum.violations
    );
    if sum.violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn work(arguments: &Arguments, next: &AtomicU64, sum: &Mutex<Sum>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let enough = arguments.first && sum.lock().unwrap().violations > 0;
        if number >= arguments.seeds || enough {
            return;
        }
        let seed = arguments.from.wrapping_add(number);
        let Some(told) = runtime.block_on(faults::schedule(seed, arguments.store)) else {
            panic!("PostgreSQL is not installed: nothing was tried");
        };
        let mut sum = sum.lock().unwrap();
        sum.schedules += 1;
        sum.steps += told.steps;
        sum.writes += told.writes;
        sum.overwritten += told.overwritten;
        for (code, count) in &told.alarms {
            *sum.alarms.entry(code.clone()).or_default() += count;
        }
        sum.violations += told.violations.len();
        if arguments.tell || !told.violations.is_empty() {
            println!("seed {seed}\n  {}", told.story.join("\n  "));
        }
        for violation in &told.violations {
            println!("  VIOLATION: {violation}");
        }
    }
}
