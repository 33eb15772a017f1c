//! Which registry refused: what states it may open, what stands nearby only asks.

use crate::world::{KEY, OURS, World};
use axum::http::Method;
use doorward_core::intake::denial::Attribution;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::{Action, NoteCode};
use serde_json::json;
use std::time::Duration;

const SENTENCE: &str = "client with IP '20.61.10.4' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";

fn pushed() -> String {
    format!("The push refers to repository [contosoprod.azurecr.io/team/app]\ndenied: {SENTENCE}\n")
}

async fn grade(world: &World) -> Option<Attribution> {
    let of = |what| match what {
        LedgerEvent::Denied(denied) => denied.report.denial.attribution,
        _ => None,
    };
    world.ledger().await.into_iter().find_map(of)
}

#[tokio::test]
async fn a_guess_asks_although_the_rule_allows() {
    let world = World::new().await;
    world.deliver("clusters", &pushed()).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    assert_eq!(grade(&world).await, Some(Attribution::Inferred));
    let decided = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Decided { verdict, .. } => Some(verdict),
            _ => None,
        });
    let verdict = decided.unwrap();
    assert_eq!(verdict.action, Action::Ask);
    assert_eq!(verdict.notes[0].code, NoteCode::RegistryInferred);
    assert_eq!(world.messages(), ["ask"]);
    let text = world.last_message("text");
    assert!(text.contains("a guess"), "{text}");
    let page = world
        .follow(Method::GET, &world.last_message("link"), "")
        .await;
    assert!(page.text.contains("is a guess"), "{}", page.text);
}

#[tokio::test]
async fn what_states_the_registry_opens_although_a_guess_was_asked_about() {
    let world = World::new().await;
    world.deliver("clusters", &pushed()).await;
    world.settle().await;
    let stated = json!({ "image": "contosoprod.azurecr.io/team/app:1", "error": format!("denied: {SENTENCE}") });
    world.deliver("clusters", &stated.to_string()).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn the_registry_that_the_source_configures_is_stated() {
    let world = World::with(|setup| {
        setup.config["sources"][0]["registry"] = json!("contosoprod.azurecr.io");
    })
    .await;
    for body in [format!("denied: {SENTENCE}"), pushed()] {
        let reply = world.deliver("clusters", &body).await;
        assert_eq!(reply.status, 202, "{KEY}");
    }
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(grade(&world).await, Some(Attribution::Stated));
}

#[tokio::test]
async fn a_guess_that_competes_with_the_configured_registry_is_none() {
    let world = World::with(|setup| {
        setup.config["sources"][0]["registry"] = json!("contosoprod.azurecr.io");
    })
    .await;
    let body = format!(
        "The push refers to repository [contosotest.azurecr.io/team/app]\ndenied: {SENTENCE}\n"
    );
    world.deliver("clusters", &body).await;
    world.pass(Duration::from_mins(11)).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.messages(), ["no_registry"]);
}
