//! Load over loopback HTTP, durable, beside a handler that only reads the body and answers: ratios,
//! CPU per record, and two storms of which every denial is accounted for.
//!
//! `cargo run --release --example load`. Client and servers share the machine; what each costs is
//! told apart by its threads (`/proc/self/task`, so Linux only).
#![expect(
    clippy::print_stdout,
    reason = "it prints what it measured, and that is all it does"
)]

use anyhow::{Context, ensure};
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::{Router, routing::post};
use doorward::clock::Clock;
use doorward::config;
use doorward::domain::delivery::{self, Head};
use doorward::domain::ledger::What;
use doorward::server::Server;
use doorward::sim::{Registry, Sim, SimOptions};
use doorward::store;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;

const REGISTRY: &str = "contosoprod";
const OURS: &str = "20.61.10.4";
const KEY: &str = "a key that sender and receiver know";
const IN_A_BATCH: usize = 100;

fn main() -> anyhow::Result<()> {
    let serving = runtime("serving", 2)?;
    let sending = runtime("sending", 2)?;
    let strict = serving.block_on(Place::open(200))?;
    println!(
        "## Load, each for {} s; the bare handler reads the body and answers 202\n",
        FOR.as_secs()
    );
    println!("| what | doorward | bare | ratio | serving CPU per record |");
    println!("|---|---:|---:|---:|---:|");
    let mixed = Arc::new(mixed_batches());
    let single = Arc::new(single_denials());
    compare(
        "batches of 100, 30 denials, records/s",
        &sending,
        &strict,
        (&mixed, 16, IN_A_BATCH),
    )?;
    compare(
        "one denial a request, requests/s",
        &sending,
        &strict,
        (&single, 128, 1),
    )?;
    serving.block_on(strict.close())?;
    let roomy = serving.block_on(Place::open(100_000))?;
    compare(
        "batches, every address written down",
        &sending,
        &roomy,
        (&mixed, 16, IN_A_BATCH),
    )?;
    compare(
        "one a request, every address written down",
        &sending,
        &roomy,
        (&single, 128, 1),
    )?;
    serving.block_on(roomy.close())?;
    reading(&mixed);

    println!("\n## Storms, in batches of {IN_A_BATCH}, 8 at a time\n");
    let place = serving.block_on(Place::open(200))?;
    let few = (0..100_000).map(|number| stranger(number % 50));
    storm(
        "100,000 denials from 50 addresses",
        &sending,
        &place,
        &few.collect::<Vec<_>>(),
    )?;
    serving.block_on(place.close())?;
    let place = serving.block_on(Place::open(200))?;
    let many: Vec<_> = (0..200_000).map(stranger).collect::<Vec<_>>();
    storm("200,000 distinct addresses", &sending, &place, &many)?;
    serving.block_on(place.close())?;
    Ok(())
}

/// How long each load lasts.
const FOR: Duration = Duration::from_secs(8);

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(threads).thread_name(name);
    Ok(builder.enable_all().build()?)
}

/// A doorward as it runs, and the bare handler beside it.
struct Place {
    server: Server,
    azure: Sim,
    bare: String,
    folder: tempfile::TempDir,
}

impl Place {
    async fn open(distinct_addresses: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let azure = Sim::start(SimOptions::new(Clock::system())).await?;
        azure.add_registry(Registry::new(REGISTRY));
        let sink = Router::new().route("/", post(async |_: Bytes| StatusCode::ACCEPTED));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let bare = format!("http://{}/", listener.local_addr()?);
        TaskTracker::new().spawn(async { axum::serve(listener, sink).await });
        let settings = settings(folder.path(), &azure, &bare, distinct_addresses)?;
        fs::create_dir(folder.path().join("policies"))?;
        fs::write(folder.path().join("policies/policy.yaml"), POLICY)?;
        let path = folder.path().join("doorward.yaml");
        fs::write(&path, settings.to_string())?;
        let server = Server::start(config::load(&path)?, Clock::system()).await?;
        Ok(Self {
            server,
            azure,
            bare,
            folder,
        })
    }

    fn events(&self) -> String {
        format!("http://{}/events/clusters", self.server.listen)
    }

    async fn close(self) -> anyhow::Result<()> {
        self.server.stop().await;
        self.azure.shutdown().await;
        Ok(self.folder.close()?)
    }
}

