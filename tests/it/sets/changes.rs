//! How much a set may change by itself, and what waits for a person.

use super::{ASK, HOUR, later, list_of, listed, publish, rule, world};
use crate::world::{Reply, World};
use axum::http::Method;
use doorward::flow::{policy, sets};
use doorward::http::admin_router;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

async fn confirm(world: &World, name: &str, hash: &str) -> Reply {
    let order = json!({ "name": name, "hash": hash, "by": "ada" });
    world.order("/api/v1/sets/confirm", order).await
}

#[tokio::test]
async fn a_landslide_waits_until_a_person_confirms_it() {
    let mut world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    later(&world, HOUR).await;
    let set = listed(&world, "list");
    assert_eq!(set.size.unwrap().addresses, 1024);
    let waits = set.pending.unwrap();
    assert_eq!(waits.size.addresses, 128);
    assert!(
        waits.reason.starts_with("896 IPv4 addresses would go"),
        "{}",
        waits.reason
    );
    assert_eq!(rule(&world, "20.88.3.7").await.as_deref(), Some("known"));
    // People are told once, with the hash; so does the metric.
    world.settle().await;
    assert_eq!(
        world
            .messages()
            .iter()
            .filter(|code| *code == "set_refused")
            .count(),
        1
    );
    let metrics = world.app.metrics.render();
    assert!(
        metrics.contains(&format!(
            "doorward_set_waiting{{set=\"list\",hash=\"{}\"}} 1",
            waits.hash
        )),
        "{metrics}"
    );
    // What waits is remembered, and the last value goes on counting where it can be had.
    world.restart().await;
    assert_eq!(listed(&world, "list").pending.unwrap().hash, waits.hash);
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 1024);
    assert_eq!(
        confirm(&world, "list", "sha256:0123456789abcdef")
            .await
            .status,
        409
    );
    assert_eq!(confirm(&world, "list", &waits.hash[..10]).await.status, 409);
    assert_eq!(confirm(&world, "lists", &waits.hash).await.status, 404);
    let reply = confirm(&world, "list", &waits.hash[..20]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    sets::run_once(&world.app).await;
    let set = listed(&world, "list");
    assert_eq!((set.size.unwrap().addresses, set.pending), (128, None));
    assert!(!world.app.metrics.render().contains("doorward_set_waiting{"));
    assert_eq!(rule(&world, "20.88.3.8").await, None);
    assert_eq!(confirm(&world, "list", &waits.hash).await.status, 409);
    let kinds = world.kinds().await;
    let of = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!((of("set_refused"), of("set_confirmed")), (1, 1));
}

#[tokio::test]
async fn a_confirmation_is_remembered_over_a_restart() {
    let mut world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let hash = listed(&world, "list").pending.unwrap().hash;
    assert_eq!(confirm(&world, "list", &hash).await.status, 200);
    world.restart().await;
    let set = listed(&world, "list");
    assert_eq!((set.hash, set.pending), (Some(hash), None));
}

#[tokio::test]
async fn what_was_confirmed_counts_only_if_it_is_still_just_that() {
    let world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let first = listed(&world, "list").pending.unwrap().hash;
    publish(&world, "20.88.0.0/26\n");
    assert_eq!(confirm(&world, "list", &first).await.status, 200);
    sets::run_once(&world.app).await;
    let set = listed(&world, "list");
    assert_eq!(set.size.unwrap().addresses, 1024);
    assert_ne!(set.pending.unwrap().hash, first);
    // Back to what it was: nothing waits any more.
    publish(&world, "20.88.0.0/22\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").pending, None);
}

