//! Floods, of which every denial is accounted for.

use crate::bodies::{Words, batch, refused};
use crate::measure::send;
use crate::place::Place;
use crate::{IN_A_BATCH, OURS, REGISTRY};
use anyhow::{Context, ensure};
use axum::body::Bytes;
use clock::Clock;
use doorward::store;
use doorward_core::ledger::event::LedgerEvent;
use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A line of `/proc/self/status`, in MiB.
fn memory(field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib: u64 = line
        .context("no such line")?
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()?;
    Ok(kib / 1024)
}

/// One flood, with our own address in the middle of it.
pub(crate) fn flood(
    name: &str,
    sending: &Runtime,
    place: &Place,
    (addresses, most): (&[Ipv4Addr], u64),
) -> anyhow::Result<()> {
    let total = addresses.len();
    // Batches are made beforehand; what they take is there before memory is looked at.
    let bodies = addresses.chunks(IN_A_BATCH);
    let refused = |address| refused(Words::ContainerApps, address);
    let bodies = bodies.map(|some| batch(&some.iter().copied().map(refused).collect::<Vec<_>>()));
    let bodies: Arc<Vec<Bytes>> = Arc::new(bodies.collect());
    let ours = Arc::new(vec![batch(&[refused(OURS.parse()?)])]);
    // Resets the peak (proc(5), clear_refs).
    fs::write("/proc/self/clear_refs", "5")?;
    let (before, began) = (memory("VmRSS:")?, Instant::now());
    let half = bodies.len() / 2;
    let part = |bodies: &Arc<Vec<Bytes>>, from: usize, to: usize| {
        let next = AtomicUsize::new(from);
        let next = move || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < to);
        let (url, bodies) = (place.events(), Arc::clone(bodies));
        async move { send(&url, bodies, 8, Arc::new(next)).await }
    };
    let opened = sending.block_on(async {
        part(&bodies, 0, half).await?;
        let rest = part(&bodies, half, bodies.len());
        let asked = Instant::now();
        let open = async {
            part(&ours, 0, 1).await?;
            while !place.azure.entries(REGISTRY).contains(&OURS.to_owned()) {
                ensure!(
                    asked.elapsed() < Duration::from_mins(1),
                    "our own address was never opened"
                );
                Clock::system().sleep(Duration::from_millis(5)).await;
            }
            anyhow::Ok(asked.elapsed())
        };
        let (rest, open) = tokio::join!(rest, open);
        rest?;
        open
    })?;
    let taken = began.elapsed();
    let (after, peak) = (memory("VmRSS:")?, memory("VmHWM:")?);
    let tally = sending.block_on(tally(place))?;
    println!(
        "**{name}** and one of our own, in {:.1} s:",
        taken.as_secs_f64()
    );
    tally.print(total + 1, most)?;
    println!("- our own address open after {} ms", opened.as_millis());
    println!(
        "- resident memory: {before} MiB before, {after} MiB after, {peak} MiB at most (sender and simulated Azure included)\n"
    );
    Ok(())
}

#[derive(Default)]
struct Tally {
    entries: u64,
    denials: u64,
    rows: u64,
    decisions: u64,
    ours: u64,
    repeats: u64,
    suppressed: u64,
}

impl Tally {
    /// Prints it; it has to account for `sent` denials, with at most so many decisions.
    fn print(&self, sent: usize, most: u64) -> anyhow::Result<()> {
        println!("- denials accounted for: {} of {sent}", self.denials);
        println!(
            "- written down {}, counted as repeats {}, thinned out {}",
            self.rows, self.repeats, self.suppressed
        );
        println!(
            "- decided for these addresses {} (at most {most}), for our own {}",
            self.decisions, self.ours
        );
        println!("- entries in the ledger: {}", self.entries);
        ensure!(
            self.denials == u64::try_from(sent)?,
            "denials were lost or counted twice"
        );
        ensure!(
            self.decisions <= most && self.ours == 1,
            "there were more decisions than there may be"
        );
        Ok(())
    }
}

/// Reads the whole ledger.
async fn tally(place: &Place) -> anyhow::Result<Tally> {
    // What was taken in last may wait for its verdict.
    while place
        .server
        .app
        .ledger
        .read(|state| !state.undecided.is_empty())
    {
        Clock::system().sleep(Duration::from_millis(20)).await;
    }
    let mut tally = Tally::default();
    let ours: Ipv4Addr = OURS.parse()?;
    let mut own = BTreeSet::new();
    let mut seq = 0;
    loop {
        let entries = place.server.app.ledger.entries(seq, 1000).await?;
        let Some(last) = entries.last() else { break };
        seq = last.seq;
        for entry in &entries {
            tally.entries += 1;
            match store::what(entry)? {
                LedgerEvent::Denied(denied) => {
                    tally.rows += 1;
                    if denied.report.denial.ip == Some(ours.into()) {
                        own.insert(denied.id);
                    }
                }
                LedgerEvent::Decided { denial, .. } if own.contains(&denial) => tally.ours += 1,
                LedgerEvent::Decided { .. } => tally.decisions += 1,
                LedgerEvent::Counted { counts, .. } => {
                    tally.repeats += counts.values().sum::<u64>();
                }
                LedgerEvent::Suppressed { count, .. } => tally.suppressed += count,
                _ => {}
            }
        }
    }
    tally.denials = tally.rows + tally.repeats + tally.suppressed;
    Ok(tally)
}
