//! What the request page says of an answer: what is true at that moment, and before it what a yes could
//! come to.

use crate::others::edit;
use crate::world::{REGISTRY, Reply, STRANGER, World};
use axum::http::Method;
use doorward_core::ledger::event::LedgerEvent;
use doorward_sim::{Call, DefaultAction, Fault};
use serde_json::{Value, json};
use std::time::Duration;

const YES: &str = "answer=allow";

async fn asked(world: &World) -> String {
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.messages(), ["ask"]);
    world.last_message("link")
}

/// Somebody else adds an entry.
fn add(world: &World, entry: &str) {
    edit(world, |registry| registry.allow(entry));
}

async fn look(world: &World, link: &str) -> Reply {
    let page = world.follow(Method::GET, link, "").await;
    assert_eq!(page.status, 200, "{}", page.text);
    Reply {
        text: without_times(&page.text),
        ..page
    }
}

/// The page with times as they are read, and not as they are marked up.
fn without_times(page: &str) -> String {
    let mut parts = page.split("<time datetime=\"");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        let (_, said) = part.split_once("\">").unwrap();
        text + &said.replacen("</time>", "", 1)
    })
}

/// The page's title, in a world in which the unknown source was let in.
async fn title(world: &World, link: &str) -> String {
    let page = look(world, link).await.text;
    let (_, rest) = page.split_once("<h1>").unwrap();
    rest.split_once("</h1>").unwrap().0.to_owned()
}

async fn approved(world: &World) -> String {
    let link = asked(world).await;
    let page = world.follow(Method::POST, &link, YES).await;
    assert_eq!(page.status, 200, "{}", page.text);
    link
}

/// Both pages say this.
async fn both_say(world: &World, link: &str, what: &str) {
    let page = look(world, link).await.text;
    assert!(page.contains(what), "{what}: {page}");
    let operators = without_times(&world.ask("/requests").await.text);
    assert!(operators.contains(what), "{what}: {operators}");
}

