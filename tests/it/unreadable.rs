//! Registries that Azure does not show: what that holds up and what not, and who is told.

use crate::world::{OURS, REGISTRY, STRANGER, World, message};
use axum::http::Method;
use doorward::flow::decide::triage;
use doorward::flow::registry::hosts;
use doorward::flow::view::readiness;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::{Action, NoteCode, Verdict};
use doorward_sim::{Call, Fault, Knobs, Registry};
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A world where Azure does not let the registry be read, from the start.
async fn locked_out() -> World {
    let world = World::new().await;
    refuse(&world, 403);
    world
}

fn refuse(world: &World, status: u16) {
    let fault = Fault::Status {
        status,
        retry_after: None,
    };
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetRegistry, fault));
}

fn degraded(world: &World) -> Value {
    json!(readiness::degraded(&world.app))
}

async fn verdicts(world: &World) -> Vec<Verdict> {
    let of = |what| match what {
        LedgerEvent::Decided { verdict, .. } => Some(verdict),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn a_registry_that_azure_does_not_show_is_told_within_two_minutes_and_when_it_is_back() {
    let world = locked_out().await;
    world.settle().await;
    let told = degraded(&world);
    assert_eq!(told[0]["code"], "azure_unreadable");
    assert_eq!(told[0]["subject"], REGISTRY);
    assert_eq!(told[0]["since"], "2026-11-22T12:00:00Z");
    let detail = told[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("Microsoft.ContainerRegistry/registries/read"),
        "{detail}"
    );
    world.pass(2 * MINUTE).await;
    assert_eq!(world.messages(), ["azure_unreadable"]);
    let text = world.last_message("text");
    for named in [REGISTRY, "`static_token`", "registries/read"] {
        assert!(text.contains(named), "{named}: {text}");
    }
    let metric = "doorward_azure_unreadable{registry=\"contosoprod\",reason=\"forbidden\"} 1";
    assert!(world.app.metrics.render().contains(metric));
    let page = world.ask("/").await;
    assert!(page.text.contains("may not read it"), "{}", page.text);
    world.pass(10 * MINUTE).await;
    assert_eq!(world.messages(), ["azure_unreadable"]);
    world.azure.knobs(Knobs::no_faults);
    world.pass(121 * SECOND).await;
    assert_eq!(world.messages(), ["azure_unreadable", "azure_readable"]);
    assert_eq!(degraded(&world), json!([]));
    assert!(!world.app.metrics.render().contains(metric));
}

#[tokio::test]
async fn a_reason_says_whether_the_token_the_registry_or_the_network_is_at_fault() {
    for (status, reason) in [
        (401, "static_token"),
        (404, "check its `id`"),
        (503, "network"),
    ] {
        let world = World::new().await;
        refuse(&world, status);
        world.settle().await;
        let told = degraded(&world);
        let detail = told[0]["detail"].as_str().unwrap();
        assert!(detail.contains(reason), "{status}: {detail}");
    }
}

#[tokio::test]
async fn what_needs_no_read_is_decided_at_once_and_only_an_allow_waits() {
    let world = locked_out().await;
    for address in ["51.140.9.1", STRANGER, OURS] {
        world.denied(address).await;
    }
    world.settle().await;
    let actions: Vec<Action> = verdicts(&world).await.iter().map(|it| it.action).collect();
    assert_eq!(actions, [Action::Forbid, Action::Ask]);
    assert_eq!(world.messages(), ["ask"]);
    let told = degraded(&world);
    let detail = told[0]["detail"].as_str().unwrap();
    assert!(detail.contains("Denials that wait for it: 1"), "{detail}");
    world.azure.knobs(Knobs::no_faults);
    world.pass(121 * SECOND).await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn an_allow_that_waited_in_vain_says_the_true_reason() {
    let world = locked_out().await;
    world.denied(OURS).await;
    world.pass(10 * MINUTE).await;
    let verdict = verdicts(&world).await.remove(0);
    assert_eq!(verdict.action, Action::Alert);
    assert_eq!(verdict.notes[0].code, NoteCode::AzureUnreadable);
    assert_eq!(world.last_message("code"), "azure_unreadable");
    assert!(world.last_message("text").contains("may not read it"));
}

#[tokio::test]
async fn a_yes_opens_nothing_before_azure_says_whose_host_it_is() {
    let world = locked_out().await;
    world.denied(STRANGER).await;
    world.settle().await;
    let link = world.last_message("link");
    let answer = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    world.azure.knobs(Knobs::no_faults);
    world.pass(121 * SECOND).await;
    assert!(world.entries().is_empty());
    let answer = world.follow(Method::POST, &link, "answer=allow").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn a_rule_that_looks_at_the_registry_waits_where_its_host_cannot_be_told() {
    let rule =
        "rules: [{ name: this one, when: { registry: contosoprod.azurecr.io }, then: forbid }]";
    for (host, decided) in [
        ("contosoprod.azurecr.io", 1),
        ("contosoprod-abc.azurecr.io", 0),
    ] {
        let world = World::with(|setup| setup.policy = format!("version: 1\n{rule}\n")).await;
        refuse(&world, 403);
        let text = message(OURS).replace("contosoprod.azurecr.io", host);
        world.deliver("clusters", &text).await;
        world.settle().await;
        assert_eq!(verdicts(&world).await.len(), decided, "{host}");
    }
}

#[tokio::test]
async fn a_registry_that_is_not_there_costs_few_reads_and_holds_up_no_other() {
    let lost = Registry::new("fabrikam").id();
    let world = World::with(|setup| {
        let registries = setup.config["registries"].as_array_mut().unwrap();
        registries.push(json!({ "id": lost }));
        setup.config["sources"][0]["rate_per_second"] = json!(1000);
    })
    .await;
    world.settle().await;
    // A host that cannot be the lost one's is nobody's.
    let foreign = message(OURS).replace(REGISTRY, "northwind");
    world.deliver("clusters", &foreign).await;
    world.settle().await;
    assert_eq!(world.messages(), ["no_registry"]);
    for number in 0..100 {
        let text = message(&format!("51.141.7.{number}")).replace(REGISTRY, "fabrikam");
        world.deliver("clusters", &text).await;
        hosts::run_once(&world.app).await;
        triage::run_once(&world.app).await.unwrap();
        world.jump(SECOND);
    }
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    let reads = world.azure.requests_of(Call::GetRegistry);
    let of_the_lost = reads.iter().filter(|read| read.path.contains("fabrikam"));
    // After 0, 10, 30 and 70 seconds; and whoever writes to it looked itself, at first and in the end.
    assert_eq!(of_the_lost.count(), 4 + 2);
    let verdicts = verdicts(&world).await.len();
    assert!(verdicts > 90, "{verdicts}");
}
