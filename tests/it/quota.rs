//! A list has few places: what is merged, who gives way, and what that costs in requests and in time.

#![expect(
    clippy::print_stdout,
    reason = "what it costs in requests and in time is told to whoever asks with --nocapture"
)]

use crate::others::taking;
use crate::world::{REGISTRY, World, message};
use doorward_core::ledger::grant::Ending;
use doorward_sim::{Call, Fault, Knobs, Moment, Outcome, Registry};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

const POLICY: &str = "
version: 1
sets:
  agents: { cidrs: [20.61.0.0/20] }
  pool: { cidrs: [20.62.0.0/28] }
  guests: { cidrs: [20.63.0.0/24] }
rules:
  - { name: agents, when: { address: agents }, then: allow, for: 10m }
  - { name: pool, when: { address: pool }, then: allow, for: 10m, widen: true }
  - { name: guests, when: { address: guests }, then: allow, for: 30m, evictable: true }
";

/// A world with room for `limit` entries on each of `registries`, two places of which are kept.
async fn world(registries: usize, limit: usize) -> World {
    let names: Vec<String> = (0..registries).map(name).collect();
    let world = World::with(|setup| {
        POLICY.clone_into(&mut setup.policy);
        let of = |name: &String| {
            json!({ "id": Registry::new(name).id(), "grants_per_hour": 1000, "reserved_entries": 2 })
        };
        setup.config["registries"] = names.iter().map(of).collect();
        setup.config["sources"][0]["rate_per_second"] = json!(100_000);
    })
    .await;
    for name in &names {
        if name != REGISTRY {
            world.azure.add_registry(Registry::new(name));
        }
        world
            .azure
            .edit(name, "nobody", |registry| registry.ip_rule_limit = limit);
    }
    world.settle().await;
    world
}

/// The name of registry `number`.
fn name(number: usize) -> String {
    match number {
        0 => REGISTRY.to_owned(),
        more => format!("{REGISTRY}{more}"),
    }
}

/// The address of agent `number`.
fn agent(number: u32) -> String {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(20, 61, 0, 0)) + number).to_string()
}

async fn refused(world: &World, address: &str, by: &str) {
    let text = message(address).replace(REGISTRY, by);
    assert_eq!(world.deliver("clusters", &text).await.status, 202);
}

