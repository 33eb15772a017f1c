//! Sessions: how long they last, how they end, and what other sites cannot do with them.

use super::provider::Provider;
use super::{HOME, at, begin, claims, come_back, get, kept, signed, signed_in};
use crate::world::{Reply, World};
use crate::{needs, postgres};
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

async fn is_signed_in(world: &World, cookie: &str) -> bool {
    get(world, "/account", cookie).await.status == 200
}

async fn sign_out(world: &World, cookie: &str, origin: &str, form_token: &str) -> Reply {
    let request = Request::post("/sign-out")
        .header("cookie", cookie)
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded");
    let form = Body::from(format!("form_token={form_token}"));
    world.send(request.body(form).unwrap()).await
}

fn form_token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn session_ends_when_it_is_idle_and_at_its_end_in_any_case() {
    let provider = Provider::start().await;
    let mut world = World::with(at(&provider)).await;
    let idle = signed_in(&world, &provider).await;
    world.jump(Duration::from_secs(3599));
    assert!(is_signed_in(&world, &idle).await, "used just in time");
    world.restart().await;
    assert!(is_signed_in(&world, &idle).await, "it outlives the process");
    world.jump(HOUR);
    assert!(!is_signed_in(&world, &idle).await, "idle for an hour");
    let busy = signed_in(&world, &provider).await;
    for _ in 0..23 {
        world.jump(HOUR / 2);
        assert!(is_signed_in(&world, &busy).await);
    }
    world.jump(HOUR / 2);
    assert!(!is_signed_in(&world, &busy).await, "twelve hours are over");
    // What is over is swept when the next session begins.
    signed_in(&world, &provider).await;
    assert_eq!(world.app.ledger.sessions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn session_is_kept_as_a_hash_on_both_databases() {
    let Some(database) = postgres::prepared().await else {
        needs::skip("PostgreSQL is not installed");
        return;
    };
    let provider = Provider::start().await;
    let world = World::on(&database, at(&provider)).await;
    let cookie = signed_in(&world, &provider).await;
    let secret = cookie.split_once('=').unwrap().1;
    let rows = database.rows("session").await;
    assert!(
        rows.contains("Ana Lima") && !rows.contains(secret),
        "{rows}"
    );
    // Another process of the same ledger knows it too.
    let replica = world.replica().await;
    let found = doorward::flow::access::sessions::of(&replica, secret)
        .await
        .unwrap();
    assert_eq!(found.unwrap().person.id.subject, "s1");
    assert!(is_signed_in(&world, &cookie).await);
}

#[tokio::test]
async fn whoever_is_signed_in_signs_out_by_their_own_form_alone() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let (mine, other) = (
        signed_in(&world, &provider).await,
        signed_in(&world, &provider).await,
    );
    let page = get(&world, "/account", &mine).await;
    let token = form_token(&page.text);
    let others = form_token(&get(&world, "/account", &other).await.text);
    for (origin, token) in [
        ("https://evil.example", token.as_str()),
        ("null", token.as_str()),
        (HOME, ""),
        (HOME, others.as_str()),
    ] {
        let reply = sign_out(&world, &mine, origin, token).await;
        assert_eq!(reply.status, 403, "{origin} {token}");
        assert!(is_signed_in(&world, &mine).await);
    }
    let reply = sign_out(&world, &mine, HOME, &token).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let over = kept(&reply, "__Host-doorward-session").unwrap();
    assert_eq!(over, "__Host-doorward-session=");
    assert!(
        !is_signed_in(&world, &mine).await,
        "the cookie is worth nothing any more"
    );
    assert!(is_signed_in(&world, &other).await);
    assert_eq!(sign_out(&world, &mine, HOME, &token).await.status, 403);
}

#[tokio::test]
async fn cookie_that_is_not_one_of_ours_is_nobody() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let cookie = signed_in(&world, &provider).await;
    let (name, secret) = cookie.split_once('=').unwrap();
    let changed = if secret.ends_with('A') { "B" } else { "A" };
    for bad in [
        String::new(),
        format!("{name}="),
        format!("{name}={}{changed}", &secret[..42]),
        format!("{name}={secret}x"),
        format!("doorward-session={secret}"),
        format!("{cookie}; {cookie}"),
        format!("{name}={}", "a".repeat(5000)),
    ] {
        assert!(!is_signed_in(&world, &bad).await, "{bad}");
    }
    assert!(is_signed_in(&world, &format!("a=b; {cookie}; c=d")).await);
}

#[tokio::test]
async fn role_that_the_configuration_no_longer_names_ends_sessions_at_once() {
    let provider = Provider::start().await;
    let mut world = World::with(at(&provider)).await;
    let cookie = signed_in(&world, &provider).await;
    let file = world.folder.path().join("doorward.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("doorward.approver", "doorward.other")).unwrap();
    world.restart().await;
    assert!(!is_signed_in(&world, &cookie).await);
}

#[tokio::test]
async fn person_has_ten_sessions_at_most() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let first = signed_in(&world, &provider).await;
    for _ in 0..10 {
        world.jump(Duration::from_secs(1));
        signed_in(&world, &provider).await;
    }
    assert!(!is_signed_in(&world, &first).await);
    assert_eq!(world.app.ledger.sessions().await.unwrap().len(), 10);
    // Somebody else's are their own.
    let begun = begin(&world, "/account").await;
    let mut other = claims(&world, &provider, &begun);
    other["sub"] = json!("s2");
    provider.is(signed(&other));
    assert_eq!(come_back(&world, &begun).await.status, 303);
    assert_eq!(world.app.ledger.sessions().await.unwrap().len(), 11);
}
