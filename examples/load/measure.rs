//! How much goes through in a while, and what it costs.

use crate::KEY;
use crate::place::Place;
use anyhow::{Context, ensure};
use axum::body::Bytes;
use axum::http::StatusCode;
use doorward::flow::intake;
use doorward_core::intake::delivery;
use doorward_core::intake::delivery::Head;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

/// How long each round lasts, and how many there are.
pub(crate) const FOR: Duration = Duration::from_secs(2);
pub(crate) const ROUNDS: usize = 3;

/// What a load came to.
struct Measured {
    /// Records a second.
    rate: f64,
    /// CPU time for a record, in microseconds: of the server's threads, of SQLite's, of the sender's.
    serving: f64,
    sqlite: f64,
    sending: f64,
}

/// The same bodies to doorward and to the bare handler, in turns; prints both. What a record costs.
pub(crate) fn compare(
    name: &str,
    sending: &Runtime,
    place: &Place,
    load: (&Arc<Vec<Bytes>>, usize, usize),
) -> anyhow::Result<f64> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let bare = measure(sending, &place.bare, load)?;
        let own = measure(sending, &place.events(), load)?;
        rounds.push((own.rate / bare.rate, own, bare));
    }
    rounds.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let (ratio, own, bare) = rounds.get(ROUNDS / 2).context("no round")?;
    let all = own.serving + own.sqlite;
    println!(
        "| {name} | {:.0} | {:.0} | {ratio:.2} | {all:.1} µs | {:.1} µs | {:.1} µs | {:.1} µs |",
        own.rate, bare.rate, own.sqlite, bare.serving, own.sending
    );
    Ok(all)
}

fn measure(
    runtime: &Runtime,
    url: &str,
    (bodies, at_once, records): (&Arc<Vec<Bytes>>, usize, usize),
) -> anyhow::Result<Measured> {
    let before = threads()?;
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let until = began + FOR;
    let body = move || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        (Instant::now() < until).then_some(number)
    };
    let sent = runtime.block_on(send(url, Arc::clone(bodies), at_once, Arc::new(body)))?;
    let seconds = began.elapsed().as_secs_f64();
    let records = f64::from(u32::try_from(sent.saturating_mul(records))?);
    let after = threads()?;
    let of = |kind: &str| {
        let time = |threads: &BTreeMap<String, f64>| threads.get(kind).copied().unwrap_or_default();
        (time(&after) - time(&before)) * 1e6 / records
    };
    Ok(Measured {
        rate: records / seconds,
        serving: of("serving"),
        sqlite: of("sqlx-sqlite-wor"),
        sending: of("sending"),
    })
}

/// Sends the bodies that `next` names until it names none, `at_once` at a time; how many.
pub(crate) async fn send(
    url: &str,
    bodies: Arc<Vec<Bytes>>,
    at_once: usize,
    next: Arc<impl Fn() -> Option<usize> + Send + Sync + 'static>,
) -> anyhow::Result<usize> {
    let client = reqwest::Client::builder().build()?;
    let tracker = TaskTracker::new();
    let senders: Vec<_> = (0..at_once)
        .map(|_| {
            let (client, url, bodies) = (client.clone(), url.to_owned(), Arc::clone(&bodies));
            let next = Arc::clone(&next);
            tracker.spawn(async move {
                let mut sent = 0_usize;
                while let Some(number) = next() {
                    let body = bodies.get(number % bodies.len()).context("no body")?;
                    let request = client.post(&url).header("x-doorward-key", KEY);
                    let request = request.header("content-type", "application/json");
                    let reply = request.body(body.clone()).send().await?;
                    let status = reply.status();
                    let text = reply.text().await?;
                    ensure!(status == StatusCode::ACCEPTED, "{status}: {text}");
                    sent += 1;
                }
                anyhow::Ok(sent)
            })
        })
        .collect();
    let mut sent = 0;
    for sender in senders {
        sent += sender.await??;
    }
    Ok(sent)
}

/// CPU time of this process's threads in seconds, by name.
fn threads() -> anyhow::Result<BTreeMap<String, f64>> {
    const TICKS: f64 = 100.0;
    let mut times = BTreeMap::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(thread?.path().join("stat"))?;
        let (head, fields) = stat.rsplit_once(") ").context("no stat")?;
        let name = head.split_once('(').context("no name")?.1;
        let fields: Vec<&str> = fields.split(' ').collect();
        // User and system time, fields 14 and 15 of proc(5).
        let time = |field: usize| {
            fields
                .get(field)
                .and_then(|ticks| ticks.parse::<u32>().ok())
        };
        let ticks = time(11)
            .context("no time")?
            .saturating_add(time(12).context("no time")?);
        *times.entry(name.to_owned()).or_default() += f64::from(ticks) / TICKS;
    }
    Ok(times)
}

/// What reading the bodies costs, and what taking in what was read: for a record, in microseconds.
pub(crate) fn parts(
    serving: &Runtime,
    place: &Place,
    bodies: &[Bytes],
) -> anyhow::Result<(f64, f64)> {
    let head = Head::of([("content-type", "application/json")]);
    let mut read = Vec::new();
    let began = Instant::now();
    for body in bodies.iter().cycle().take(5000) {
        read.push(delivery::read(&head, body)?);
    }
    let took = began.elapsed().as_secs_f64();
    let records: usize = read.iter().map(|delivery| delivery.records).sum();
    let records = f64::from(u32::try_from(records)?);
    let before = threads()?;
    let app = Arc::clone(&place.server.app);
    let all = async move {
        let source = app.sources.get("clusters").context("no source")?;
        let mut read = read.into_iter();
        loop {
            let some: Vec<_> = read.by_ref().take(64).collect();
            if some.is_empty() {
                return anyhow::Ok(());
            }
            let taken = some
                .into_iter()
                .map(|delivery| intake::accept(&app, source, delivery, None));
            for taken in futures_util::future::join_all(taken).await {
                taken?;
            }
        }
    };
    // On a thread of the runtime's, so that its time is counted.
    serving.block_on(TaskTracker::new().spawn_on(all, serving.handle()))??;
    let after = threads()?;
    let spent = |kind: &str| {
        let time = |threads: &BTreeMap<String, f64>| threads.get(kind).copied().unwrap_or_default();
        time(&after) - time(&before)
    };
    let taking = spent("serving") + spent("sqlx-sqlite-wor");
    Ok((took * 1e6 / records, taking * 1e6 / records))
}
