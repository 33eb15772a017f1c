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
use doorward::flow::intake;
use doorward::server::Server;
use doorward::sim::{Registry, Sim, SimOptions};
use doorward::store;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
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
                (&mixed, 16, IN_A_BATCH),
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

    println!("\n## Storms, in batches of {IN_A_BATCH}, 8 at a time\n");
    let place = serving.block_on(Place::open(200))?;
    let few: Vec<_> = (0..100_000).map(|number| stranger(number % 50)).collect();
    let name = "100,000 denials from 50 addresses";
    storm(name, &sending, &place, (&few, 50))?;
    serving.block_on(place.close())?;
    let place = serving.block_on(Place::open(200))?;
    let many: Vec<_> = (0..200_000).map(stranger).collect();
    let name = "200,000 distinct addresses, of which 200 have a place";
    storm(name, &sending, &place, (&many, 200))?;
    serving.block_on(place.close())?;
    Ok(())
}

/// How long each round lasts, and how many there are.
const FOR: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

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
            "resourceId": "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.APP/MANAGEDENVIRONMENTS/SHOP",
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

/// The same bodies to doorward and to the bare handler, in turns; prints both. What a record costs.
fn compare(
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

/// What reading the bodies costs, and what taking in what was read: for a record, in microseconds.
fn parts(serving: &Runtime, place: &Place, bodies: &[Bytes]) -> anyhow::Result<(f64, f64)> {
    let head = Head::of([("content-type", "application/json")]);
    let mut read = Vec::new();
    let began = Instant::now();
    for body in bodies.iter().cycle().take(2000) {
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
            let some: Vec<_> = read.by_ref().take(16).collect();
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

/// One storm, with our own address in the middle of it.
fn storm(
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
    thinned: u64,
}

impl Tally {
    /// Prints it; it has to account for `sent` denials, with at most so many decisions.
    fn print(&self, sent: usize, most: u64) -> anyhow::Result<()> {
        println!("- denials accounted for: {} of {sent}", self.denials);
        println!(
            "- written down {}, counted as repeats {}, thinned out {}",
            self.rows, self.repeats, self.thinned
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
                What::Denied(denied) => {
                    tally.rows += 1;
                    if denied.report.denial.ip == Some(ours.into()) {
                        own.insert(denied.id);
                    }
                }
                What::Decided { denial, .. } if own.contains(&denial) => tally.ours += 1,
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
