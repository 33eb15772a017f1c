//! Answers that sign nobody in.

use super::provider::{KID, Mood, Provider, modulus, rs256, token};
use super::{at, begin, claims, come_back, get, signed};
use crate::world::{Reply, World};
use aws_lc_rs::hmac;
use serde_json::{Value, json};
use std::time::Duration;

async fn nobody(world: &World, reply: &Reply, status: u16, text: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    assert!(reply.text.contains(text), "{text}: {}", reply.text);
    let mut set = reply.headers.get_all("set-cookie").iter();
    assert!(!set.any(|value| value.to_str().unwrap().contains("session=")));
    assert!(world.app.ledger.sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn token_with_anything_wrong_in_it_signs_nobody_in() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let now = world.clock.now().as_second();
    for change in [
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "iss": "https://evil.example/t" }),
        json!({ "iss": format!("{}/", provider.issuer) }),
        json!({ "aud": "another" }),
        json!({ "aud": ["doorward", "another"] }),
        json!({ "azp": "another" }),
        json!({ "exp": now - 61 }),
        json!({ "exp": null }),
        json!({ "iat": now + 61 }),
        json!({ "iat": null }),
        json!({ "nbf": now + 61 }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
    ] {
        let begun = begin(&world, "/account").await;
        let mut claims = claims(&world, &provider, &begun);
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        provider.is(signed(&claims));
        let reply = come_back(&world, &begun).await;
        nobody(&world, &reply, 403, "did not sign you in").await;
    }
}

#[tokio::test]
async fn token_that_the_provider_did_not_sign_signs_nobody_in() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let by_public_key = |bytes: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &modulus());
        hmac::sign(&key, bytes).as_ref().to_vec()
    };
    let with = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid });
    for case in 0..7 {
        let begun = begin(&world, "/account").await;
        let claims = claims(&world, &provider, &begun);
        let forged = match case {
            0 => token(&with("none", KID), &claims, |_| Vec::new()),
            1 => token(&with("HS256", KID), &claims, by_public_key),
            2 => token(&with("RS256", KID), &claims, by_public_key),
            3 => token(&with("RS256", "k2"), &claims, rs256),
            4 => token(
                &json!({ "alg": "RS256", "kid": KID, "crit": ["b64"] }),
                &claims,
                rs256,
            ),
            5 => token(&with("RS256", KID), &json!({ "sub": "x" }), rs256).replacen('.', ".e30", 1),
            _ => "not a token".to_owned(),
        };
        provider.is(Mood::Token(forged));
        let reply = come_back(&world, &begun).await;
        nobody(&world, &reply, 403, "did not sign you in").await;
    }
}

#[tokio::test]
async fn answer_that_belongs_to_no_sign_in_of_this_browser_is_refused() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let (mine, other) = (
        begin(&world, "/account").await,
        begin(&world, "/account").await,
    );
    provider.is(signed(&claims(&world, &provider, &mine)));
    let state = &mine.asked["state"];
    for (path, cookie) in [
        (format!("code=c1&state={state}"), ""),
        (format!("code=c1&state={state}"), other.cookie.as_str()),
        ("code=c1&state=".to_owned(), mine.cookie.as_str()),
        ("code=c1".to_owned(), mine.cookie.as_str()),
        (format!("code=c1&state={state}x"), mine.cookie.as_str()),
        (
            format!("code=c1&state={state}&state={state}"),
            mine.cookie.as_str(),
        ),
        (
            format!("code=c1&state={state}"),
            "__Host-doorward-sign-in=e30",
        ),
        (
            format!("code=c1&state={state}"),
            "__Host-doorward-sign-in=%%",
        ),
    ] {
        let reply = get(&world, &format!("/sign-in/callback?{path}"), cookie).await;
        nobody(&world, &reply, 400, "was not started in this browser").await;
    }
    world.jump(Duration::from_mins(10));
    let late = come_back(&world, &mine).await;
    nobody(&world, &late, 400, "longer than ten minutes").await;
    assert!(
        provider.exchanges().is_empty(),
        "the provider was not asked"
    );
}