fn patches(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for patch in world.azure.requests_of(Call::PatchRegistry) {
        let name = patch.path.rsplit('/').next().unwrap().to_owned();
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// The list in each PATCH.
fn lists(world: &World) -> Vec<Vec<String>> {
    let list = |body: Value| -> Vec<String> {
        let rules = body["properties"]["networkRuleSet"]["ipRules"]
            .as_array()
            .unwrap()
            .clone();
        rules
            .iter()
            .map(|rule| rule["value"].as_str().unwrap().to_owned())
            .collect()
    };
    let patches = world.azure.requests_of(Call::PatchRegistry);
    patches
        .iter()
        .map(|patch| list(patch.body.clone().unwrap()))
        .collect()
}

#[tokio::test]
async fn what_arrives_within_a_second_costs_three_patches_at_most() {
    for (registries, all) in [(1, 150), (5, 500)] {
        let world = world(registries, 200).await;
        for number in 0..all {
            let registry = name(usize::try_from(number).unwrap() % registries);
            refused(&world, &agent(number * 2), &registry).await;
            world.jump(Duration::from_micros(1_000_000 / u64::from(all)));
            // Azure answers at once: nothing gathers while a write is under way.
            world.settle().await;
        }
        world.pass(Duration::from_secs(3)).await;
        let counts = patches(&world);
        assert_eq!(counts.len(), registries);
        assert!(
            counts.values().all(|count| *count <= 3),
            "{all}: {counts:?}"
        );
        println!("{all} grants within a second, PATCHes by registry: {counts:?}");
        let open: usize = (0..registries)
            .map(|at| world.azure.entries(&name(at)).len())
            .sum();
        assert_eq!(open, usize::try_from(all).unwrap());
    }
}

#[tokio::test]
async fn every_entry_is_gone_within_a_minute_of_its_end() {
    let world = world(1, 200).await;
    world.azure.knobs(|knobs| {
        knobs.writes = taking(4, 5, Outcome::Succeeded);
    });
    for batch in 0..50 {
        for number in 0..3 {
            refused(&world, &agent((batch * 3 + number) * 2), REGISTRY).await;
        }
        world.pass(Duration::from_secs(1)).await;
    }
    let ends: BTreeMap<String, Timestamp> = world.app.ledger.read(|state| {
        let grants = state.grants.values();
        grants
            .map(|standing| (standing.grant.address.to_string(), standing.grant.until))
            .collect()
    });
    assert_eq!(ends.len(), 150);
    let mut there: BTreeSet<String> = world.entries().into_iter().collect();
    let mut late: Vec<i64> = Vec::new();
    while late.len() < ends.len()
        && world.clock.now() < *ends.values().max().unwrap() + Duration::from_mins(5)
    {
        world.pass(Duration::from_secs(1)).await;
        let now: BTreeSet<String> = world.entries().into_iter().collect();
        late.extend(
            there
                .difference(&now)
                .map(|gone| world.clock.now().duration_since(ends[gone]).as_secs()),
        );
        there = now;
    }
    late.sort_unstable();
    assert_eq!(late.len(), 150);
    let p99 = late[late.len() * 99 / 100 - 1];
    println!(
        "150 grants, each PATCH takes 4 s, seconds from end to gone: p50 {}, p99 {p99}, max {}",
        late[74], late[149]
    );
    assert!(
        late[0] >= 0 && p99 <= 15 && late[149] <= 60,
        "seconds from end to gone: {late:?}"
    );
}

/// Three are let in one after the other, two of them by one entry for want of room.
async fn neighbours(apart: Duration) -> World {
    let world = world(1, 5).await;
    world
        .azure
        .edit(REGISTRY, "az", |registry| registry.allow("8.8.8.8"));
    for number in [4, 5, 6] {
        refused(&world, &agent(number), REGISTRY).await;
        world.settle().await;
        world.pass(apart).await;
    }
    assert_eq!(world.entries(), ["8.8.8.8", "20.61.0.4/31", "20.61.0.6"]);
    world
}

#[tokio::test]
async fn what_ends_while_its_share_is_parted_goes_too() {
    let world = neighbours(Duration::from_secs(20)).await;
    // Parting takes longer than the second of them has left.
    world.azure.knobs(|knobs| {
        knobs.writes = taking(30, 2, Outcome::Succeeded);
    });
    world.pass(Duration::from_mins(11)).await;
    assert_eq!(world.entries(), ["8.8.8.8"]);
}

#[tokio::test]
async fn neighbours_share_an_entry_for_want_of_room_and_part_again_in_one_write() {
    let world = neighbours(Duration::from_mins(1)).await;
    world.pass(Duration::from_mins(7)).await;
    assert_eq!(world.entries(), ["8.8.8.8", "20.61.0.6", "20.61.0.5"]);
    let admits = |list: &[String], address: &str| {
        let address: Ipv4Addr = address.parse().unwrap();
        let networks = list
            .iter()
            .filter_map(|text| doorward_core::net::network::parse(text));
        networks
            .into_iter()
            .any(|network| network.contains(&address))
    };
    // From the first to the last write nobody is out who was in.
    let lists = lists(&world);
    assert!(
        lists[1..].iter().all(|list| admits(list, "20.61.0.5")),
        "{lists:?}"
    );
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.entries(), ["8.8.8.8"]);
    assert_eq!(world.endings().await, [Ending::Expired; 3]);
    // Of all entries that came and went, people are told of the one that somebody else added.
    assert_eq!(world.messages(), ["foreign_new"]);
    let text = world.last_message("text");
    assert!(
        text.contains("others added to the list of `contosoprod`: `8.8.8.8`. Before"),
        "{text}"
    );
}

#[tokio::test]
async fn a_range_within_what_is_owned_serves_several_and_survives_a_restart() {
    let mut world = world(1, 3).await;
    for last in [1, 6] {
        refused(&world, &format!("20.62.0.{last}"), REGISTRY).await;
        world.settle().await;
    }
    assert_eq!(world.entries(), ["20.62.0.0/29"]);
    // Another one that the range admits costs no write.
    let before = patches(&world);
    refused(&world, "20.62.0.3", REGISTRY).await;
    world.settle().await;
    assert_eq!(patches(&world), before);
    assert_eq!(
        world
            .kinds()
            .await
            .iter()
            .filter(|kind| **kind == "opened")
            .count(),
        3
    );
    world.restart().await;
    world.pass(Duration::from_mins(11)).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.endings().await, [Ending::Expired; 3]);
}

#[tokio::test]
async fn an_entry_that_several_share_is_not_handed_over_for_one_of_them() {
    let world = world(1, 3).await;
    for last in [1, 6] {
        refused(&world, &format!("20.62.0.{last}"), REGISTRY).await;
        world.settle().await;
    }
    assert_eq!(world.entries(), ["20.62.0.0/29"]);
    let before = world.kinds().await;
    for grant in world.grants().await {
        let path = format!("/api/v1/grants/{grant}/keep");
        let reply = world.order(&path, json!({ "by": "ada" })).await;
        assert_eq!(reply.status, 409, "{}", reply.text);
        for part in [
            "`20.62.0.0/29`, which is wider than this grant",
            "`doorward grants extend`",
            "az acr network-rule add -n contosoprod --ip-address 20.62.0.",
        ] {
            assert!(reply.text.contains(part), "{}", reply.text);
        }
    }
    assert_eq!(world.kinds().await, before);
    // Whoever follows the advice has an entry that stays, and the others' is taken away on time.
    world
        .azure
        .edit(REGISTRY, "az", |registry| registry.allow("20.62.0.6"));
    world.pass(Duration::from_mins(11)).await;
    assert_eq!(world.entries(), ["20.62.0.6"]);
    let endings = world.endings().await;
    assert_eq!(endings, [Ending::LeftToOthers, Ending::Expired]);
}

