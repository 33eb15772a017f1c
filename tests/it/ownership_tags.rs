//! The second memory: tags of the registry, for the day on which the ledger is lost.

use crate::world::{OURS, PREFIX, REGISTRY, STRANGER, World};
use doorward_core::firewall::ownership_tags;
use doorward_core::firewall::ownership_tags::OwnershipTagKey;
use doorward_core::firewall::raw_json::{RawJson, RawObject};
use doorward_core::net::resource_id::ResourceId;
use doorward_sim::{Call, DefaultAction, Registry, Tags};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
/// How often a registry is read when nothing else is to be done.
const EVERY: Duration = Duration::from_mins(5);
const LINK_KEY: &str = "0123456789abcdef0123456789abcdef";

/// A world whose registry's tags say what is doorward's.
async fn world() -> World {
    let set = |setup: &mut crate::world::Setup| {
        setup.config["registries"][0]["ownership_tags"] = json!("tags");
    };
    let world = World::with(set).await;
    world.azure.edit(REGISTRY, "owner", |registry| {
        registry.tags.insert("cost-center".into(), "42".into());
    });
    world
}

fn tags(world: &World) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    world
        .azure
        .edit(REGISTRY, "reader", |registry| tags = registry.tags.clone());
    tags
}

fn id() -> ResourceId {
    Registry::new(REGISTRY).id().parse().unwrap()
}

fn key() -> OwnershipTagKey {
    OwnershipTagKey::new(&SecretString::from(LINK_KEY)).unwrap()
}

/// What the tags say, as `address until`.
fn owned_tags(world: &World) -> Vec<String> {
    let tags = RawJson::from(&json!(tags(world))).object().unwrap();
    let said = ownership_tags::read(&tags, &id(), &key()).ends;
    let said = said.iter();
    said.map(|(network, end)| format!("{} {end}", network.addr()))
        .collect()
}

/// Tags that say that these entries are doorward's.
pub(crate) fn tags_saying(ends: &[(&str, Timestamp)]) -> BTreeMap<String, String> {
    let ends = ends.iter();
    let ends = ends
        .map(|(network, end)| (network.parse().unwrap(), *end))
        .collect();
    let packed = ownership_tags::pack(&RawObject::default(), &ends, (&id(), &key()), false);
    let tags = packed.tags.iter();
    tags.map(|(name, value)| (name.to_owned(), value.text().unwrap()))
        .collect()
}

fn patches(world: &World) -> Vec<Value> {
    let patches = world.azure.requests_of(Call::PatchRegistry);
    patches.iter().map(|it| it.body.clone().unwrap()).collect()
}

#[tokio::test]
async fn tags_come_and_go_in_the_same_write_as_entries() {
    let world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(owned_tags(&world), [format!("{OURS} 2026-11-22T12:10:00Z")]);
    let bodies = patches(&world);
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["tags"]["cost-center"], "42");
    assert_eq!(bodies[0].as_object().unwrap().len(), 2);
    world.pass(10 * MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(patches(&world).len(), 2);
    let left: Vec<String> = tags(&world).into_keys().collect();
    assert_eq!(left, ["cost-center"]);
}

#[tokio::test]
async fn without_ownership_tags_tags_are_not_touched() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    assert!(
        patches(&world)
            .iter()
            .all(|body| body.get("tags").is_none())
    );
}

#[tokio::test]
async fn a_lost_ledger_is_made_up_and_its_entries_end_on_time() {
    let mut world = world().await;
    world
        .azure
        .edit(REGISTRY, "portal", |registry| registry.allow(STRANGER));
    world.denied(OURS).await;
    world.denied(&PREFIX.replace("/30", "")).await;
    world.settle().await;
    assert_eq!(world.entries().len(), 3);
    let written = patches(&world).len();
    world.lose_the_ledger().await;
    world.settle().await;
    assert_eq!(world.messages(), ["recovered"]);
    assert!(world.last_message("text").contains(OURS));
    assert_eq!(world.grants().await.len(), 2);
    assert_eq!(
        patches(&world).len(),
        written,
        "nothing needed to be written"
    );
    world.restart().await;
    world.pass(9 * MINUTE).await;
    assert_eq!(world.entries().len(), 3);
    world.pass(MINUTE).await;
    assert_eq!(world.entries(), [STRANGER]);
    let kinds = world.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "recovered").count(), 2);
    assert!(!kinds.contains(&"granted"));
}

