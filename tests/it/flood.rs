//! Many denials at once: every one is accounted for, few are written down, and our own are decided.

use crate::world::{KEY, OURS, REGISTRY, STRANGER, Setup, World, ask_freely, message, row};
use axum::body::Body;
use axum::http::Request;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::state::State;
use doorward_sim::Registry;
use doorward_sim::senders::login_event;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;

/// The address of unknown source `number`.
fn unknown_source(number: u32) -> String {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(51, 0, 0, 0)) + number).to_string()
}

/// Batches of at most a hundred records without ids.
fn batches(addresses: impl Iterator<Item = String>) -> Vec<String> {
    let records: Vec<Value> = addresses
        .map(|address| json!({ "log": message(&address) }))
        .collect();
    let batches = records.chunks(100);
    batches
        .map(|records| json!({ "records": records }).to_string())
        .collect()
}

/// CloudEvents, one for each id and address.
fn events(events: &[(&str, &str)]) -> String {
    let event = |(id, address): &(&str, &str)| {
        json!({
            "specversion": "1.0", "id": id, "source": "/ci", "type": "com.contoso.job.failed",
            "data": { "log": message(address) },
        })
    };
    events.iter().map(event).collect::<Value>().to_string()
}

/// A world whose senders may send as much as they like, and whose registries are known.
async fn world(change: impl FnOnce(&mut Setup)) -> World {
    let world = World::with(|setup| {
        setup.config["sources"][0]["rate_per_second"] = json!(100_000);
        change(setup);
    });
    let world = world.await;
    world.settle().await;
    world
}

async fn post(world: &World, body: &str) {
    let reply = world.deliver("clusters", body).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
}

/// What the ledger holds: denials written down, decided, counted as repeats, thinned out.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    rows: u64,
    decisions: u64,
    repeats: u64,
    suppressed: u64,
}

async fn tally(world: &World) -> Tally {
    let mut tally = Tally::default();
    for what in world.ledger().await {
        match what {
            LedgerEvent::Denied(_) => tally.rows += 1,
            LedgerEvent::Decided { .. } => tally.decisions += 1,
            LedgerEvent::Counted { counts, .. } => tally.repeats += counts.values().sum::<u64>(),
            LedgerEvent::Suppressed { count, .. } => tally.suppressed += count,
            _ => {}
        }
    }
    tally
}

fn stands(world: &World) -> State {
    world.app.ledger.read(State::clone)
}

/// What stands is the same when it is folded anew from the ledger.
async fn survives_a_restart(world: &mut World) {
    let before = stands(world);
    world.restart().await;
    assert!(stands(world) == before, "the state is another one");
}

#[tokio::test]
async fn a_flood_from_few_addresses_is_counted_to_the_last_denial() {
    const ALL: u32 = 20_000;
    let mut world = world(ask_freely).await;
    for (number, batch) in batches((0..ALL).map(|number| unknown_source(number % 50)))
        .iter()
        .enumerate()
    {
        post(&world, batch).await;
        if number % 50 == 3 {
            world.settle().await;
        }
    }
    world.settle().await;
    let tally = tally(&world).await;
    assert_eq!((tally.rows, tally.decisions, tally.suppressed), (50, 50, 0));
    assert_eq!(tally.rows + tally.repeats, u64::from(ALL));
    assert_eq!(world.messages().len(), 50);
    world.app.ledger.read(|state| {
        for asked in state.requests.values() {
            assert_eq!(state.times_repeated(asked.request.denial), 399);
        }
    });
    assert!(world.ledger().await.len() < 700);
    survives_a_restart(&mut world).await;
}