#[tokio::test]
async fn provider_that_refuses_or_is_another_signs_nobody_in() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let begun = begin(&world, "/account").await;
    let state = &begun.asked["state"];
    let denied = format!(
        "/sign-in/callback?error=access_denied&error_description=%3Cb%3Ehunter2&state={state}"
    );
    let reply = get(&world, &denied, &begun.cookie).await;
    nobody(&world, &reply, 403, "did not sign you in").await;
    assert!(!reply.text.contains("hunter2"));
    let mixed_up =
        format!("/sign-in/callback?code=c1&iss=https%3A%2F%2Fevil.example&state={state}");
    let reply = get(&world, &mixed_up, &begun.cookie).await;
    nobody(&world, &reply, 403, "did not sign you in").await;
    assert!(
        provider.exchanges().is_empty(),
        "no code goes to whom it is not for"
    );
    provider.is(Mood::Answers(400, json!({ "error": "invalid_grant" })));
    let reply = come_back(&world, &begun).await;
    nobody(&world, &reply, 403, "did not sign you in").await;
    provider.is(Mood::Answers(200, json!({ "access_token": "a" })));
    let reply = come_back(&world, &begun).await;
    nobody(&world, &reply, 403, "did not sign you in").await;
}

#[tokio::test]
async fn person_without_role_or_group_is_told_so_and_too_many_groups_too() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    for (change, text) in [
        (
            json!({ "roles": [] }),
            "none of the application roles or groups",
        ),
        (
            json!({ "roles": ["other"], "email": "ana@contoso.com", "groups": ["g2"] }),
            "none of the application roles",
        ),
        (
            json!({ "roles": [], "hasgroups": true }),
            "more groups than a sign-in can carry",
        ),
        (
            json!({ "roles": [], "_claim_names": { "groups": "src1" } }),
            "application roles instead",
        ),
    ] {
        let begun = begin(&world, "/account").await;
        let mut claims = claims(&world, &provider, &begun);
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        provider.is(signed(&claims));
        let reply = come_back(&world, &begun).await;
        nobody(&world, &reply, 403, text).await;
    }
}

#[tokio::test]
async fn provider_that_is_down_costs_sign_in_alone_and_is_asked_again_later() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    provider.is_down(true);
    let reply = get(&world, "/sign-in", "").await;
    nobody(&world, &reply, 503, "does not answer at the moment").await;
    assert_eq!(reply.headers["retry-after"], "5");
    world.denied(crate::world::OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [crate::world::OURS], "the rest works on");
    provider.is_down(false);
    let too_soon = get(&world, "/sign-in", "").await;
    assert_eq!(too_soon.status, 503, "it is not asked at every call");
    world.jump(Duration::from_secs(6));
    let begun = begin(&world, "/account").await;
    provider.is(Mood::Answers(503, Value::Null));
    let reply = come_back(&world, &begun).await;
    nobody(&world, &reply, 503, "does not answer at the moment").await;
}

#[tokio::test]
async fn provider_that_hangs_is_given_up() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let begun = begin(&world, "/account").await;
    provider.is(Mood::Hangs);
    let waited = tokio::time::timeout(Duration::from_secs(20), come_back(&world, &begun)).await;
    nobody(
        &world,
        &waited.unwrap(),
        503,
        "does not answer at the moment",
    )
    .await;
}

#[tokio::test]
async fn codes_of_strangers_do_not_flood_the_provider() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let begun = begin(&world, "/account").await;
    provider.is(Mood::Answers(400, json!({ "error": "invalid_grant" })));
    let all = (0..60).map(|_| come_back(&world, &begun));
    let all = futures_util::future::join_all(all).await;
    let busy = all.iter().filter(|reply| reply.status == 503).count();
    assert!(busy > 10, "{busy} of 60 were held back");
    assert!(provider.exchanges().len() < 50);
}
