//! A verdict stands for denials like its own only while what it was made under stands too.

use crate::world::{OURS, REGISTRY, STRANGER, World};
use doorward::flow;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::NoteCode;
use doorward_sim::{Call, Fault, Knobs};
use serde_json::json;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

async fn again(world: &World, address: &str) {
    world.denied(address).await;
    world.settle().await;
}

/// How many verdicts were made.
async fn verdicts(world: &World) -> usize {
    let kinds = world.kinds().await;
    kinds.iter().filter(|kind| **kind == "decided").count()
}

#[tokio::test]
async fn denial_is_decided_again_once_its_set_is_loaded() {
    let world = World::new().await;
    let loaded = world.app.sets.swap(Arc::default());
    again(&world, OURS).await;
    assert_eq!(world.messages(), ["ask"]);
    again(&world, OURS).await;
    assert_eq!(verdicts(&world).await, 1, "nothing has changed");
    world.app.sets.store(loaded);
    again(&world, OURS).await;
    assert_eq!(world.entries(), [OURS]);
    let answered = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Answered { by, .. } => Some(by),
            _ => None,
        });
    assert_eq!(answered, Some(Actor::POLICY), "nobody is asked any more");
    again(&world, OURS).await;
    assert_eq!(verdicts(&world).await, 2);
}

#[tokio::test]
async fn alert_is_decided_again_once_its_set_is_loaded() {
    let world = World::with(|setup| setup.policy += "default: alert\n").await;
    let loaded = world.app.sets.swap(Arc::default());
    again(&world, OURS).await;
    // It may be an unknown source as well: the set is told of elsewhere, once.
    assert_eq!(world.messages(), ["alert"]);
    let text = world.last_message("text");
    assert!(!text.contains("never loaded"), "{text}");
    world.app.sets.store(loaded);
    again(&world, OURS).await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn denial_is_decided_again_under_another_policy() {
    let world = World::new().await;
    again(&world, STRANGER).await;
    assert_eq!(world.messages(), ["ask"]);
    let policy = |rule: &str| format!("version: 1\nrules: [{rule}]\n");
    let file = world.folder.path().join("policies/policy.yaml");
    fs::write(&file, policy("{ name: other, then: ask }")).unwrap();
    flow::policy::run_once(&world.app).await;
    for _ in 0..3 {
        again(&world, STRANGER).await;
    }
    assert_eq!(world.messages(), ["ask"], "the open question stands for it");
    let repeated = world.kinds().await;
    let repeated = repeated.iter().filter(|kind| **kind == "repeated").count();
    assert_eq!(repeated, 1, "it is looked at once");
    let allow =
        format!("{{ name: new, when: {{ address: {{ cidrs: [{STRANGER}] }} }}, then: allow }}");
    fs::write(&file, policy(&allow)).unwrap();
    flow::policy::run_once(&world.app).await;
    again(&world, STRANGER).await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn denial_is_decided_again_once_the_registry_can_be_written() {
    let world = World::new().await;
    let public = |open: bool| {
        world.azure.edit(REGISTRY, "portal", |registry| {
            registry.public_network_access = open;
        });
    };
    public(false);
    again(&world, OURS).await;
    for _ in 0..5 {
        world.jump(MINUTE);
        again(&world, OURS).await;
    }
    assert_eq!(world.messages(), ["public_access_disabled"]);
    assert_eq!(verdicts(&world).await, 1, "its cause still stands");
    public(true);
    world.jump(MINUTE);
    again(&world, OURS).await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn spent_budget_holds_a_verdict_until_there_is_room() {
    let world = World::with(|setup| {
        setup.config["registries"][0]["grants_per_hour"] = json!(1);
        setup.config["dedup_window"] = json!("3h");
    })
    .await;
    let other = "20.61.10.16";
    again(&world, OURS).await;
    for _ in 0..10 {
        again(&world, other).await;
        world.jump(5 * MINUTE);
    }
    assert_eq!(verdicts(&world).await, 2, "there is no room yet");
    world.jump(11 * MINUTE);
    again(&world, other).await;
    assert_eq!(world.entries(), [other]);
}

#[tokio::test]
async fn denial_is_decided_again_once_its_registry_can_be_read() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetRegistry, Fault::Garbled));
    world.denied(OURS).await;
    world.settle().await;
    world.jump(11 * MINUTE);
    world.settle().await;
    assert_eq!(verdicts(&world).await, 1);
    let cause = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Decided { verdict, .. } => Some(verdict.notes[0].code),
            _ => None,
        });
    assert_eq!(cause, Some(NoteCode::AzureUnreadable));
    assert!(world.entries().is_empty());
    again(&world, OURS).await;
    assert_eq!(verdicts(&world).await, 1, "Azure is still silent");
    world.azure.knobs(Knobs::no_faults);
    world.jump(MINUTE);
    world.settle().await;
    again(&world, OURS).await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn operator_clears_what_stands_for_an_address() {
    let mut world = World::new().await;
    again(&world, OURS).await;
    let id = world.grants().await.remove(0);
    let order = json!({ "grants": [id], "by": "ada" });
    assert_eq!(
        world.order("/api/v1/grants/revoke", order).await.status,
        200
    );
    again(&world, OURS).await;
    assert!(world.entries().is_empty());
    let clear = |address: &str| json!({ "address": address, "by": "ada", "because": "a mistake" });
    let path = "/api/v1/verdicts/clear";
    assert_eq!(world.order(path, clear(STRANGER)).await.status, 409);
    assert_eq!(
        world
            .order(path, json!({ "address": OURS, "by": "" }))
            .await
            .status,
        400
    );
    let reply = world.order(path, clear(OURS)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    world.restart().await;
    again(&world, OURS).await;
    assert_eq!(world.entries(), [OURS]);
    let cleared = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::VerdictsCleared { by, because, .. } => Some((by, because)),
            _ => None,
        });
    let by = Actor::Person("ada".to_owned());
    assert_eq!(cleared, Some((by, Some("a mistake".to_owned()))));
}