const POLICY: &str = "
version: 1
sets: { build-egress: { cidrs: [20.61.10.4/32] } }
rules:
  - { name: build agents, when: { address: build-egress }, then: allow, for: 10m, because: Our NAT gateway. }
";

fn settings(folder: &Path, azure: &Sim, chat: &str, distinct: u32) -> anyhow::Result<Value> {
    let secrets = [
        ("link", "0123456789abcdef0123456789abcdef"),
        ("key", KEY),
        ("chat", chat),
        ("token", azure.static_token()),
    ];
    for (name, secret) in secrets {
        fs::write(folder.join(name), secret)?;
    }
    let secret = |name: &str| json!({ "file": folder.join(name) });
    let auth = json!({ "kind": "shared_key", "keys": [secret("key")] });
    Ok(json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "state": format!("sqlite://{}", folder.join("doorward.db").display()),
        "policies": "policies/",
        "links": { "key": secret("link") },
        "azure": {
            "resource_manager": azure.resource_manager(),
            "credential": { "kind": "static_token", "file": folder.join("token") },
        },
        "registries": [{
            "id": Registry::new(REGISTRY).id(), "approvals": "link", "distinct_addresses": distinct,
        }],
        "sources": [{ "name": "clusters", "auth": auth, "rate_per_second": 100_000 }],
        "channels": [{ "name": "chat", "kind": "webhook", "url": secret("chat") }],
    }))
}

/// The address of stranger `number`.
fn stranger(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(51, 0, 0, 0)).saturating_add(number))
}

const ID: &str = "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/RESOURCEGROUPS/REGISTRIES/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/CONTOSOPROD";

/// In which words denials come.
#[derive(Clone, Copy)]
enum Words {
    /// A registry's diagnostic record with status 403 and the firewall's message.
    Registry,
    /// A system log of Container Apps that could not pull.
    ContainerApps,
}

fn refused(words: Words, address: Ipv4Addr) -> Value {
    let number = u32::from(address);
    match words {
        Words::Registry => json!({
            "time": Clock::system().now(),
            "category": "ContainerRegistryLoginEvents",
            "operationName": "Login",
            "resultType": "403",
            "resultDescription": format!(
                "denied: client with IP '{address}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
            ),
            "callerIpAddress": address,
            "correlationId": format!("5d7e3f0c-0000-4000-8000-{number:012}"),
            "resourceId": ID,
            "properties": { "loginServer": format!("{REGISTRY}.azurecr.io"), "userAgent": "docker/24.0.7" },
        }),
        Words::ContainerApps => json!({
            "time": Clock::system().now(),
            "category": "ContainerAppSystemLogs",
            "properties": { "Log": format!(
                "Container 'api' was terminated with exit code '' and reason 'ImagePullFailure'. Image {REGISTRY}.azurecr.io/prod/api:v1 \
                 not found in registry. ErrorMessage=Image not found or access denied. Error: {{\"errors\":[{{\"code\":\"DENIED\",\
                 \"message\":\"client with IP '{address}' is not allowed access, refer https://aka.ms/acr/firewall to grant access\"}}]}}\n, \
                 GenevaTraceId={number:032x}."
            ), "RevisionName": "api--0000007", "Reason": "ContainerTerminated", "Type": "Warning" },
        }),
    }
}

fn served(number: usize) -> Value {
    json!({
        "time": Clock::system().now(),
        "category": "ContainerRegistryRepositoryEvents",
        "operationName": "Pull",
        "resultType": "HttpStatusCode",
        "resultDescription": "200",
        "callerIpAddress": format!("20.61.11.{}", number % 250),
        "correlationId": format!("3f0c5d7e-0000-4000-8000-{number:012}"),
        "resourceId": ID,
        "properties": { "repository": "prod/api", "tag": "v1", "mediaType": "application/vnd.oci.image.manifest.v1+json" },
    })
}

fn batch(records: &[Value]) -> Bytes {
    json!({ "records": records }).to_string().into()
}

