//! Whether a grant helped, and how a grant goes on while it is in use.

use crate::others::edit;
use crate::world::{OURS, REGISTRY, World, message, row};
use doorward::http::admin_router;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::state::effectiveness::{Effectiveness, GrantOutcome};
use doorward_sim::Registry;
use doorward_sim::senders::login_event;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// The registry's own log says that an address logged in.
fn login(address: &str, at: Timestamp) -> String {
    let row = login_event(&Registry::new(REGISTRY), address.parse().unwrap(), 200, at);
    json!({ "records": [row] }).to_string()
}

async fn helped(world: &World) -> Vec<GrantOutcome> {
    let of = |what| match what {
        LedgerEvent::GrantOutcome(helped) => Some(helped),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

async fn verdicts(world: &World) -> Vec<Effectiveness> {
    helped(world).await.iter().map(|it| it.help).collect()
}

async fn extensions(world: &World) -> Vec<(Timestamp, Actor)> {
    let of = |what| match what {
        LedgerEvent::Extended { until, by, .. } => Some((until, by)),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

async fn page(world: &World) -> String {
    let address = "127.0.0.1:8081".parse().unwrap();
    let request = axum::http::Request::get("/")
        .header("host", "127.0.0.1:8081")
        .body(axum::body::Body::empty())
        .unwrap();
    let router = admin_router(Arc::clone(&world.app), address);
    let reply = router.oneshot(request).await.unwrap();
    let bytes = axum::body::to_bytes(reply.into_body(), usize::MAX).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

async fn opened() -> World {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    world
}

#[tokio::test]
async fn a_login_after_the_entry_stood_says_that_it_works() {
    let world = World::new().await;
    // The log is exported half a minute after the fact, the entry is written at once.
    let refused = world.clock.now();
    world.pass(30 * SECOND).await;
    world.deliver("logs", &row(OURS, refused)).await;
    world.settle().await;
    let used = world.clock.now() + Duration::from_secs(50);
    world.pass(3 * MINUTE).await;
    world.deliver("logs", &login(OURS, used)).await;
    world.deliver("logs", &login(OURS, used)).await;
    world.settle().await;
    let helped = helped(&world).await;
    let [helped] = &helped[..] else {
        panic!("{helped:?}")
    };
    assert_eq!(helped.help, Effectiveness::Effective);
    assert_eq!(
        (helped.denial_to_entry, helped.entry_to_effect),
        (Some(30), Some(50))
    );
    assert!(page(&world).await.contains("seen in use"));
    world.pass(10 * MINUTE).await;
    assert_eq!(verdicts(&world).await, [Effectiveness::Effective]);
}

#[tokio::test]
async fn refusals_until_the_entry_has_reached_every_front_end_say_nothing() {
    let world = opened().await;
    for _ in 0..12 {
        world.pass(10 * SECOND).await;
        world.denied(OURS).await;
        world.settle().await;
    }
    assert!(verdicts(&world).await.is_empty() && world.messages().is_empty());
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_refusal_after_that_is_told_once() {
    let world = opened().await;
    world.pass(2 * MINUTE + SECOND).await;
    for _ in 0..3 {
        world.denied(OURS).await;
        world.settle().await;
        world.pass(20 * SECOND).await;
    }
    assert_eq!(verdicts(&world).await, [Effectiveness::StillDenied]);
    assert_eq!(world.messages(), ["still_denied"]);
    let text = world.last_message("text");
    assert!(
        text.contains("another way") && text.contains("2 minutes 1 second"),
        "{text}"
    );
    assert!(page(&world).await.contains("still refused"));
    // What works in the end is said in the end.
    let now = world.clock.now();
    world.deliver("logs", &login(OURS, now)).await;
    assert_eq!(
        verdicts(&world).await,
        [Effectiveness::StillDenied, Effectiveness::Effective]
    );
}

#[tokio::test]
async fn a_log_that_arrives_late_about_a_refusal_before_says_nothing() {
    let world = opened().await;
    let then = world.clock.now();
    world.pass(5 * MINUTE).await;
    world.deliver("logs", &row(OURS, then + MINUTE)).await;
    world.settle().await;
    assert!(verdicts(&world).await.is_empty() && world.messages().is_empty());
}

#[tokio::test]
async fn a_log_that_arrives_after_the_end_about_a_refusal_before_opens_nothing() {
    let world = opened().await;
    let then = world.clock.now();
    world.pass(10 * MINUTE + 30 * SECOND).await;
    assert!(world.entries().is_empty());
    // One front end lagged; and another source tells of what the grant answered.
    for refused in [then + 35 * SECOND, then - 5 * SECOND] {
        world.deliver("logs", &row(OURS, refused)).await;
        world.settle().await;
        assert!(world.entries().is_empty());
    }
    let granted = |kinds: Vec<&str>| kinds.iter().filter(|kind| **kind == "granted").count();
    assert_eq!(granted(world.kinds().await), 1);
    assert!(world.messages().is_empty());
    // Whoever was refused after that needs it again.
    world
        .deliver("logs", &row(OURS, then + 10 * MINUTE + 20 * SECOND))
        .await;
    world.settle().await;
    assert_eq!(granted(world.kinds().await), 2);
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_refusal_before_others_took_the_entry_away_does_not_keep_it_closed() {
    let world = opened().await;
    let then = world.clock.now();
    world.pass(30 * SECOND).await;
    edit(&world, |registry| registry.disallow(OURS));
    world.pass(6 * MINUTE).await;
    assert!(world.kinds().await.contains(&"ended"));
    world.deliver("logs", &row(OURS, then + 90 * SECOND)).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_grant_that_worked_and_works_no_more_is_told_once() {
    let world = opened().await;
    world.pass(30 * SECOND).await;
    world.deliver("logs", &login(OURS, world.clock.now())).await;
    world.pass(5 * MINUTE).await;
    for _ in 0..3 {
        world.denied(OURS).await;
        world.settle().await;
        world.pass(20 * SECOND).await;
    }
    assert_eq!(
        verdicts(&world).await,
        [Effectiveness::Effective, Effectiveness::StillDenied]
    );
    assert_eq!(world.messages(), ["still_denied"]);
    let text = world.last_message("text");
    assert!(text.contains("is again refused"), "{text}");
}

#[tokio::test]
async fn a_403_without_the_firewalls_words_points_to_a_role() {
    let world = opened().await;
    world.pass(3 * MINUTE).await;
    world.deliver("logs", &row(OURS, world.clock.now())).await;
    world.settle().await;
    assert_eq!(world.messages(), ["still_denied"]);
    assert!(world.last_message("text").contains("AcrPull"));
}

#[tokio::test]
async fn a_caller_who_never_comes_again_is_the_last_word_on_its_grant() {
    let world = opened().await;
    world.pass(11 * MINUTE).await;
    assert_eq!(verdicts(&world).await, [Effectiveness::NotSeenAgain]);
    assert_eq!(
        world.kinds().await[world.kinds().await.len() - 2..],
        ["grant_outcome", "ended"]
    );
}

#[tokio::test]
async fn only_the_registrys_own_log_counts_and_only_of_a_source_that_may_speak_of_it() {
    let world = World::with(|setup| {
        let mut other = setup.config["registries"][0].clone();
        other["id"] = json!(Registry::new("contosotest").id());
        setup.config["registries"]
            .as_array_mut()
            .unwrap()
            .push(other);
        setup.config["sources"][0]["registries"] = json!(["contosotest.azurecr.io"]);
    })
    .await;
    world.azure.add_registry(Registry::new("contosotest"));
    world.deliver("logs", &message(OURS)).await;
    world.settle().await;
    let now = world.clock.now();
    let out_of_scope = world.deliver("clusters", &login(OURS, now)).await;
    assert_eq!(out_of_scope.status, 202);
    let words = json!({ "message": format!("{OURS} logged in"), "status": "200" });
    world.deliver("logs", &words.to_string()).await;
    let other = login(OURS, now).replace(REGISTRY, "contosotest");
    let other = other.replace(&REGISTRY.to_uppercase(), "CONTOSOTEST");
    world.deliver("logs", &other).await;
    assert!(verdicts(&world).await.is_empty());
    world.deliver("logs", &login(OURS, now)).await;
    assert_eq!(verdicts(&world).await, [Effectiveness::Effective]);
}

/// A world whose rule renews for half an hour, and whose log is of this registry.
async fn renewed(named: bool) -> World {
    let world = World::with(|setup| {
        setup.policy = setup.policy.replace("for: 10m", "for: 10m, renew: 30m");
        setup.config["max_ttl"] = json!("1h");
        if named {
            setup.config["sources"][1]["registries"] = json!([format!("{REGISTRY}.azurecr.io")]);
        }
    })
    .await;
    world.denied(OURS).await;
    world.settle().await;
    world
}

#[tokio::test]
async fn a_grant_in_use_goes_on_as_its_rule_says_and_never_beyond_the_longest_time() {
    let world = renewed(true).await;
    let began = world.clock.now();
    for _ in 0..8 {
        world.pass(8 * MINUTE).await;
        world.deliver("logs", &login(OURS, world.clock.now())).await;
        world.settle().await;
    }
    let minutes = |minutes| (began + Duration::from_mins(minutes), Actor::USE);
    let expected = [38, 46, 54, 60].map(minutes);
    assert_eq!(extensions(&world).await, expected);
    assert!(world.entries().is_empty());
    let ended = world
        .kinds()
        .await
        .iter()
        .filter(|kind| **kind == "ended")
        .count();
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn uses_in_quick_succession_extend_once() {
    let world = renewed(true).await;
    for _ in 0..50 {
        world.pass(SECOND).await;
        world.deliver("logs", &login(OURS, world.clock.now())).await;
    }
    assert_eq!(extensions(&world).await.len(), 1);
}

#[tokio::test]
async fn a_log_that_is_not_set_up_for_the_registry_shows_effect_and_extends_nothing() {
    let world = renewed(false).await;
    world.deliver("logs", &login(OURS, world.clock.now())).await;
    assert_eq!(verdicts(&world).await, [Effectiveness::Effective]);
    assert!(extensions(&world).await.is_empty());
}

#[tokio::test]
async fn a_use_that_is_told_late_or_twice_counts_from_when_it_was() {
    let world = renewed(true).await;
    world.pass(SECOND).await;
    let used = world.clock.now();
    for minutes in [0, 5, 24] {
        world.pass(minutes * MINUTE).await;
        world.deliver("logs", &login(OURS, used)).await;
        world.settle().await;
    }
    let until = (used + 30 * MINUTE, Actor::USE);
    assert_eq!(extensions(&world).await, [until]);
    world.pass(MINUTE + SECOND).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn of_uses_that_are_told_together_the_last_counts_once() {
    let world = renewed(true).await;
    world.pass(5 * MINUTE).await;
    let now = world.clock.now();
    let at = |minutes: u32| login(OURS, now - minutes * MINUTE);
    let rows = [4, 3, 1, 2].map(|ago| {
        let body: Value = serde_json::from_str(&at(ago)).unwrap();
        body["records"][0].clone()
    });
    let body = json!({ "records": rows }).to_string();
    world.deliver("logs", &body).await;
    let until = |minutes: u32| (now + minutes * MINUTE, Actor::USE);
    assert_eq!(extensions(&world).await, [until(29)]);
    assert_eq!(verdicts(&world).await, [Effectiveness::Effective]);
    assert_eq!(helped(&world).await[0].entry_to_effect, Some(60));
    // What follows within the minute counts only if it gives a good while more.
    let soon = now + 30 * SECOND;
    world.pass(30 * SECOND).await;
    world
        .deliver("logs", &login(OURS, soon - 61 * SECOND))
        .await;
    assert_eq!(extensions(&world).await.len(), 1);
    world.deliver("logs", &login(OURS, soon)).await;
    let expected = [until(29), (soon + 30 * MINUTE, Actor::USE)];
    assert_eq!(extensions(&world).await, expected);
}