#[tokio::test]
async fn an_entry_that_a_write_is_moving_is_not_handed_over() {
    let world = world(1, 3).await;
    refused(&world, "20.62.0.1", REGISTRY).await;
    world.settle().await;
    let first = world.grants().await.remove(0);
    let path = format!("/api/v1/grants/{first}/keep");
    let hold = world.azure.hold(Call::PatchRegistry, Moment::Before);
    refused(&world, "20.62.0.6", REGISTRY).await;
    let between = async {
        hold.reached().await;
        let reply = world.order(&path, json!({ "by": "ada" })).await;
        assert_eq!(reply.status, 409);
        assert!(reply.text.contains("under way"), "{}", reply.text);
        hold.release();
    };
    tokio::join!(world.settle(), between);
    assert_eq!(world.entries(), ["20.62.0.0/29"]);
    assert_eq!(world.grants().await.len(), 2);
}

#[tokio::test]
async fn who_may_go_early_makes_room_and_people_are_told() {
    let world = world(1, 4).await;
    for address in ["20.63.0.10", "20.63.0.20", "20.61.0.1"] {
        refused(&world, address, REGISTRY).await;
        world.pass(Duration::from_secs(5)).await;
    }
    assert_eq!(world.entries(), ["20.63.0.20", "20.61.0.1"]);
    assert_eq!(world.messages(), ["evicted"]);
    assert!(world.last_message("text").contains("`20.63.0.10`"));
    assert_eq!(world.endings().await, [Ending::Evicted]);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_what_fills_the_list() {
    let world = world(1, 4).await;
    world
        .azure
        .edit(REGISTRY, "az", |registry| registry.allow("8.8.8.8"));
    for number in [1, 5] {
        refused(&world, &agent(number), REGISTRY).await;
        world.pass(Duration::from_secs(5)).await;
    }
    assert_eq!(world.entries(), ["8.8.8.8", "20.61.0.1"]);
    assert_eq!(world.messages(), ["list_full"]);
    let text = world.last_message("text");
    for part in [
        "1 entries are not doorward's, 1 are, 2 of 4 places are kept",
        "3 entries would be needed",
        "`evictable: true`",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn entries_of_others_stand_in_whatever_form_they_have() {
    let world = world(1, 20).await;
    let odd = ["20.61.0.9/32", "40.1.2.3/24", "40.1.3.0/24"];
    world.azure.edit(REGISTRY, "portal", |registry| {
        for value in odd {
            registry.allow(value);
        }
    });
    let stood = world.entries();
    refused(&world, "20.61.0.9", REGISTRY).await;
    refused(&world, "20.61.0.11", REGISTRY).await;
    world.settle().await;
    let mut with_ours = stood.clone();
    with_ours.push("20.61.0.11".to_owned());
    assert_eq!(lists(&world), [with_ours]);
    world.pass(Duration::from_mins(11)).await;
    assert_eq!(world.entries(), stood);
}

#[tokio::test]
async fn a_limit_that_azure_has_told_counts_while_it_does_not_answer() {
    let world = world(1, 6).await;
    refused(&world, &agent(0), REGISTRY).await;
    world.settle().await;
    let broken = Fault::Status {
        status: 503,
        retry_after: None,
    };
    world
        .azure
        .knobs(|knobs| knobs.always(Call::ListUsages, broken));
    let asked = || world.azure.requests_of(Call::ListUsages).len();
    let before = asked();
    // The limit is asked for again only after ten minutes, and by then none is given.
    world.pass(Duration::from_mins(11)).await;
    for number in 1..=6 {
        refused(&world, &agent(number * 2), REGISTRY).await;
        world.pass(Duration::from_secs(3)).await;
    }
    assert_eq!(world.entries().len(), 4);
    assert_eq!(world.messages(), ["list_full", "list_full"]);
    assert!(lists(&world).iter().all(|list| list.len() <= 4));
    // It is asked for once a minute, not in every turn.
    let in_vain = asked() - before;
    assert!((1..=2).contains(&in_vain), "{in_vain}");
    world.azure.knobs(Knobs::no_faults);
    world
        .azure
        .edit(REGISTRY, "nobody", |registry| registry.ip_rule_limit = 7);
    world.pass(Duration::from_mins(1)).await;
    refused(&world, &agent(20), REGISTRY).await;
    world.settle().await;
    assert_eq!((world.entries().len(), asked()), (5, before + in_vain + 1));
}