#[tokio::test]
async fn what_only_a_later_read_shows_is_made_up_then() {
    let mut world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    world.denied(&PREFIX.replace("/30", "")).await;
    world.settle().await;
    // What is read after the loss is older than the second entry.
    let stale = |world: &World, reads| world.azure.model(|model| model.read_stale(REGISTRY, reads));
    stale(&world, 9);
    world.lose_the_ledger().await;
    world.settle().await;
    assert_eq!(world.grants().await.len(), 1);
    stale(&world, 0);
    // A write comes before the next look at leisure: it forgets nothing.
    world.denied("20.61.10.17").await;
    world.settle().await;
    assert_eq!(world.grants().await.len(), 3);
    assert_eq!(owned_tags(&world).len(), 3);
    assert_eq!(world.messages(), ["recovered", "recovered"]);
    world.pass(11 * MINUTE).await;
    assert!(world.entries().is_empty(), "{:?}", world.entries());
}

#[tokio::test]
async fn an_older_copy_of_the_ledger_is_told_what_it_does_not_know() {
    let mut world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    let copy = world.copy_of_the_ledger().await;
    let second = PREFIX.replace("/30", "");
    world.denied(&second).await;
    world.settle().await;
    world.put_back(copy).await;
    world.pass(EVERY).await;
    assert_eq!(world.grants().await.len(), 2);
    assert_eq!(world.messages(), ["recovered"]);
    let told = world.last_message("text");
    assert!(told.contains(&second) && !told.contains(OURS), "{told}");
    world.pass(6 * MINUTE).await;
    assert!(world.entries().is_empty(), "{:?}", world.entries());
}

#[tokio::test]
async fn what_the_ledger_has_let_go_is_not_believed_again() {
    let world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    let copied = tags(&world);
    world.pass(10 * MINUTE).await;
    assert!(world.entries().is_empty());
    // Somebody adds the address for good, and somebody puts the old tag back.
    world.azure.edit(REGISTRY, "mallory", |registry| {
        registry.allow(OURS);
        registry.tags.extend(copied);
    });
    world.pass(EVERY).await;
    assert_eq!(world.entries(), [OURS]);
    assert!(owned_tags(&world).is_empty());
}

