//! How long a good delivery takes beside six hundred hostile connections, at a running doorward.
//!
//! `cargo run --release --example flood -- 127.0.0.1:8080 SOURCE`, with the source's key in `KEY`. The
//! connections are opened from loopback addresses, so that both must be on one machine.
#![expect(
    clippy::print_stdout,
    reason = "it prints what it measured, and that is all it does"
)]

#[path = "../tests/it/hostile.rs"]
mod hostile;

use anyhow::{Context, ensure};
use hostile::{KINDS, Kind, connect, hostile};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How many hostile connections there are.
const MANY: usize = 600;

/// How many deliveries are measured.
const DELIVERIES: u8 = 20;

#[tokio::main]
#[expect(
    clippy::disallowed_methods,
    reason = "the key is this program's own setting"
)]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "give the listener's address, and a source's name";
    let to: SocketAddr = arguments.next().context(usage)?.parse()?;
    let source = arguments.next().context(usage)?;
    let key = std::env::var("KEY").context("`KEY` is not set")?;
    println!("| what | from | median | longest |\n|---|---:|---:|---:|");
    let each = KINDS.map(|kind| (format!("{kind:?}"), vec![kind]));
    for (name, kinds) in each.into_iter().chain([("all".to_owned(), KINDS.to_vec())]) {
        for addresses in [1, 40] {
            let (median, longest) = beside(&kinds, addresses, (to, &source, &key)).await?;
            println!("| {name} | {addresses} | {median:?} | {longest:?} |");
        }
    }
    Ok(())
}

/// The median and the longest time of some deliveries beside connections of these kinds.
async fn beside(
    kinds: &[Kind],
    addresses: u8,
    (to, source, key): (SocketAddr, &str, &str),
) -> anyhow::Result<(Duration, Duration)> {
    let peers = hostile(kinds, MANY, addresses, to);
    // All of them are there.
    tokio::time::timeout(Duration::from_secs(2), std::future::pending::<()>())
        .await
        .ok();
    let mut times = Vec::new();
    for number in 1..=DELIVERIES {
        let text = format!("denied: client with IP '20.1.2.{number}' is not allowed access.");
        let started = Instant::now();
        let mut stream = connect(1, to).await?;
        let request = format!(
            "POST /events/{source} HTTP/1.1\r\nhost: {to}\r\nx-doorward-key: {key}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await?;
        times.push(started.elapsed());
        let status = heard.lines().next().unwrap_or_default();
        ensure!(status.contains(" 202 "), "it was answered: {status}");
    }
    drop(peers);
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok((median, times.last().copied().unwrap_or_default()))
}