#[tokio::test]
async fn a_bound_of_ones_own_and_small_sets_that_change_freely() {
    let world = world(
        |azure| {
            let url = azure.publish("list", "20.88.0.0/22\n");
            format!("list: {{ http: \"{url}\", max_refresh_change: 90% }}")
        },
        ASK,
    )
    .await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 128);
    publish(&world, "20.88.0.0/28\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 16);
    publish(&world, "20.99.0.0/29\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 8);
}

#[tokio::test]
async fn what_a_person_put_into_a_file_needs_no_other() {
    let world = World::new().await;
    let folder = world.folder.path().join("policies");
    let file = |text: &str| fs::write(folder.join("list.txt"), text).unwrap();
    file("20.88.0.0/16\n");
    let text =
        format!("version: 1\nsets: {{ list: {{ cidrs_file: list.txt }} }}\nrules:\n  {ASK}\n");
    fs::write(folder.join("policy.yaml"), text).unwrap();
    policy::take_in(&world.app).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 65536);
    file("20.88.0.1\n");
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 1);
}

#[tokio::test]
async fn a_set_is_confirmed_by_a_command_and_by_somebody() {
    let world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let hash = listed(&world, "list").pending.unwrap().hash;
    let order = json!({ "name": "list", "hash": hash, "by": "ada" }).to_string();
    let path = "/api/v1/sets/confirm";
    let json = ("content-type", "application/json");
    let command = ("x-doorward-command", "1");
    for headers in [
        vec![json],
        vec![command],
        vec![command, ("content-type", "text/plain")],
        vec![
            command,
            ("content-type", "application/x-www-form-urlencoded"),
        ],
        vec![json, command, ("origin", "https://evil.example")],
        vec![json, command, ("origin", "null")],
        vec![json, command, ("origin", "http://127.0.0.1:8081")],
        vec![json, command, ("sec-fetch-site", "cross-site")],
    ] {
        let reply = world.admin(Method::POST, path, &headers, order.clone());
        let reply = reply.await;
        assert_eq!(reply.status, 403, "{headers:?}: {}", reply.text);
    }
    for nobody in [
        json!({ "name": "list", "hash": hash }),
        json!({ "name": "list", "hash": hash, "by": "" }),
        json!({ "name": "list", "hash": hash, "by": "ada", "force": true }),
    ] {
        assert_eq!(world.order(path, nobody).await.status, 400);
    }
    assert_eq!(world.ask(path).await.status, 405);
    for gone in ["/sets", "/sets/confirm"] {
        assert_eq!(world.ask(gone).await.status, 404);
    }
    assert_eq!(
        world.ask("/api/v1/sets").await.json()["items"][0]["pending"]["hash"],
        hash
    );
    assert_eq!(confirm(&world, "list", &hash).await.status, 200);
    let who = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::SetConfirmed { by, .. } => Some(by),
            _ => None,
        });
    assert_eq!(who, Some(Some(Actor::Person("ada".to_owned()))));
}

#[tokio::test]
async fn the_program_lists_and_confirms() {
    let world = list_of("20.88.0.0/22\n").await;
    publish(&world, "20.88.0.0/25\n");
    later(&world, HOUR).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let router = admin_router(Arc::clone(&world.app), address);
    tokio_util::task::TaskTracker::new().spawn(doorward::http::serve(listener, router, stop));
    let admin = format!("http://{address}");
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        let output = command.args(arguments).args(["--admin", &admin]).output();
        let output = output.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, told, _) = run(&["sets", "list"]).await;
    assert_eq!(code, Some(0));
    assert!(
        told.contains("list  http (shared): 1024 IPv4 addresses"),
        "{told}"
    );
    let hash = listed(&world, "list").pending.unwrap().hash;
    assert!(
        told.contains(&format!("doorward sets confirm list {hash}")),
        "{told}"
    );
    let (code, told, _) = run(&["sets", "list", "--output", "json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told[0]["pending"]["hash"]), (Some(0), &json!(hash)));
    let (code, _, error) =
        run(&["sets", "confirm", "list", "sha256:00000000", "--by", "ada"]).await;
    assert!(code == Some(1) && error.contains(&hash), "{error}");
    let (code, told, error) = run(&["sets", "confirm", "list", &hash, "--by", "ada"]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("asked again now"), "{told}");
    sets::run_once(&world.app).await;
    assert_eq!(listed(&world, "list").size.unwrap().addresses, 128);
}
