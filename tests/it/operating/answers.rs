//! Requests answered by the API and by commands: no stronger than a link, and bound to what was shown.

use crate::process::{Installation, until};
use crate::program::doorward;
use crate::world::{OURS, REGISTRY, Reply, STRANGER, World, furnished, message};
use axum::http::Method;
use clock::Clock;
use doorward::flow::access::api_tokens;
use doorward::flow::orders::By;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use serde_json::{Value, json};
use std::time::Duration;

/// A stranger waits for an answer on a registry that asks this of answers; and what a yes would open.
async fn asked(approvals: Value) -> (World, Value) {
    let world = World::with(|setup| setup.config["registries"][0]["approvals"] = approvals).await;
    world.denied(STRANGER).await;
    world.settle().await;
    let preview = preview(&world).await;
    (world, preview)
}

async fn preview(world: &World) -> Value {
    let reply = world
        .ask(&format!("/api/v1/requests/{STRANGER}/preview"))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

async fn answer(world: &World, preview: &Value, order: Value) -> Reply {
    let id = preview["request"]["id"].as_str().unwrap();
    world
        .order(&format!("/api/v1/requests/{id}/answer"), order)
        .await
}

fn problem(reply: &Reply) -> (u16, String) {
    let kind = reply.json()["type"].as_str().unwrap().to_owned();
    (reply.status, kind.replace("urn:doorward:problem:", ""))
}

#[tokio::test]
async fn yes_by_the_api_opens_what_its_preview_shows_and_needs_its_digest() {
    let (world, shown) = asked(json!("link")).await;
    assert_eq!(shown["outlook"], "opens", "{shown}");
    assert_eq!(shown["adds"], json!([STRANGER]));
    assert_eq!(shown["refusal"], Value::Null);
    let before = world.kinds().await.len();
    preview(&world).await;
    assert_eq!(
        world.kinds().await.len(),
        before,
        "a preview changes nothing"
    );

    let yes = json!({ "answer": "approve", "by": "ada" });
    let blind = answer(&world, &shown, yes.clone()).await;
    assert_eq!(problem(&blind), (428, "not_shown".to_owned()));
    let mut wrong = yes.clone();
    wrong["shown"] = json!("seen");
    let wrong = answer(&world, &shown, wrong).await;
    assert_eq!(problem(&wrong), (400, "bad_request".to_owned()));

    let mut good = yes;
    good["shown"] = shown["shown"].clone();
    let mut long = good.clone();
    long["seconds"] = json!(shown["seconds"].as_u64().unwrap() + 1);
    let long = answer(&world, &shown, long).await;
    assert_eq!(problem(&long), (422, "too_long".to_owned()));
    assert!(!world.kinds().await.contains(&"answered"));

    good["seconds"] = json!(120);
    good["because"] = json!("the build of today");
    let taken = answer(&world, &shown, good.clone()).await;
    assert_eq!(taken.status, 200, "{}", taken.text);
    let taken = taken.json();
    assert_eq!(taken["answer"], "approved");
    assert_eq!(taken["request"]["state"], "answered", "{taken}");
    world.settle().await;
    assert_eq!(world.azure.entries(REGISTRY), [STRANGER]);
    let by = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Answered { by, given, .. } => Some((by, given.unwrap().reason)),
            _ => None,
        });
    let reason = Some("the build of today".to_owned());
    assert_eq!(by, Some((Actor::Person("ada".to_owned()), reason)));
    let grants = world.ask("/api/v1/grants").await.json();
    let left = grants["items"][0]["seconds_left"].as_i64().unwrap();
    assert!(left <= 120, "{grants}");

    let again = answer(&world, &shown, good).await;
    assert_eq!(problem(&again), (409, "answered_already".to_owned()));
    let id = shown["request"]["id"].as_str().unwrap();
    let late = world.ask(&format!("/api/v1/requests/{id}/preview")).await;
    assert_eq!(problem(&late), (409, "answered_already".to_owned()));
}

#[tokio::test]
async fn yes_by_the_api_is_refused_where_a_link_is_not_enough() {
    for (approvals, code) in [
        (json!("chat"), "too_weak"),
        (json!("sign_in"), "too_weak"),
        (json!("none"), "not_answerable"),
    ] {
        let world = World::with(|setup| {
            setup.config["registries"][0]["approvals"] = approvals.clone();
            let of =
                json!({ "name": "Ana", "issuer": "https://idp.contoso.com", "subject": "ana" });
            setup.config["approvers"] = json!([of]);
        })
        .await;
        world.denied(STRANGER).await;
        world.settle().await;
        let shown = preview(&world).await;
        assert!(!shown["refusal"].as_str().unwrap().is_empty(), "{shown}");
        for verb in ["approve", "deny"] {
            let order = json!({ "answer": verb, "by": "ada", "shown": shown["shown"] });
            let reply = answer(&world, &shown, order).await;
            assert_eq!(
                problem(&reply),
                (403, code.to_owned()),
                "{approvals} {verb}"
            );
        }
        world.settle().await;
        assert!(world.azure.entries(REGISTRY).is_empty());
    }
}