#[tokio::test]
async fn person_who_calls_themselves_use_is_a_person() {
    let world = World::new().await;
    again(&world, OURS).await;
    let id = world.grants().await.remove(0);
    let path = format!("/api/v1/grants/{id}/extend");
    let order = json!({ "seconds": 1800, "by": "use" });
    assert_eq!(world.order(&path, order).await.status, 200);
    let told = doorward_core::messages::ledger_line::line(world.ledger().await.last().unwrap());
    assert!(told.contains("by `use` (as they say)"), "{told}");
    assert!(!told.contains("in use"), "{told}");
}

#[tokio::test]
async fn grant_keeps_what_it_rests_on_after_any_number_of_verdicts() {
    let world = World::with(|setup| {
        // The source's rate is counted in real time: sixty deliveries may come within a second.
        setup.config["sources"][0]["rate_per_second"] = json!(100_000);
        setup.policy = "version: 1\nrules: [{ name: asked, then: ask, for: 1h }]\n".to_owned();
    })
    .await;
    again(&world, STRANGER).await;
    let link = world.last_message("link");
    for number in 0..60 {
        world.denied(&format!("51.141.{number}.9")).await;
    }
    world.settle().await;
    let page = world.follow(axum::http::Method::GET, &link, "").await.text;
    let denied_at = world.app.ledger.read(|state| {
        let mut asked = state.requests.values();
        let mut asked = asked.find(|asked| asked.request.address.to_string() == STRANGER);
        asked.take().unwrap().decision.as_ref().unwrap().at
    });
    assert!(page.contains("12:00"), "{page}");
    world
        .follow(axum::http::Method::POST, &link, "answer=allow")
        .await;
    let course = world
        .app
        .ledger
        .read(|state| state.grants.values().next().unwrap().course);
    assert_eq!(course.denied_at, Some(denied_at));
}

#[tokio::test]
async fn channel_that_is_the_log_takes_every_message() {
    let world = World::with(|setup| {
        setup.config["channels"] = json!([{ "name": "terminal", "kind": "log" }]);
    })
    .await;
    let lines = crate::log::Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    again(&world, STRANGER).await;
    assert!(world.kinds().await.contains(&"delivered"));
    let told = lines.all();
    assert!(
        told.contains("https://doorward.contoso.com/requests/"),
        "{told}"
    );
}