#[tokio::test]
async fn in_a_flood_of_unknown_sources_our_own_address_is_opened_in_time() {
    const ALL: u32 = 5_000;
    let mut world = world(|_| {}).await;
    let flood = batches((0..ALL).map(unknown_source));
    let (first, rest) = flood.split_at(flood.len() / 2);
    for batch in first {
        post(&world, batch).await;
    }
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    for batch in rest {
        post(&world, batch).await;
    }
    world.settle().await;
    let tally = tally(&world).await;
    assert_eq!(tally.rows + tally.suppressed, u64::from(ALL) + 1);
    assert_eq!((tally.rows, tally.decisions), (201, 201));
    assert_eq!(world.messages(), ["flood"]);
    let state = stands(&world);
    assert!(state.requests.is_empty() && state.undecided.is_empty() && state.outbox.is_empty());
    survives_a_restart(&mut world).await;

    world.jump(Duration::from_mins(20));
    world.settle().await;
    assert_eq!(world.messages(), ["flood", "flood"]);
    assert!(world.last_message("text").contains("4800 were counted"));
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.messages(), ["flood", "flood", "ask"]);
    survives_a_restart(&mut world).await;
}

#[tokio::test]
async fn denials_of_one_moment_are_decided_in_the_order_in_which_they_came() {
    let world = world(|_| {}).await;
    let addresses: Vec<String> = (0..60).rev().map(unknown_source).collect();
    post(&world, &batches(addresses.iter().cloned()).concat()).await;
    world.settle().await;
    let asked = world
        .ledger()
        .await
        .into_iter()
        .filter_map(|what| match what {
            LedgerEvent::Requested(request) => Some(request.address.to_string()),
            _ => None,
        });
    assert_eq!(asked.collect::<Vec<_>>(), addresses);
}

#[tokio::test]
async fn how_many_unknown_sources_are_a_flood_is_configured() {
    let world =
        world(|setup| setup.config["registries"][0]["max_unknown_addresses"] = json!(3)).await;
    for number in 0..3 {
        world.denied(&unknown_source(number)).await;
    }
    world.settle().await;
    assert_eq!(world.messages(), ["ask", "ask", "ask"]);
    world.denied(&unknown_source(3)).await;
    world.settle().await;
    assert_eq!(world.messages(), ["ask", "ask", "ask", "flood"]);
    // Those who were asked about before are counted to their requests as ever.
    world.denied(&unknown_source(0)).await;
    let expected = Tally {
        rows: 3,
        decisions: 3,
        repeats: 1,
        suppressed: 1,
    };
    assert_eq!(tally(&world).await, expected);
}

#[tokio::test]
async fn one_unknown_source_with_many_made_up_names_is_counted_and_is_no_flood() {
    let world = world(|setup| setup.policy += "default: alert\n").await;
    for number in 0..100 {
        let log = message(STRANGER).replace("/v2/", &format!("/v2/made/up-{number}/manifests/v1"));
        post(&world, &json!({ "log": log }).to_string()).await;
    }
    world.settle().await;
    let tally = tally(&world).await;
    assert_eq!((tally.rows, tally.suppressed), (16, 84));
    assert!(!world.messages().contains(&"flood".to_owned()));
}

#[tokio::test]
async fn an_event_delivered_twice_counts_once_whatever_became_of_it() {
    let mut world =
        world(|setup| setup.config["registries"][0]["max_unknown_addresses"] = json!(1)).await;
    let one = unknown_source(1);
    let batch = events(&[
        ("row", &one),
        ("repeat", &one),
        ("too many", &unknown_source(2)),
        ("too many as well", &unknown_source(3)),
    ]);
    post(&world, &batch).await;
    world.settle().await;
    let before = tally(&world).await;
    assert_eq!((before.rows, before.repeats, before.suppressed), (1, 1, 2));
    for _ in 0..2 {
        let again = world.deliver("clusters", &batch).await;
        assert!(again.text.contains("\"new\":0"), "{}", again.text);
        world.restart().await;
    }
    assert_eq!(tally(&world).await, before);
    survives_a_restart(&mut world).await;
}

