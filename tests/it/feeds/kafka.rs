//! `kind: kafka` against two unrelated brokers.

use super::{SECOND, denied, log, with_feed};
use crate::brokers::{Broker, Options, TlsFront, free_port};
use crate::faults::cut;
use crate::loops::Running;
use crate::process::until;
use crate::world::{OURS, REGISTRY, Setup, World, message, row};
use crate::{needs, postgres};
use doorward::flow::app::App;
use doorward::flow::feeds::{self, FeedView};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::net::TcpListener;

const SOURCE: &str = "hub";
const TOPIC: &str = "insights-logs";
const PARTITIONS: usize = 3;

fn with(setup: &mut Setup, hosts: &[String], more: &Value) {
    let mut feed =
        json!({ "kind": "kafka", "brokers": hosts, "topic": TOPIC, "tls": false, "every": "1s" });
    for (name, value) in more.as_object().unwrap() {
        feed[name] = value.clone();
    }
    let source = json!({
        "name": SOURCE, "feed": feed, "trust_status_403": true,
        "registries": [format!("{REGISTRY}.azurecr.io")],
    });
    setup.config["sources"].as_array_mut().unwrap().push(source);
}

fn ran<T>(started: Result<T, String>) -> Option<T> {
    started.map_err(|why| needs::skip(&why)).ok()
}

async fn turn(app: &App) {
    feeds::run_once(app, SOURCE, TOPIC).await.unwrap();
}

fn view(app: &App, name: &str) -> FeedView {
    let mut all = feeds::list(app).into_iter();
    all.find(|view| view.partition == name)
        .unwrap_or_else(|| panic!("there is no {name}"))
}

async fn state(world: &World) -> String {
    turn(&world.app).await;
    view(&world.app, TOPIC).state
}

/// Records are taken in from every partition, and none of them again after a restart.
async fn reads_every_partition(broker: &Broker) {
    broker.create(TOPIC, PARTITIONS).await;
    let none = json!({});
    let mut world = World::with(|setup| with(setup, &broker.hosts, &none)).await;
    let now = world.clock.now();
    broker.write((TOPIC, 0), &[row(OURS, now)]).await;
    broker.write((TOPIC, 1), &[message("51.140.7.1")]).await;
    broker.write((TOPIC, 2), &[row("51.140.7.2", now)]).await;
    turn(&world.app).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(view(&world.app, TOPIC).state, "reading");
    world.restart().await;
    for (number, compression) in (3..).zip(["gzip", "snappy", "lz4", "zstd"]) {
        let text = [row(&format!("51.140.7.{number}"), now)];
        broker.write_as((TOPIC, 0), &text, compression).await;
    }
    world.jump(SECOND);
    turn(&world.app).await;
    let told = denied(&world).await;
    let all: BTreeSet<String> = told.iter().cloned().collect();
    let mut expected: BTreeSet<String> = (1..=6).map(|it| format!("51.140.7.{it}")).collect();
    expected.insert(OURS.to_owned());
    assert_eq!(all, expected);
    assert_eq!(told.len(), all.len());
    assert!(!world.kinds().await.contains(&"counted"));
    let first = view(&world.app, &format!("{TOPIC}/0"));
    assert_eq!(
        (first.cursor.as_deref(), first.records, first.set_aside),
        (Some("5"), 5, 0)
    );
    let metric =
        format!("doorward_feed_records_behind{{source=\"hub\",partition=\"{TOPIC}/0\"}} 0");
    assert!(world.app.metrics.render().contains(&metric));
}

#[tokio::test]
async fn tansu_is_read_and_its_offsets_outlive_a_restart() {
    if let Some(broker) = ran(Broker::tansu(Options::default()).await) {
        reads_every_partition(&broker).await;
    }
}

#[tokio::test]
async fn mock_cluster_is_read_and_its_offsets_outlive_a_restart() {
    if let Some(broker) = ran(Broker::mock().await) {
        reads_every_partition(&broker).await;
    }
}

#[tokio::test]
async fn unreadable_record_is_set_aside_beside_good_ones() {
    let Some(broker) = ran(Broker::tansu(Options::default()).await) else {
        return;
    };
    broker.create(TOPIC, 1).await;
    let world = World::with(|setup| with(setup, &broker.hosts, &json!({}))).await;
    let texts = [
        message("51.140.7.1"),
        "{ \"records\": [ broken".to_owned(),
        message("51.140.7.2"),
    ];
    broker.write((TOPIC, 0), &texts).await;
    turn(&world.app).await;
    assert_eq!(denied(&world).await, ["51.140.7.1", "51.140.7.2"]);
    let part = view(&world.app, &format!("{TOPIC}/0"));
    assert_eq!(
        (part.records, part.set_aside, part.state.as_str()),
        (3, 1, "reading")
    );
}

