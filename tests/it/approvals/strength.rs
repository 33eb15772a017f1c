//! How strong a yes must be, and what else is asked of it.

use super::{asked, code, pressed, reply, request, say, signed_in, world};
use crate::world::{STRANGER, World};
use axum::http::Method;
use doorward::config;
use doorward::flow::respond;
use doorward_core::approvals::Who;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::request::Answer;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn link_shows_what_takes_more_and_does_not_answer_it() {
    for approvals in ["chat", "sign_in", "none"] {
        let world = world(json!(approvals)).await;
        asked(&world).await;
        let link = world.last_message("link");
        let page = world.follow(Method::GET, &link, "").await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("<button"), "{approvals}: {}", page.text);
        for form in ["answer=allow", "answer=deny"] {
            let reply = world.follow(Method::POST, &link, form).await;
            assert_eq!(reply.status, 403, "{approvals} {form}");
        }
        assert!(request(&world).answer.is_none());
    }
}

#[tokio::test]
async fn each_strength_takes_its_own_proof_and_stronger_ones() {
    for (approvals, takes) in [
        ("link", [true, true, true, true]),
        ("chat", [false, false, true, true]),
        ("sign_in", [false, false, false, true]),
        ("none", [false, false, false, false]),
    ] {
        let operator = Who::Operator(Actor::Person("op".to_owned()));
        let all = [Who::Link, operator, pressed("U1"), signed_in("ana")];
        for (who, takes) in all.into_iter().zip(takes) {
            let world = world(json!(approvals)).await;
            asked(&world).await;
            let taken = say(&world, Answer::Allow, who.clone()).await;
            assert_eq!(taken.is_ok(), takes, "{approvals} {who:?}: {taken:?}");
            world.settle().await;
            assert_eq!(!world.entries().is_empty(), takes, "{approvals} {who:?}");
        }
    }
}

#[tokio::test]
async fn who_is_no_approver_or_in_no_group_is_refused() {
    let world = world(json!({ "strength": "chat", "by": ["platform"] })).await;
    asked(&world).await;
    for (who, expected) in [
        (pressed("U2"), "not_an_approver"),
        (signed_in("nobody"), "not_an_approver"),
        (
            Who::SignedIn(super::person("https://other.idp", "ana")),
            "not_an_approver",
        ),
        (signed_in("cy"), "not_in_group"),
        (signed_in("bo"), "taken"),
    ] {
        let said = say(&world, Answer::Allow, who.clone()).await;
        assert_eq!(code(&said), expected, "{who:?}");
    }
    let answered = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Answered { by, given, .. } => Some((by, given)),
            _ => None,
        });
    let (by, given) = answered.unwrap();
    let Actor::Known(known) = by else {
        panic!("{by:?}");
    };
    assert_eq!(
        (known.id.subject.as_str(), known.approver.as_deref()),
        ("bo", Some("Bo"))
    );
    let given = given.unwrap();
    assert_eq!(given.strength.name(), "sign_in");
    assert_eq!(given.shown.unwrap().len(), 64);
}

#[tokio::test]
async fn reason_and_shorter_end_are_asked_for_and_kept() {
    let asks = json!({ "strength": "link", "reason": "required", "max": "30m" });
    let world = world(asks).await;
    asked(&world).await;
    let link = world.last_message("link");
    for (form, status) in [
        ("answer=allow", 422),
        ("answer=allow&reason=+", 422),
        ("answer=allow&reason=deploy&for=31m", 422),
        ("answer=allow&reason=deploy&for=59s", 422),
        ("answer=allow&reason=a%0Ab", 422),
        ("answer=allow&reason=deploy&for=soon", 400),
    ] {
        let reply = world.follow(Method::POST, &link, form).await;
        assert_eq!(reply.status, status, "{form}: {}", reply.text);
        assert!(request(&world).answer.is_none(), "{form}");
    }
    let form = "answer=allow&reason=a+deploy+that+waits&for=10m";
    let reply = world.follow(Method::POST, &link, form).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text.contains("a deploy that waits"), "{}", reply.text);
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    world.pass(Duration::from_mins(10)).await;
    assert!(world.entries().is_empty(), "ten minutes, not thirty");
}

#[tokio::test]
async fn yes_that_says_no_time_opens_for_no_longer_than_the_registry_lets_it() {
    let world = world(json!({ "strength": "link", "max": "5m" })).await;
    asked(&world).await;
    say(&world, Answer::Allow, Who::Link).await.unwrap();
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    world.pass(Duration::from_mins(5)).await;
    assert!(world.entries().is_empty());
}

const RULES: &str = "
version: 1
rules:
  - { name: strangers, then: ask, for: 1h, approvals: APPROVALS }
";

async fn with_rule(registry: &str, rule: &str) -> World {
    World::with(|setup| {
        setup.config["registries"][0]["approvals"] = serde_json::from_str(registry).unwrap();
        setup.config["approvers"] = json!([{ "name": "Ana", "slack": "U1" }]);
        setup.policy = RULES.replace("APPROVALS", rule);
    })
    .await
}

#[tokio::test]
async fn rule_raises_what_the_registry_asks_for_and_never_lowers_it() {
    for (registry, rule, by_link, by_chat) in [
        (r#""link""#, "chat", "too_weak", "taken"),
        (r#""link""#, "sign_in", "too_weak", "too_weak"),
        (r#""link""#, "none", "not_answerable", "not_answerable"),
        (r#""link""#, "{ count: 1 }", "taken", "taken"),
        (r#""link""#, "{ by: [nobody] }", "too_weak", "not_in_group"),
        (
            r#""link""#,
            "{ reason: required }",
            "reason_required",
            "reason_required",
        ),
        (r#""chat""#, "link", "too_weak", "taken"),
        (r#""none""#, "link", "not_answerable", "not_answerable"),
        (
            r#"{ "strength": "chat", "reason": "required" }"#,
            "{ reason: optional }",
            "too_weak",
            "reason_required",
        ),
    ] {
        for (who, expected) in [(Who::Link, by_link), (pressed("U1"), by_chat)] {
            let world = with_rule(registry, rule).await;
            asked(&world).await;
            let said = say(&world, Answer::Allow, who.clone()).await;
            assert_eq!(code(&said), expected, "{registry} and {rule}: {who:?}");
        }
    }
}

#[tokio::test]
async fn rule_that_asks_for_less_is_told_of() {
    let world = with_rule(
        r#"{ "strength": "chat", "count": 2 }"#,
        "{ strength: link, max: 1h }",
    )
    .await;
    let config = config::load(&world.folder.path().join("doorward.yaml")).unwrap();
    let told = config.check(&world.app.policy.load());
    let told = told.to_string();
    assert!(
        told.contains("rule `strangers` asks less than `contosoprod` does"),
        "{told}"
    );
    assert!(told.contains("`link` is weaker than `chat`"), "{told}");
    let (_, errors) = config.check(&world.app.policy.load()).split();
    assert!(errors.0.is_empty());
}

#[tokio::test]
async fn yes_needs_to_say_what_was_shown_and_a_no_does_not() {
    let world = world(json!("link")).await;
    let id = asked(&world).await;
    let blind = |answer| respond::Reply {
        shown: None,
        ..reply(&world, answer, Who::Link)
    };
    let yes = respond::answer(&world.app, id, &blind(Answer::Allow)).await;
    assert_eq!(code(&yes), "not_shown");
    let no = respond::answer(&world.app, id, &blind(Answer::Deny)).await;
    assert_eq!(code(&no), "taken");
}