async fn order(world: &World, path: &str, order: Value) {
    let reply = world.order(path, order).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn page_follows_an_approval_from_adding_to_the_end() {
    let world = World::new().await;
    let link = approved(&world).await;
    assert_eq!(title(&world, &link).await, "Approved: adding rule…");
    let page = look(&world, &link).await.text;
    assert!(page.contains("data-poll=\"2\""), "{page}");
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    both_say(&world, &link, "Active until 2026-11-22 13:00:").await;
    let page = look(&world, &link).await.text;
    assert!(
        page.contains("Approved by link at 2026-11-22 12:00:"),
        "{page}"
    );
    assert!(
        !page.contains("name=\"answer\"") && !page.contains("data-poll=\"2\""),
        "{page}"
    );
    world.jump(Duration::from_hours(1));
    assert_eq!(title(&world, &link).await, "Ended: removing rule…");
    world.settle().await;
    assert!(world.entries().is_empty());
    both_say(&world, &link, "the rule was removed").await;
    assert_eq!(title(&world, &link).await, "Ended");
}

#[tokio::test]
async fn page_says_denied_and_by_whom() {
    let world = World::new().await;
    let link = asked(&world).await;
    world.follow(Method::POST, &link, "answer=deny").await;
    assert_eq!(title(&world, &link).await, "Denied");
    both_say(&world, &link, "Denied by link at 2026-11-22 12:00:").await;
}

#[tokio::test]
async fn page_says_that_a_request_has_expired() {
    let world = World::new().await;
    let link = asked(&world).await;
    world.jump(Duration::from_hours(25));
    let page = world.follow(Method::GET, &link, "").await;
    assert_eq!(page.status, 410);
    assert!(page.text.contains("<h1>Expired</h1>"), "{}", page.text);
}

#[tokio::test]
async fn page_says_before_and_after_a_yes_that_doorward_only_observes() {
    let world = World::with(|setup| setup.config["mode"] = json!("observe")).await;
    let link = asked(&world).await;
    let page = look(&world, &link).await.text;
    let (before, _) = page.split_once("<form").unwrap();
    assert!(
        before.contains("Approving would open nothing at the moment: doorward only observes"),
        "{page}"
    );
    world.follow(Method::POST, &link, YES).await;
    world.settle().await;
    assert_eq!(
        title(&world, &link).await,
        "Approved, but not opened: observe mode"
    );
    both_say(&world, &link, "doorward only observes").await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn page_says_before_and_after_a_yes_that_the_list_is_full() {
    let world = World::with(|setup| {
        setup.config["registries"][0]["reserved_entries"] = json!(0);
        setup.config["registries"][0]["max_entries"] = json!(1);
    })
    .await;
    world
        .azure
        .edit(REGISTRY, "nobody", |registry| registry.ip_rule_limit = 1);
    add(&world, "52.1.1.1");
    let link = asked(&world).await;
    let page = look(&world, &link).await.text;
    let (before, _) = page.split_once("<form").unwrap();
    assert!(
        before.contains("Approving would open nothing at the moment"),
        "{page}"
    );
    world.follow(Method::POST, &link, YES).await;
    world.settle().await;
    assert_eq!(title(&world, &link).await, "Failed: not opened");
    assert!(!world.entries().contains(&STRANGER.to_owned()));
}

#[tokio::test]
async fn page_says_before_the_buttons_what_the_registry_as_it_is_now_stands_against() {
    let world = World::new().await;
    let link = asked(&world).await;
    let page = look(&world, &link).await.text;
    assert!(!page.contains("Approving would open nothing"), "{page}");
    for change in 0..3 {
        world.azure.edit(REGISTRY, "admin", |registry| {
            registry.public_network_access = change != 0;
            registry.network_rules.default_action = match change {
                1 => DefaultAction::Allow,
                _ => DefaultAction::Deny,
            };
        });
        // Beyond the minute for which a read is believed.
        world.jump(Duration::from_mins(2));
        let page = look(&world, &link).await.text;
        let warns = page.contains("Approving would open nothing at the moment");
        assert_eq!(warns, change < 2, "{change}: {page}");
    }
}

#[tokio::test]
async fn page_says_that_azure_refused() {
    let world = World::new().await;
    let link = approved(&world).await;
    let refused = Fault::Status {
        status: 403,
        retry_after: None,
    };
    world
        .azure
        .knobs(|knobs| knobs.always(Call::PatchRegistry, refused));
    world.pass(Duration::from_secs(3)).await;
    let kinds = world.kinds().await;
    let title = title(&world, &link).await;
    // Refused for good, or tried again: never "active".
    let expected = if kinds.contains(&"not_opened") {
        "Failed: not opened"
    } else {
        "Approved: adding rule…"
    };
    assert_eq!(title, expected);
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn page_says_that_an_operator_has_paused_what_was_approved() {
    let world = World::new().await;
    let link = approved(&world).await;
    order(
        &world,
        "/api/v1/pause",
        json!({ "by": "ada", "because": "an audit" }),
    )
    .await;
    world.settle().await;
    assert_eq!(
        title(&world, &link).await,
        "Approved: waiting to add the rule"
    );
    both_say(&world, &link, "an audit").await;
    order(&world, "/api/v1/resume", json!({ "by": "ada" })).await;
    world.settle().await;
    assert!(title(&world, &link).await.starts_with("Active until"));
}

#[tokio::test]
async fn page_says_that_another_rule_covers_the_address() {
    let world = World::new().await;
    let link = asked(&world).await;
    add(&world, "51.140.7.0/24");
    world.jump(Duration::from_mins(2));
    let page = look(&world, &link).await.text;
    assert!(page.contains("already allows this address"), "{page}");
    world.follow(Method::POST, &link, YES).await;
    world.settle().await;
    assert_eq!(
        title(&world, &link).await,
        "Approved: already allowed by another rule"
    );
    both_say(&world, &link, "51.140.7.0/24").await;
}

#[tokio::test]
async fn page_says_who_revoked_it_and_who_took_it_away() {
    let mut world = World::new().await;
    let link = approved(&world).await;
    world.settle().await;
    let grant = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Granted(grant) => Some(grant.id.to_string()),
            _ => None,
        });
    order(
        &world,
        "/api/v1/grants/revoke",
        json!({ "grants": [grant], "by": "ada" }),
    )
    .await;
    assert_eq!(title(&world, &link).await, "Ended: removing rule…");
    world.settle().await;
    both_say(&world, &link, "ada").await;
    assert_eq!(title(&world, &link).await, "Ended");
    // What the page says is the same after a restart.
    world.restart().await;
    both_say(&world, &link, "ada").await;
}
