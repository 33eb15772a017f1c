//! Load from outside: a client of its own, doorward as a process, and beside it in the same run an axum
//! handler that reads the body and answers, one that parses it whole, and FastAPI where it is installed.
//!
//! `cargo run --release --example load` measures the `doorward` that was built beside it (build it first:
//! `cargo build --release --bin doorward`), prints the tables of `docs/benchmarks.md`, worst first, and takes
//! some minutes. Behind `--`: words choose wordings by name, `flood` adds a flood of a million addresses.
//! FastAPI runs under `DOORWARD_PYTHON`, or `python3`, if that has fastapi, uvicorn and orjson.
//!
//! CPU is what the kernel counts for each server's process (`/proc/PID/stat`, so Linux only). Client and
//! servers share the machine: ratios within a run are what counts, and of several rounds the best.
#![expect(
    clippy::print_stdout,
    reason = "it prints what it measured, and that is all it does"
)]

mod beside;
mod bodies;
mod client;
mod flood;
mod measure;
mod process;

use anyhow::Context;
use bodies::Load;
use measure::{Measured, Servers};
use process::Installation;

/// The registry that all denials are about.
const REGISTRY: &str = "fabrikam";
/// The address that somebody owns.
const OURS: &str = "20.61.10.4";
/// What the sender proves itself with.
const KEY: &str = "a key that sender and receiver know";

fn main() -> anyhow::Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match asked.split_first() {
        // This program is its own servers as well, each a process.
        Some((serve, rest)) if serve == "serve" => {
            let parses = rest.first().is_some_and(|which| which == "parse");
            runtime.block_on(beside::serve(parses))
        }
        _ => runtime.block_on(measure_all(&asked)),
    }
}

async fn measure_all(asked: &[String]) -> anyhow::Result<()> {
    let installation = Installation::new().await?;
    let servers = Servers::start(&installation).await?;
    let wanted = |load: &Load| {
        let mut words = asked.iter().filter(|word| *word != "flood").peekable();
        words.peek().is_none() || words.any(|word| load.name.contains(word.as_str()))
    };
    println!("## Load\n");
    println!("| what | {} |", servers.head());
    println!("|---|{}", "---:|".repeat(servers.columns()));
    let mut rows: Vec<(f64, String)> = Vec::new();
    for load in bodies::loads()?.into_iter().filter(wanted) {
        let measured: Vec<Option<Measured>> = servers.measure(&load).await?;
        let own = measured.first().and_then(Option::as_ref);
        let cost = own.context("doorward was not measured")?.cpu;
        rows.push((
            cost,
            format!("| {} | {} |", load.name, servers.row(&measured)),
        ));
    }
    rows.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    for (_, row) in rows {
        println!("{row}");
    }
    println!(
        "\ndoorward's process at most: {} MiB\n",
        servers.own().peak()?
    );
    if asked.iter().any(|word| word == "flood") {
        flood::flood(&installation, servers.own()).await?;
    }
    servers.stop().await;
    installation.close().await
}