/// Batches of 100 records of which 30 are denials, from 5,000 addresses in all. The denials stand
/// among the others, as they would.
fn mixed_batches(words: Words) -> Arc<Vec<Bytes>> {
    let mut next = 0..5000_u32;
    let mut batches = Vec::new();
    while !next.is_empty() {
        let record = |number: usize| match number % 10 {
            1 | 4 | 7 => next.next().map(|next| refused(words, stranger(next))),
            _ => Some(served(number)),
        };
        batches.push(batch(
            &(0..IN_A_BATCH).filter_map(record).collect::<Vec<_>>(),
        ));
    }
    Arc::new(batches)
}

fn single_denials(words: Words) -> Arc<Vec<Bytes>> {
    let addresses = (10_000..15_000).map(stranger);
    let each = addresses.map(|address| batch(&[refused(words, address)]));
    Arc::new(each.collect())
}

/// What a load came to.
struct Measured {
    /// Records a second.
    rate: f64,
    /// CPU time for a record, in microseconds: of the server's threads, of SQLite's, of the sender's.
    serving: f64,
    sqlite: f64,
    sending: f64,
}

/// The same bodies to doorward and to the bare handler; prints both.
fn compare(
    name: &str,
    sending: &Runtime,
    place: &Place,
    load: (&Arc<Vec<Bytes>>, usize, usize),
) -> anyhow::Result<()> {
    let bare = measure(sending, &place.bare, load)?;
    let own = measure(sending, &place.events(), load)?;
    println!(
        "| {name} | {:.0} | {:.0} | {:.2} | {:.1} µs, of SQLite's thread {:.1} µs, besides (bare {:.1} µs; the sender's own {:.1} µs) |",
        own.rate,
        bare.rate,
        own.rate / bare.rate,
        own.serving,
        own.sqlite,
        bare.serving,
        own.sending
    );
    Ok(())
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
async fn send(
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

/// What taking the bodies apart costs, alone and on one thread.
fn reading(bodies: &[Bytes]) {
    let head = Head {
        content_type: Some("application/json".to_owned()),
        ..Head::default()
    };
    let began = Instant::now();
    let mut records = 0_u32;
    for body in bodies.iter().cycle().take(1000) {
        records +=
            delivery::read(&head, body).map_or(0, |read| u32::try_from(read.records).unwrap_or(0));
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / f64::from(records);
    let bytes: usize = bodies.iter().map(Bytes::len).sum();
    println!(
        "\nOf this, taking a batch of {} bytes apart (JSON and extraction) costs {each:.1} µs a record.",
        bytes / bodies.len()
    );
}

/// One storm, with our own address in the middle of it.
fn storm(
    name: &str,
    sending: &Runtime,
    place: &Place,
    addresses: &[Ipv4Addr],
) -> anyhow::Result<()> {
    let total = addresses.len();
    // Batches are made beforehand; what they take is there before memory is looked at.
    let bodies = addresses.chunks(IN_A_BATCH);
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
    println!(
        "- denials accounted for: {} of {}",
        tally.denials,
        total + 1
    );
    println!(
        "- written down {}, decided {}, counted as repeats {}, thinned out {}",
        tally.rows, tally.decisions, tally.repeats, tally.thinned
    );
    println!("- entries in the ledger: {}", tally.entries);
    println!("- our own address open after {} ms", opened.as_millis());
    println!(
        "- resident memory: {before} MiB before, {after} MiB after, {peak} MiB at most (sender and simulated Azure included)\n"
    );
    ensure!(
        tally.denials == u64::try_from(total + 1)?,
        "denials were lost or counted twice"
    );
    Ok(())
}

#[derive(Default)]
struct Tally {
    entries: u64,
    denials: u64,
    rows: u64,
    decisions: u64,
    repeats: u64,
    thinned: u64,
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
    let mut seq = 0;
    loop {
        let entries = place.server.app.ledger.entries(seq, 1000).await?;
        let Some(last) = entries.last() else { break };
        seq = last.seq;
        for entry in &entries {
            tally.entries += 1;
            match store::what(entry)? {
                What::Denied(_) => tally.rows += 1,
                What::Decided { .. } => tally.decisions += 1,
                What::Counted { counts, .. } => tally.repeats += counts.values().sum::<u64>(),
                What::Thinned { count, .. } => tally.thinned += count,
                _ => {}
            }
        }
    }
    tally.denials = tally.rows + tally.repeats + tally.thinned;
    Ok(tally)
}