#[tokio::test]
async fn requests_at_the_same_time_are_each_on_disk_when_they_are_answered() {
    let mut world = world(|_| {}).await;
    let addresses: Vec<String> = (0..60).map(unknown_source).collect();
    let requests = addresses.iter().map(|address| world.denied(address));
    join_all(requests).await;
    // Senders who hang up at any point cost nobody anything.
    for number in 60..70 {
        assert_eq!(world.denied(&unknown_source(number)).now_or_never(), None);
        world.denied(&unknown_source(number + 10)).await;
    }
    let rows = tally(&world).await.rows;
    assert!((70..=80).contains(&rows), "{rows}");
    world.app.ledger.verify().await.unwrap();
    survives_a_restart(&mut world).await;
}

#[tokio::test]
async fn when_the_database_refuses_nobody_is_told_otherwise() {
    let mut world = world(|_| {}).await;
    let on_a_server = world.database.is_some();
    let full: &[&str] = if on_a_server {
        &[
            "create function full_disk() returns trigger language plpgsql as
             $$ begin raise exception 'disk full'; end $$",
            "create trigger full_disk before insert on ledger execute function full_disk()",
        ]
    } else {
        &[
            "create trigger full_disk before insert on ledger begin select raise(abort, 'disk full'); end",
        ]
    };
    for statement in full {
        world.tamper(statement).await.unwrap();
    }
    let deliver = |number: u32| {
        let body = message(&unknown_source(number));
        let request = Request::post("/events/clusters")
            .header("x-doorward-key", KEY)
            .header("content-type", "text/plain");
        world.send(request.body(Body::from(body)).unwrap())
    };
    for reply in join_all((0..20).map(deliver)).await {
        assert_eq!(reply.status, 503);
        assert!(reply.headers.contains_key("retry-after"));
    }
    let enough = if on_a_server {
        "drop trigger full_disk on ledger"
    } else {
        "drop trigger full_disk"
    };
    world.tamper(enough).await.unwrap();
    assert_eq!(tally(&world).await.rows, 0);
    assert_eq!(deliver(0).await.status, 202);
    assert_eq!(tally(&world).await.rows, 1);
    survives_a_restart(&mut world).await;
}

#[tokio::test]
async fn a_late_report_does_not_stand_in_the_way_of_a_fresh_one() {
    let world = world(|setup| setup.config["max_event_age"] = json!("5m")).await;
    let old = world.clock.now() - SignedDuration::from_mins(6);
    world.deliver("logs", &row(OURS, old)).await;
    world.settle().await;
    assert_eq!(world.messages(), ["too_old"]);
    world.deliver("logs", &row(OURS, old)).await;
    world.settle().await;
    assert_eq!(world.messages(), ["too_old"]);
    world.deliver("logs", &row(OURS, world.clock.now())).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn what_names_no_host_is_told_apart_by_the_registry_that_is_meant() {
    let world = world(|setup| {
        let other = Registry::new("contosotest").id();
        setup.config["registries"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "id": other }));
    })
    .await;
    world.azure.add_registry(Registry::new("contosotest"));
    world.settle().await;
    for (registry, decisions) in [(REGISTRY, 1), ("contosotest", 2), (REGISTRY, 2)] {
        let caller = STRANGER.parse().unwrap();
        let mut row = login_event(&Registry::new(registry), caller, 403, world.clock.now());
        row["properties"]
            .as_object_mut()
            .unwrap()
            .remove("loginServer");
        let reply = world
            .deliver("logs", &json!({ "records": [row] }).to_string())
            .await;
        assert!(reply.text.contains("\"denials\":1"), "{}", reply.text);
        world.settle().await;
        assert_eq!(tally(&world).await.decisions, decisions, "{registry}");
    }
}

#[tokio::test]
async fn after_the_repeat_window_the_same_denial_is_decided_anew() {
    let world = world(|setup| {
        setup.policy += "default: alert\n";
        setup.config["dedup_window"] = json!("2m");
    })
    .await;
    for (minutes, verdicts) in [(0, 1), (1, 1), (1, 2)] {
        world.jump(Duration::from_mins(minutes));
        world.denied(STRANGER).await;
        world.settle().await;
        assert_eq!(tally(&world).await.decisions, verdicts);
    }
}

