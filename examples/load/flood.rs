//! A flood of a million distinct addresses with an owned one in its middle: memory, and when that is open.

use crate::bodies::{IN_A_BATCH, flood as batch};
use crate::client::{Until, requests, send};
use crate::process::{Installation, Server};
use crate::{OURS, REGISTRY};
use anyhow::ensure;
use clock::Clock;
use doorward::store::{self, Ledger};
use doorward_core::ledger::event::LedgerEvent;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const ADDRESSES: u32 = 1_000_000;

/// How many are sent at once; the owned one comes beside the middle of these parts.
const PART: u32 = 100_000;

/// Sends the flood and prints what became of it; every denial of it has to be accounted for.
pub(crate) async fn flood(installation: &Installation, server: &Server) -> anyhow::Result<()> {
    let before = tally(installation).await?;
    let began = Instant::now();
    let mut opened = None;
    for part in (0..ADDRESSES).step_by(usize::try_from(PART)?) {
        let each = usize::try_from(IN_A_BATCH)?;
        let bodies = (part..part + PART).step_by(each).map(|first| {
            let address = |number| Ipv4Addr::from(u32::from(Ipv4Addr::new(52, 0, 0, 0)) + number);
            batch((first..first + IN_A_BATCH).map(address))
        });
        let bodies = requests(server.at, server.path, &bodies.collect::<Vec<_>>());
        let sent = send(server.at, bodies, 8, (Until::Once, 300));
        if part == ADDRESSES / 2 {
            let (sent, open) = tokio::join!(sent, open(installation, server));
            sent?;
            opened = Some(open?);
        } else {
            sent.await?;
        }
    }
    let took = began.elapsed().as_secs_f64();
    let accounted = tally(installation).await? - before;
    println!("## A flood of {ADDRESSES} distinct addresses\n");
    println!("- took {took:.0} s; {accounted} denials are accounted for, the owned one among them");
    println!(
        "- the owned address was open after {} ms",
        opened.unwrap_or_default().as_millis()
    );
    println!("- the server's process had {} MiB at most", server.peak()?);
    ensure!(
        accounted == u64::from(ADDRESSES) + 1,
        "denials were lost or counted twice"
    );
    Ok(())
}

/// Has the owned address refused; how long until it is open.
async fn open(installation: &Installation, server: &Server) -> anyhow::Result<Duration> {
    let ours = batch(std::iter::once(OURS.parse()?));
    let asked = Instant::now();
    send(
        server.at,
        requests(server.at, server.path, &[ours]),
        1,
        (Until::Once, 300),
    )
    .await?;
    while !installation
        .azure
        .entries(REGISTRY)
        .contains(&OURS.to_owned())
    {
        ensure!(
            asked.elapsed() < Duration::from_mins(1),
            "the owned address was never opened"
        );
        Clock::system().sleep(Duration::from_millis(2)).await;
    }
    Ok(asked.elapsed())
}

/// How many denials the ledger tells of: written down, counted as repeats, and thinned out.
async fn tally(installation: &Installation) -> anyhow::Result<u64> {
    let ledger = Ledger::open_read_only(&installation.ledger()).await?;
    let (mut denials, mut seq) = (0, 0);
    loop {
        let entries = ledger.entries(seq, 1000).await?;
        let Some(last) = entries.last() else {
            return Ok(denials);
        };
        seq = last.seq;
        for entry in &entries {
            denials += match store::what(entry)? {
                LedgerEvent::Denied(_) => 1,
                LedgerEvent::Counted { counts, .. } => counts.values().sum::<u64>(),
                LedgerEvent::Suppressed { count, .. } => count,
                _ => 0,
            };
        }
    }
}
