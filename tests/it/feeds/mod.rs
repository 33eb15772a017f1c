//! Feeds: denials that doorward fetches itself from a registry's own log.

mod blob;
mod client;
mod doctor;
mod failures;
mod killed;
mod kills;
mod loops;
mod queue;
mod storage;

use crate::world::{OURS, REGISTRY, STRANGER, Setup, World};
use doorward::flow::app::App;
use doorward::flow::feeds::{self, FeedView};
use doorward_core::intake::report::Evidence;
use doorward_core::ledger::event::LedgerEvent;
use doorward_sim::senders::login_event;
use doorward_sim::{Call, Registry};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The feed's source.
const FEED: &str = "registry-log";

/// Adds the feed to what a world is set up with.
fn with_feed(setup: &mut Setup) {
    let source = json!({
        "name": FEED, "feed": { "kind": "azure_logs" }, "trust_status_403": true,
        "registries": [format!("{REGISTRY}.azurecr.io")],
    });
    setup.config["sources"].as_array_mut().unwrap().push(source);
}

async fn world() -> World {
    World::with(with_feed).await
}

/// The registry refused or served `address` just now, and the log shows it at once.
fn log(world: &World, address: &str, status: u16) {
    let now = world.clock.now();
    log_at(world, (address, status), (now, now));
}

/// The same at a time of its own, taken in by the workspace at another.
fn log_at(world: &World, (address, status): (&str, u16), (at, taken_in): (Timestamp, Timestamp)) {
    let registry = Registry::new(REGISTRY);
    let row = login_event(&registry, address.parse().unwrap(), status, at);
    world.azure.model(|model| model.add_log_row(row, taken_in));
}

/// Takes a turn of the ordinary registry's part.
async fn run_once(app: &App) -> Option<Timestamp> {
    feeds::run_once(app, FEED, REGISTRY).await.unwrap()
}

/// The only part of the only feed.
fn part(app: &App) -> FeedView {
    let [part] = <[FeedView; 1]>::try_from(feeds::list(app)).unwrap();
    part
}

fn queries(world: &World) -> usize {
    world.azure.requests_of(Call::LogQuery).len()
}

async fn denied(world: &World) -> Vec<String> {
    let of = |what| match what {
        LedgerEvent::Denied(denied) => Some(denied.report.denial.ip?.to_string()),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn denial_in_registrys_log_opens_an_entry_and_use_is_noticed() {
    let world = world().await;
    let happened = world.clock.now();
    let row = login_event(
        &Registry::new(REGISTRY),
        OURS.parse().unwrap(),
        403,
        happened,
    );
    let readable = clock::add(happened, 4 * MINUTE);
    world.azure.model(|model| model.add_log_row(row, readable));
    run_once(&world.app).await;
    world.settle().await;
    assert!(
        world.entries().is_empty(),
        "Azure does not show the row yet"
    );
    assert_eq!(part(&world.app).state, "reading");

    world.jump(4 * MINUTE + SECOND);
    run_once(&world.app).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    let told = part(&world.app);
    assert_eq!(told.ingestion_latency_seconds, Some(240));
    assert_eq!(
        (told.records, told.set_aside, told.lag_seconds),
        (1, 0, Some(0))
    );
    let denied = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Denied(denied) => Some(denied),
            _ => None,
        });
    let denied = denied.unwrap();
    assert_eq!(denied.source, FEED);
    assert_eq!(denied.report.evidence, Evidence::Status403);
    assert!(denied.registry.is_some() && denied.report.resource_id.is_some());

    world.jump(3 * MINUTE);
    log(&world, OURS, 200);
    run_once(&world.app).await;
    assert!(world.kinds().await.contains(&"grant_outcome"));
}