#[tokio::test]
async fn a_repeat_is_shown_where_it_belongs() {
    let world = world(|_| {}).await;
    world.denied(STRANGER).await;
    world.settle().await;
    for _ in 0..3 {
        world.denied(STRANGER).await;
    }
    let kinds = world.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "denied").count(), 1);
    let page = doorward::http::admin_router(
        std::sync::Arc::clone(&world.app),
        "127.0.0.1:8081".parse().unwrap(),
    );
    let request = Request::get("/").header("host", "127.0.0.1:8081");
    let reply = tower::ServiceExt::oneshot(page, request.body(Body::empty()).unwrap()).await;
    let body = axum::body::to_bytes(reply.unwrap().into_body(), 1 << 20).await;
    let page = String::from_utf8(body.unwrap().to_vec()).unwrap();
    assert!(page.contains("refused 3 more times"), "{page}");
    assert!(page.contains("51.140.7.9 on contosoprod"), "{page}");
}

#[tokio::test]
async fn unknown_sources_cannot_spend_the_grants_that_are_kept_for_our_own() {
    let world = world(|setup| {
        setup.policy +=
            "  - { name: all, then: allow, accept_shared: a registry that holds nothing }\n";
        setup.config["registries"][0]["grants_per_hour"] = json!(4);
    })
    .await;
    post(&world, &batches((0..5).map(unknown_source)).concat()).await;
    world.settle().await;
    assert_eq!(world.entries().len(), 3);
    assert_eq!(world.messages(), ["budget_spent", "budget_spent"]);
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().contains(&OURS.to_owned()));
}

#[tokio::test]
async fn our_own_address_is_decided_before_the_unknown_sources_who_came_first() {
    let world = world(|setup| {
        setup.policy +=
            "  - { name: all, then: allow, accept_shared: a registry that holds nothing }\n";
    })
    .await;
    let mut all: Vec<String> = (0..20).map(unknown_source).collect();
    all.push(OURS.to_owned());
    post(&world, &batches(all.into_iter()).concat()).await;
    world.settle().await;
    let granted = |what: &LedgerEvent| match what {
        LedgerEvent::Granted(grant) => Some(grant.address.to_string()),
        _ => None,
    };
    let first = world.ledger().await.iter().find_map(granted);
    assert_eq!(first.as_deref(), Some(OURS));
}

#[tokio::test]
async fn of_what_is_written_together_one_refusal_costs_the_others_nothing() {
    let world = world(|_| {}).await;
    world.denied(STRANGER).await;
    world.settle().await;
    let ledger = world.ledger().await;
    let decided = ledger.iter().find(|what| what.kind() == "decided").unwrap();
    let told = |number: u128| LedgerEvent::Delivered {
        alert: doorward_core::ledger::id::AlertId(uuid::Uuid::from_u128(number)),
        channel: "chat".to_owned(),
        receipt: None,
    };
    let groups = vec![
        vec![told(1)],
        vec![told(2), decided.clone()],
        vec![told(2)],
        vec![told(2)],
        vec![told(3), told(3)],
    ];
    let now = world.clock.now();
    let as_of = world.app.ledger.as_of();
    let good = world.app.ledger.decide(now, as_of, groups).await.unwrap();
    assert_eq!(good, [true, false, true, false, false]);
    assert_eq!(world.ledger().await.len(), ledger.len() + 2);
    world.app.ledger.verify().await.unwrap();
}

#[test]
fn a_repeat_window_is_no_longer_than_verdicts_are_remembered() {
    let text = "dedup_window: 25h";
    let error = doorward::config::parse("doorward.yaml", text, std::path::Path::new("/"));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("longer than a verdict is remembered"),
        "{error}"
    );
    assert!(
        error.contains("write at most 1d") || error.contains("write at most 24h"),
        "{error}"
    );
}