#[tokio::test]
async fn tls_is_spoken_and_an_untrusted_certificate_is_refused() {
    let front = TlsFront::bind().await;
    let options = Options {
        advertised: Some(front.port()),
        ..Options::default()
    };
    let Some(broker) = ran(Broker::tansu(options).await) else {
        return;
    };
    let hosts = [format!("localhost:{}", front.port())];
    let ca_file = front.ca_file();
    let _folder = front.before(broker.hosts[0].clone());
    let trusted = json!({ "tls": { "ca_file": ca_file } });
    let world = World::with(|setup| with(setup, &hosts, &trusted)).await;
    assert_eq!(state(&world).await, "topic_not_found");
    let untrusting = World::with(|setup| with(setup, &hosts, &json!({ "tls": true }))).await;
    assert_eq!(state(&untrusting).await, "tls_failed");
}

#[tokio::test]
async fn each_failure_has_its_state() {
    let authentication = Options {
        authentication: true,
        ..Options::default()
    };
    let Some(broker) = ran(Broker::tansu(authentication).await) else {
        return;
    };
    let sasl = |setup: &mut Setup| {
        let link = setup.config["links"]["key"].clone();
        json!({ "sasl": { "mechanism": "scram_sha_256", "username": "doorward", "password": link } })
    };
    let world = World::with(|setup| {
        let more = sasl(setup);
        with(setup, &broker.hosts, &more);
    })
    .await;
    assert_eq!(state(&world).await, "credential_refused");
    let text = view(&world.app, TOPIC).text;
    assert!(text.contains("`sasl`"), "{text}");

    let nobody = [format!("127.0.0.1:{}", free_port())];
    let world = World::with(|setup| with(setup, &nobody, &json!({}))).await;
    assert_eq!(state(&world).await, "unreachable");

    let Some(broker) = ran(Broker::tansu(Options::default()).await) else {
        return;
    };
    let world = World::with(|setup| with(setup, &broker.hosts, &json!({}))).await;
    assert_eq!(state(&world).await, "topic_not_found");
    broker.create(TOPIC, 1).await;
    world.jump(Duration::from_mins(10));
    assert_eq!(state(&world).await, "reading");
}

#[tokio::test]
async fn broker_that_hangs_stops_no_other_feed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hosts = [listener.local_addr().unwrap().to_string()];
    let world = World::with(|setup| {
        with_feed(setup);
        with(setup, &hosts, &json!({}));
    })
    .await;
    let loops = Running::of(&world);
    log(&world, OURS, 403);
    until("the entry that the registry's log leads to", async || {
        world.jump(SECOND);
        world.entries() == [OURS]
    })
    .await;
    loops.stop().await;
}

#[tokio::test]
async fn two_replicas_share_partitions_and_double_nothing() {
    let Some(broker) = ran(Broker::mock().await) else {
        return;
    };
    let Some(database) = postgres::prepared().await else {
        needs::skip("PostgreSQL is not installed");
        return;
    };
    broker.create(TOPIC, PARTITIONS).await;
    let world = World::on(&database, |setup| with(setup, &broker.hosts, &json!({}))).await;
    let other = world.replica().await;
    let rounds = Cell::new(0);
    until("both have read", async || {
        let round = rounds.get() + 1;
        rounds.set(round);
        for partition in 0..3 {
            let texts: Vec<String> = (0..10)
                .map(|number| message(&format!("51.{}.{round}.{}", 140 + partition, number + 1)))
                .collect();
            broker.write((TOPIC, partition), &texts).await;
        }
        world.jump(SECOND);
        tokio::join!(turn(&world.app), turn(&other));
        let reads = |app: &App| {
            let all = feeds::list(app);
            all.iter()
                .any(|it| it.partition != TOPIC && it.state == "reading")
        };
        round >= 3 && reads(&world.app) && reads(&other)
    })
    .await;
    // Whoever was too late the last time comes again.
    for _ in 0..3 {
        world.jump(SECOND);
        turn(&world.app).await;
    }
    world.app.ledger.follow().await.unwrap();
    let expected = rounds.get() * 30;
    let told = denied(&world).await;
    assert_eq!(told.len(), expected);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>().len(), expected);
}

#[tokio::test]
async fn kills_in_the_middle_lose_nothing_and_double_nothing() {
    let Some(broker) = ran(Broker::tansu(Options::default()).await) else {
        return;
    };
    broker.create(TOPIC, 1).await;
    let mut world = World::with(|setup| with(setup, &broker.hosts, &json!({}))).await;
    let mut all = BTreeSet::new();
    for kill in 0..40 {
        let address = format!("51.140.7.{}", kill + 1);
        broker.write((TOPIC, 0), &[message(&address)]).await;
        all.insert(address);
        let app = std::sync::Arc::clone(&world.app);
        let work = async { turn(&app).await };
        cut::short(Box::pin(work), kill + 1).await;
        drop(app);
        if kill % 4 == 3 {
            world.restart().await;
        }
        world.jump(SECOND);
    }
    world.restart().await;
    turn(&world.app).await;
    let told = denied(&world).await;
    assert_eq!(told.len(), all.len(), "{told:?}");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), all);
}