#[tokio::test]
async fn what_ended_while_nobody_was_there_goes_at_once() {
    let mut world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    world.jump(Duration::from_hours(30));
    world.lose_the_ledger().await;
    world.settle().await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn what_does_not_verify_is_ignored_and_told_once() {
    let mut world = world().await;
    world.azure.edit(REGISTRY, "mallory", |registry| {
        registry.allow(STRANGER);
        let elsewhere = tags_saying(&[("51.140.7.9/32", Timestamp::UNIX_EPOCH)]);
        let forged = elsewhere.values().next().unwrap().replacen('A', "B", 1);
        registry.tags.insert("doorward-tags-0".into(), forged);
        registry.tags.insert("doorward-tags-1".into(), "AQ".into());
    });
    world.settle().await;
    assert_eq!(
        world.messages(),
        ["ownership_tag_ignored", "ownership_tag_ignored"]
    );
    world.denied(OURS).await;
    world.settle().await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.entries(), [STRANGER]);
    assert_eq!(tags(&world).len(), 3, "tags that are not ours are carried");
    assert_eq!(world.messages().len(), 2);
    world.lose_the_ledger().await;
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn an_old_crumb_that_is_put_back_is_not_believed_for_ever() {
    let mut world = world().await;
    let week = SignedDuration::from_hours(7 * 24);
    let old = world.clock.now() - week - SignedDuration::from_mins(2);
    world.azure.edit(REGISTRY, "mallory", |registry| {
        registry.allow(STRANGER);
        registry.tags.extend(tags_saying(&[("51.140.7.9/32", old)]));
    });
    world.lose_the_ledger().await;
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    assert_eq!(world.messages(), ["recovered"]);
    assert!(world.last_message("text").contains("Left alone"));
}

#[tokio::test]
async fn an_entry_that_is_handed_over_is_forgotten_at_once() {
    let mut world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    let grant = world.grants().await.remove(0);
    let path = format!("/api/v1/grants/{grant}/keep");
    world.order(&path, json!({ "by": "ada" })).await;
    world.settle().await;
    assert!(owned_tags(&world).is_empty());
    let last = patches(&world).pop().unwrap();
    assert_eq!(last, json!({ "tags": { "cost-center": "42" } }));
    world.lose_the_ledger().await;
    world.jump(Duration::from_hours(1));
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn an_extension_is_written_at_once_and_so_is_what_others_wiped_when_next_looked() {
    let mut world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    let grant = world.grants().await.remove(0);
    let path = format!("/api/v1/grants/{grant}/extend");
    let order = json!({ "seconds": 7200, "by": "ada" });
    world.order(&path, order).await;
    world.settle().await;
    let said = [format!("{OURS} 2026-11-22T14:00:00Z")];
    assert_eq!(owned_tags(&world), said);
    world
        .azure
        .edit(REGISTRY, "terraform", |registry| registry.tags.clear());
    world.restart().await;
    world.settle().await;
    assert_eq!(owned_tags(&world), said);
}

#[tokio::test]
async fn what_others_wiped_is_written_again_after_the_next_look_at_the_registry() {
    let world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    let grant = world.grants().await.remove(0);
    let path = format!("/api/v1/grants/{grant}/extend");
    let order = json!({ "seconds": 7200, "by": "ada" });
    world.order(&path, order).await;
    world.settle().await;
    let said = owned_tags(&world);
    world
        .azure
        .edit(REGISTRY, "terraform", |registry| registry.tags.clear());
    let written = patches(&world).len();
    world.settle().await;
    assert!(owned_tags(&world).is_empty(), "nobody has looked yet");
    world.pass(EVERY).await;
    assert_eq!(owned_tags(&world), said);
    assert_eq!(world.entries(), [OURS]);
    let last = patches(&world).split_off(written);
    assert_eq!(last.len(), 1);
    assert!(last[0].get("properties").is_none(), "{}", last[0]);
    assert!(world.messages().is_empty(), "{:?}", world.messages());
}

/// A pool whose addresses may share an entry, and one beside it.
const SHARED: &str = "
version: 1
sets:
  pool: { cidrs: [20.62.0.0/29] }
  agents: { cidrs: [20.62.0.8/29] }
rules:
  - { name: pool, when: { address: pool }, then: allow, for: 10m, widen: true }
  - { name: agents, when: { address: agents }, then: allow, for: 10m }
";

#[tokio::test]
async fn a_shared_entry_is_known_again_and_opens_nobody_else() {
    let mut world = World::with(|setup| {
        SHARED.clone_into(&mut setup.policy);
        setup.config["registries"][0]["ownership_tags"] = json!("tags");
        setup.config["registries"][0]["reserved_entries"] = json!(2);
    })
    .await;
    let narrow = |registry: &mut Registry| registry.ip_rule_limit = 3;
    world.azure.edit(REGISTRY, "nobody", narrow);
    for address in ["20.62.0.1", "20.62.0.6"] {
        world.denied(address).await;
        world.settle().await;
    }
    let shared = "20.62.0.0/29";
    assert_eq!(world.entries(), [shared]);
    let before = patches(&world).len();
    world.jump(3 * MINUTE);
    world.lose_the_ledger().await;
    world.settle().await;
    assert_eq!(world.messages(), ["recovered"]);
    assert_eq!(world.grants().await.len(), 8);
    // A neighbour finds no place, and none is made for it.
    world.denied("20.62.0.8").await;
    world.pass(MINUTE).await;
    assert_eq!(world.messages(), ["recovered", "list_full"]);
    assert_eq!(world.entries(), [shared]);
    world.restart().await;
    world.settle().await;
    assert_eq!(patches(&world).len(), before, "what stands is right");
    // One of the addresses is not to be let in any longer: the others still are.
    let listed = world.ask("/api/v1/grants").await.json();
    let grants = listed["items"].as_array().unwrap();
    let sixth = grants.iter().find(|it| it["address"] == "20.62.0.6");
    let order = json!({ "grants": [sixth.unwrap()["id"]], "by": "ada" });
    world.order("/api/v1/grants/revoke", order).await;
    world.pass(Duration::from_secs(5)).await;
    let parts = ["20.62.0.0/30", "20.62.0.4/31", "20.62.0.7"];
    let mut standing = world.entries();
    standing.sort();
    assert_eq!(standing, parts);
    world.lose_the_ledger().await;
    world.settle().await;
    assert_eq!(world.grants().await.len(), 7);
    world.pass(5 * MINUTE).await;
    assert_eq!(world.entries().len(), 3, "ten minutes are not over");
    world.pass(MINUTE).await;
    assert!(world.entries().is_empty());
    assert!(world.grants().await.is_empty());
    for patch in patches(&world).split_off(before) {
        let rules = patch["properties"]["networkRuleSet"]["ipRules"].clone();
        for rule in rules.as_array().unwrap() {
            assert!(parts.contains(&rule["value"].as_str().unwrap()), "{patch}");
        }
    }
}

#[tokio::test]
async fn a_full_set_of_tags_leaves_none_for_us_and_that_is_told() {
    let world = world().await;
    world.azure.edit(REGISTRY, "owner", |registry| {
        for number in 0..49 {
            registry.tags.insert(format!("team-{number}"), "x".into());
        }
    });
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.messages(), ["ownership_tags_full"]);
    assert_eq!(patches(&world).len(), 1);
    world.pass(10 * MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(tags(&world).len(), 50);
}

#[tokio::test]
async fn entries_come_and_go_where_tags_are_refused() {
    let world = world().await;
    world.azure.knobs(|knobs| knobs.tags = Tags::Refused);
    world.denied(OURS).await;
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.messages(), ["ownership_tags_refused"]);
    world.pass(10 * MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.messages(), ["ownership_tags_refused"]);
}

#[tokio::test]
async fn where_tags_are_merged_ours_say_nothing_in_the_end() {
    let world = world().await;
    world.azure.knobs(|knobs| knobs.tags = Tags::Merged);
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(owned_tags(&world).len(), 1);
    world.pass(11 * MINUTE).await;
    assert!(world.entries().is_empty());
    assert!(owned_tags(&world).is_empty());
    let writes = patches(&world).len();
    world.pass(MINUTE).await;
    assert_eq!(patches(&world).len(), writes, "and then it is quiet");
}

#[tokio::test]
async fn a_set_of_tags_that_never_stays_is_told_and_left() {
    let world = world().await;
    world.denied(OURS).await;
    world.settle().await;
    let grant = world.grants().await.remove(0);
    let path = format!("/api/v1/grants/{grant}/extend");
    let order = json!({ "seconds": 7200, "by": "ada" });
    world.order(&path, order).await;
    for _ in 0..6 {
        let hold = world
            .azure
            .hold(Call::PatchRegistry, doorward_sim::Moment::After);
        tokio::select! {
            () = world.settle() => break,
            () = async {
                hold.reached().await;
                world.azure.edit(REGISTRY, "policy", |registry| registry.tags.clear());
                hold.release();
                std::future::pending::<()>().await;
            } => {}
        }
    }
    world.pass(Duration::from_secs(30)).await;
    let written = patches(&world).len();
    world.pass(MINUTE).await;
    assert_eq!(patches(&world).len(), written);
}

/// A world with a fresh ledger, where the tags still name an entry that has ended and does not stand.
async fn outlived() -> World {
    let world = world().await;
    world.azure.edit(REGISTRY, "doorward", |registry| {
        let ended = world.clock.now() - SignedDuration::from_mins(5);
        let ends = [("51.140.7.9/32", ended)];
        registry.tags.extend(tags_saying(&ends));
    });
    assert_eq!(owned_tags(&world).len(), 1);
    world
}

#[tokio::test]
async fn a_crumb_that_has_outlived_its_entry_is_taken_away_by_a_fresh_ledger_at_once() {
    let world = outlived().await;
    world.settle().await;
    assert!(owned_tags(&world).is_empty());
    let cost = json!({ "tags": { "cost-center": "42" } });
    assert_eq!(patches(&world), [cost]);
    world
        .azure
        .edit(REGISTRY, "portal", |registry| registry.allow(STRANGER));
    world.pass(EVERY).await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn what_somebody_adds_while_such_a_crumb_cannot_be_taken_away_is_theirs() {
    let world = outlived().await;
    world.azure.edit(REGISTRY, "admin", |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    world.settle().await;
    assert!(patches(&world).is_empty(), "nothing is written at `Allow`");
    world.azure.edit(REGISTRY, "portal", |registry| {
        registry.allow(STRANGER);
        registry.network_rules.default_action = DefaultAction::Deny;
    });
    world.pass(2 * EVERY).await;
    assert_eq!(world.entries(), [STRANGER]);
    assert!(owned_tags(&world).is_empty());
    assert!(!world.messages().contains(&"recovered".to_owned()));
}