#[tokio::test]
async fn yes_by_the_api_to_what_has_changed_meanwhile_opens_nothing() {
    let (world, shown) = asked(json!("link")).await;
    world.azure.edit(REGISTRY, "admin", |registry| {
        registry.public_network_access = false;
    });
    world.jump(Duration::from_mins(2));
    let order = json!({ "answer": "approve", "by": "ada", "shown": shown["shown"] });
    let reply = answer(&world, &shown, order).await;
    assert_eq!(problem(&reply), (409, "changed_since_shown".to_owned()));
    let now = preview(&world).await;
    assert_eq!(now["outlook"], "nothing", "{now}");
    assert_ne!(now["shown"], shown["shown"]);
    assert!(!world.kinds().await.contains(&"answered"));
    // A no is a no, whatever was shown.
    let no = answer(&world, &shown, json!({ "answer": "deny", "by": "ada" })).await;
    assert_eq!(no.status, 200, "{}", no.text);
    world.settle().await;
    assert!(world.azure.entries(REGISTRY).is_empty());
}

#[tokio::test]
async fn api_token_answers_with_its_own_name_and_only_with_the_scope_for_it() {
    let (world, shown) = asked(json!("link")).await;
    let by = By::new("ada", None).unwrap();
    let path = format!(
        "/api/v1/requests/{}/answer",
        shown["request"]["id"].as_str().unwrap()
    );
    let order = json!({ "answer": "approve", "by": "somebody else", "shown": shown["shown"] });
    for (scope, status) in [("read", 403), ("operate", 403), ("answer", 200)] {
        let of = (scope.parse().unwrap(), None);
        let (token, _) = api_tokens::create(&world.app, scope, of, &by)
            .await
            .unwrap();
        let bearer = format!("Bearer {token}");
        let headers = [
            ("content-type", "application/json"),
            ("authorization", bearer.as_str()),
        ];
        let reply = world
            .admin(Method::POST, &path, &headers, order.to_string())
            .await;
        assert_eq!(reply.status, status, "{scope}: {}", reply.text);
    }
    let by = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Answered { by, .. } => Some(by),
            _ => None,
        });
    assert_eq!(by, Some(Actor::Token("answer".to_owned())));
}

/// All that a command has said.
fn out(output: &std::process::Output) -> String {
    let texts = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(texts).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn approve_shows_what_it_opens_and_asks_and_deny_opens_nothing() {
    const OTHER: &str = "20.61.200.9";
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "10m", |config| {
        config["registries"][0]["approvals"] = json!("link");
    });
    let process = installed.serve().await;
    let admin = process.admin();
    for address in [STRANGER, OTHER, OURS] {
        process.deliver(message(address)).await;
    }
    let run = |arguments: &[&str]| {
        let given = ["--server", &admin, "--by", "ada"];
        doorward(&[arguments, &given].concat())
    };
    until("the requests", async || {
        let listed = process.get("/api/v1/requests?state=waiting").await.1;
        listed.contains(STRANGER) && listed.contains(OTHER)
    })
    .await;

    let asked = run(&["requests", "approve", STRANGER]);
    let text = out(&asked);
    assert_eq!(asked.status.code(), Some(2), "{text}");
    assert!(text.contains("--yes") && text.contains("adds"), "{text}");
    assert!(text.contains("contosoprod"), "{text}");
    let approved = run(&["requests", "approve", STRANGER, "--yes", "--for", "5m"]);
    let text = out(&approved);
    assert_eq!(approved.status.code(), Some(0), "{text}");
    assert!(
        text.contains(&format!("approved `{STRANGER}` on `contosoprod`")),
        "{text}"
    );
    until("the entry", async || {
        let entries = azure.entries("contosoprod");
        entries.iter().any(|entry| entry == STRANGER)
    })
    .await;
    let denied = run(&[
        "requests", "deny", OTHER, "--reason", "not ours", "-o", "json",
    ]);
    let text = String::from_utf8(denied.stdout.clone()).unwrap();
    assert_eq!(denied.status.code(), Some(0), "{}", out(&denied));
    let denied: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(denied["answer"], "denied");
    assert_eq!(denied["request"]["answer"]["by"], "`ada` (as they say)");
    let again = run(&["requests", "approve", STRANGER, "--yes"]);
    assert_eq!(again.status.code(), Some(1), "{}", out(&again));
    assert!(out(&again).contains("answered already"), "{}", out(&again));
    let longer = run(&["grants", "extend", STRANGER, "--for", "30m"]);
    let text = out(&longer);
    assert!(
        longer.status.success() && !text.contains("max_ttl"),
        "{text}"
    );
    assert!(
        !azure
            .entries("contosoprod")
            .iter()
            .any(|entry| entry == OTHER)
    );
}
