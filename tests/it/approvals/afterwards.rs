//! After a yes: closing, extending and keeping what it opened, from the request's page.

use super::{asked, pressed, request, say, signed_in, world};
use crate::world::{STRANGER, World};
use axum::http::Method;
use doorward::flow::respond::afterwards::{self, AfterwardsError, Order};
use doorward_core::approvals::{Refusal, Who};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::request::Answer;
use serde_json::{Value, json};
use std::time::Duration;

async fn opened(approvals: Value) -> World {
    let world = world(approvals).await;
    asked(&world).await;
    say(&world, Answer::Allow, signed_in("ana")).await.unwrap();
    world.settle().await;
    world
}

async fn order(
    world: &World,
    what: Order,
    who: &Who,
    why: Option<&str>,
) -> Result<(), AfterwardsError> {
    let id = request(world).request.id;
    let done = afterwards::order(&world.app, id, what, (who, why)).await;
    world.settle().await;
    done
}

const HOUR: Order = Order::Extend(Duration::from_hours(1));

#[tokio::test]
async fn link_closes_and_extends_from_the_page_and_keeps_nothing() {
    let world = opened(json!("link")).await;
    assert_eq!(world.entries(), [STRANGER]);
    let link = world.last_message("link");
    let page = world.follow(Method::GET, &link, "").await;
    for (button, is_there) in [("close", true), ("extend", true), ("keep", false)] {
        let shown = page.text.contains(&format!("value=\"{button}\""));
        assert_eq!(shown, is_there, "{button}: {}", page.text);
    }
    world.jump(Duration::from_mins(30));
    world.settle().await;
    for (form, status) in [
        ("order=keep", 403),
        ("order=extend", 400),
        ("order=extend&for=2h", 422),
        ("order=extend&for=1h", 200),
        ("order=extend&for=1h", 409),
        ("order=close&reason=done", 200),
        ("order=close", 409),
        ("order=extend&for=1h", 409),
        ("order=close&answer=deny", 400),
        ("order=open", 400),
    ] {
        let reply = world.follow(Method::POST, &link, form).await;
        assert_eq!(reply.status, status, "{form}: {}", reply.text);
    }
    world.settle().await;
    assert!(world.entries().is_empty());
    let closed = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Revoked { by, because, .. } => Some((by.to_string(), because)),
            _ => None,
        });
    assert_eq!(
        closed,
        Some(("doorward".to_owned(), Some("done".to_owned())))
    );
}

#[tokio::test]
async fn known_person_keeps_for_good_with_a_reason_where_one_is_required() {
    let world = opened(json!({ "strength": "chat" })).await;
    let link = order(&world, Order::Keep, &Who::Link, Some("why")).await;
    assert!(
        matches!(link, Err(AfterwardsError::Refused(Refusal::TooWeak(_)))),
        "{link:?}"
    );
    order(&world, Order::Keep, &pressed("U1"), Some("theirs now"))
        .await
        .unwrap();
    world.jump(Duration::from_hours(2));
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    let kept = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Kept { because, .. } => because,
            _ => None,
        });
    assert_eq!(kept.as_deref(), Some("theirs now"));
}

#[tokio::test]
async fn what_takes_a_reason_to_open_takes_one_to_extend_and_none_to_close() {
    let world = world(json!({ "strength": "chat", "reason": "required" })).await;
    asked(&world).await;
    let yes = doorward::flow::respond::Reply {
        reason: Some("deploy".to_owned()),
        ..super::reply(&world, Answer::Allow, signed_in("ana"))
    };
    let id = request(&world).request.id;
    doorward::flow::respond::answer(&world.app, id, &yes)
        .await
        .unwrap();
    world.settle().await;
    world.jump(Duration::from_mins(30));
    let bare = order(&world, HOUR, &signed_in("bo"), None).await;
    assert!(
        matches!(bare, Err(AfterwardsError::Refused(Refusal::NoReason))),
        "{bare:?}"
    );
    order(&world, HOUR, &signed_in("bo"), Some("longer"))
        .await
        .unwrap();
    order(&world, Order::Close, &signed_in("bo"), None)
        .await
        .unwrap();
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn one_alone_closes_and_does_not_extend_what_took_two() {
    let world = world(json!({ "strength": "sign_in", "count": 2 })).await;
    asked(&world).await;
    for who in ["ana", "bo"] {
        say(&world, Answer::Allow, signed_in(who)).await.unwrap();
    }
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    for what in [HOUR, Order::Keep] {
        let alone = order(&world, what, &signed_in("ana"), None).await;
        assert!(
            matches!(alone, Err(AfterwardsError::TakesSeveral(2))),
            "{alone:?}"
        );
    }
    let weak = order(&world, Order::Close, &pressed("U1"), None).await;
    assert!(
        matches!(weak, Err(AfterwardsError::Refused(Refusal::TooWeak(_)))),
        "{weak:?}"
    );
    order(&world, Order::Close, &signed_in("cy"), None)
        .await
        .unwrap();
    assert!(world.entries().is_empty());
}