#[tokio::test]
async fn row_of_an_untrusted_feed_is_reported_and_opens_nothing() {
    let world = World::with(|setup| {
        with_feed(setup);
        setup.config["sources"][2]["trust_status_403"] = json!(false);
    })
    .await;
    log(&world, OURS, 403);
    run_once(&world.app).await;
    world.settle().await;
    assert_eq!(denied(&world).await, [OURS]);
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn windows_overlap_and_rows_are_taken_in_once() {
    let mut world = world().await;
    log(&world, STRANGER, 403);
    run_once(&world.app).await;
    let advances = async |world: &World| {
        let kinds = world.kinds().await;
        kinds
            .iter()
            .filter(|kind| **kind == "feed_advanced")
            .count()
    };
    let before = advances(&world).await;
    for _ in 0..3 {
        world.jump(MINUTE);
        run_once(&world.app).await;
        world.restart().await;
    }
    run_once(&world.app).await;
    assert_eq!(denied(&world).await, [STRANGER]);
    // One that became readable later, though it was taken in before the last one.
    let now = world.clock.now();
    let earlier = now
        .checked_sub(5 * jiff::SignedDuration::from_mins(1))
        .unwrap();
    log_at(&world, ("51.140.7.10", 403), (earlier, earlier));
    world.jump(MINUTE);
    run_once(&world.app).await;
    assert_eq!(denied(&world).await, [STRANGER, "51.140.7.10"]);
    assert!(advances(&world).await <= before + 4);
    assert_eq!(part(&world.app).state, "reading");
}

#[tokio::test]
async fn log_without_news_costs_one_request_a_minute_and_no_entries() {
    let world = world().await;
    run_once(&world.app).await;
    let (asked, written) = (queries(&world), world.kinds().await.len());
    for _ in 0..180 {
        world.jump(SECOND);
        run_once(&world.app).await;
    }
    assert_eq!(queries(&world) - asked, 3);
    assert_eq!(world.kinds().await.len(), written);
    // Only every six hours the cursor moves on, so that a restart need not look back for ever.
    world.jump(Duration::from_hours(7));
    run_once(&world.app).await;
    assert_eq!(world.kinds().await.len(), written + 1);
}

#[tokio::test]
async fn many_rows_are_read_page_by_page_and_counted_as_one_denial() {
    let world = world().await;
    let now = world.clock.now();
    for _ in 0..2500 {
        log_at(&world, (STRANGER, 403), (now, now));
    }
    run_once(&world.app).await;
    assert_eq!(part(&world.app).state, "catching_up");
    for _ in 0..3 {
        world.jump(2 * SECOND);
        run_once(&world.app).await;
    }
    let told = part(&world.app);
    assert_eq!((told.records, told.state.as_str()), (2500, "reading"));
    assert_eq!(denied(&world).await, [STRANGER]);
    let counted = world
        .ledger()
        .await
        .into_iter()
        .filter_map(|what| match what {
            LedgerEvent::Counted { counts, .. } => Some(counts.values().sum::<u64>()),
            _ => None,
        });
    assert_eq!(counted.sum::<u64>(), 2499);
}

#[tokio::test]
async fn row_that_cannot_be_read_is_set_aside_once_and_stops_nothing() {
    let world = world().await;
    let now = world.clock.now();
    let mut broken = login_event(&Registry::new(REGISTRY), OURS.parse().unwrap(), 403, now);
    broken["time"] = json!("yesterday, or so");
    world.azure.model(|model| model.add_log_row(broken, now));
    log(&world, STRANGER, 403);
    for _ in 0..3 {
        run_once(&world.app).await;
        world.jump(MINUTE);
    }
    assert_eq!(denied(&world).await, [STRANGER]);
    let told = part(&world.app);
    assert_eq!(
        (told.records, told.set_aside, told.state.as_str()),
        (2, 1, "reading")
    );
    let metrics = world.app.metrics.render();
    let counter =
        "doorward_feed_set_aside_total{source=\"registry-log\",partition=\"contosoprod\"} 1";
    assert!(metrics.contains(counter), "{metrics}");
}

#[tokio::test]
async fn nobody_can_post_to_a_feed() {
    let world = world().await;
    let reply = world.deliver(FEED, "contosoprod.azurecr.io").await;
    assert_eq!(reply.status, 404);
}
