//! Load over loopback HTTP, durable, beside a handler that only reads the body and answers: ratios,
//! CPU per record, and two floods of which every denial is accounted for.
//!
//! `cargo run --release --example load`. Client and servers share the machine; what each costs is
//! told apart by its threads (`/proc/self/task`, so Linux only).
#![expect(
    clippy::print_stdout,
    reason = "it prints what it measured, and that is all it does"
)]

mod bodies;
mod flood;
mod measure;
mod place;

use bodies::{Words, mixed_batches, single_denials, unknown_source};
use flood::flood;
use measure::{FOR, ROUNDS, compare, parts};
use place::Place;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const REGISTRY: &str = "contosoprod";
const OURS: &str = "20.61.10.4";
const KEY: &str = "a key that sender and receiver know";
const IN_A_BATCH: usize = 100;

fn main() -> anyhow::Result<()> {
    let serving = runtime("serving", 2)?;
    let sending = runtime("sending", 2)?;
    println!(
        "## Load: the median of {ROUNDS} rounds of {} s; the bare handler reads the body and answers 202\n",
        FOR.as_secs()
    );
    println!(
        "| what | doorward | bare | ratio | CPU a record | of it SQLite's thread | bare | the sender's own |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let kinds = [
        ("registry's rows", Words::Registry),
        ("Container Apps", Words::ContainerApps),
    ];
    let mut costs = Vec::new();
    for (limit, about) in [(200, ""), (100_000, ", all written down")] {
        for (name, words) in kinds {
            let (mixed, single) = (mixed_batches(words), single_denials(words));
            let place = serving.block_on(Place::open(limit))?;
            let cost = compare(
                &format!("records/s in batches of 100 with 30 denials, {name}{about}"),
                &sending,
                &place,
                (&mixed, 64, IN_A_BATCH),
            )?;
            let parts = parts(&serving, &place, &mixed)?;
            costs.push((format!("batches, {name}{about}"), cost, parts));
            let cost = compare(
                &format!("requests/s of one denial, {name}{about}"),
                &sending,
                &place,
                (&single, 128, 1),
            )?;
            let parts = self::parts(&serving, &place, &single)?;
            costs.push((format!("one denial, {name}{about}"), cost, parts));
            serving.block_on(place.close())?;
        }
    }
    println!("\n## Where the time goes: CPU a record, in µs\n");
    println!(
        "| what | all | reading | taking in: sorting, hashing, writing | HTTP, proof and the rest |"
    );
    println!("|---|---:|---:|---:|---:|");
    for (name, all, (reading, taking)) in costs {
        let rest = all - reading - taking;
        println!("| {name} | {all:.2} | {reading:.2} | {taking:.2} | {rest:.2} |");
    }

    floods(&serving, &sending)
}

/// Many denials that are only counted, from few addresses and from many.
fn floods(serving: &Runtime, sending: &Runtime) -> anyhow::Result<()> {
    println!("\n## Floods, in batches of {IN_A_BATCH}, 8 at a time\n");
    let place = serving.block_on(Place::open(200))?;
    let few: Vec<_> = (0..100_000)
        .map(|number| unknown_source(number % 50))
        .collect();
    let name = "100,000 denials from 50 addresses";
    flood(name, sending, &place, (&few, 50))?;
    serving.block_on(place.close())?;
    let place = serving.block_on(Place::open(200))?;
    let many: Vec<_> = (0..200_000).map(unknown_source).collect();
    let name = "200,000 distinct addresses, of which 200 have a place";
    flood(name, sending, &place, (&many, 200))?;
    serving.block_on(place.close())?;
    Ok(())
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(threads).thread_name(name);
    // The time of a thread that has ended would be missing.
    let builder = builder.thread_keep_alive(Duration::from_hours(1));
    Ok(builder.enable_all().build()?)
}
