//! Links and answers of people who mean no good, and what each gets. None of them has an effect.

use super::{asked, world};
use crate::world::{Reply, World, with_shown};
use axum::body::Body;
use axum::http::{Method, Request};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::time::Duration;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const ORIGIN: &str = "https://doorward.contoso.com";

fn signed(header: &Header, claims: &Value, key: &str) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

/// What the good link says, with this changed; and signed as by doorward, without naming the key.
fn claims(world: &World, change: &[(&str, Value)]) -> String {
    let request = super::request(world).request;
    let mut claims = json!({
        "aud": "doorward:requests", "purpose": "answer",
        "sub": request.id.to_string(), "exp": request.until.as_second(),
    });
    for (name, value) in change {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(*name);
        }
    }
    signed(&Header::new(Algorithm::HS256), &claims, KEY)
}

async fn get(world: &World, path: &str) -> Reply {
    let request = Request::get(path.to_owned()).header("host", "doorward.contoso.com");
    world.send(request.body(Body::empty()).unwrap()).await
}

async fn post(world: &World, path: &str, kind: &str, body: &str) -> Reply {
    let request = Request::post(path.to_owned())
        .header("host", "doorward.contoso.com")
        .header("origin", ORIGIN)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", kind);
    let body = Body::from(body.to_owned());
    world.send(request.body(body).unwrap()).await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn hostile_link_gets_its_status_and_a_page_that_says_why() {
    let world = world(json!("link")).await;
    asked(&world).await;
    let link = world.last_message("link");
    let good = link.rsplit('/').next().unwrap().to_owned();
    let parts: Vec<&str> = good.split('.').collect();
    let other = signed(
        &Header::new(Algorithm::HS256),
        &json!({ "aud": "doorward:requests", "purpose": "answer", "sub": super::request(&world).request.id.to_string(), "exp": 9_999_999_999_i64 }),
        "a key that somebody else has made up",
    );
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let kid = Header {
        kid: Some("../../etc/passwd".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let of_other_key = signed(&kid, &json!({}), KEY);
    let hs512 = signed(
        &Header::new(Algorithm::HS512),
        &json!({ "aud": "doorward:requests", "purpose": "answer", "sub": "x", "exp": 9_999_999_999_i64 }),
        KEY,
    );
    let changed = "This link was changed";
    let invalid = "invalid or incomplete";
    let rows: Vec<(&str, String, u16, &str)> = vec![
        ("cut short", good[..good.len() - 3].to_owned(), 404, "link"),
        ("cut in the middle", good[..20].to_owned(), 404, invalid),
        ("one letter more", format!("{good}A"), 404, "link"),
        (
            "another end",
            format!("{}AAAA", &good[..good.len() - 4]),
            404,
            changed,
        ),
        (
            "no signature",
            format!("{}.{}.", parts[0], parts[1]),
            404,
            changed,
        ),
        (
            "no claims",
            format!("{}..{}", parts[0], parts[2]),
            404,
            "link",
        ),
        (
            "two signatures",
            format!("{good}.{}", parts[2]),
            404,
            invalid,
        ),
        ("no algorithm", unsigned, 404, invalid),
        ("another algorithm", hs512, 404, changed),
        ("another's key", other, 404, changed),
        (
            "a key of no name",
            of_other_key,
            404,
            "key that is not in use",
        ),
        ("dots", "..".to_owned(), 404, invalid),
        ("a path", "..%2f..%2fmetrics".to_owned(), 404, invalid),
        ("not UTF-8", "%ff%fe".to_owned(), 404, invalid),
        ("very long", "a".repeat(4000), 404, invalid),
        (
            "markup",
            "%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned(),
            404,
            invalid,
        ),
        (
            "for sessions",
            claims(&world, &[("aud", json!("doorward:sessions"))]),
            403,
            "something else",
        ),
        (
            "to show only",
            claims(&world, &[("purpose", json!("show"))]),
            403,
            "something else",
        ),
        (
            "without purpose",
            claims(&world, &[("purpose", Value::Null)]),
            404,
            invalid,
        ),
        (
            "without an end",
            claims(&world, &[("exp", Value::Null)]),
            404,
            invalid,
        ),
        ("over", claims(&world, &[("exp", json!(1))]), 410, "expired"),
        (
            "over before time began",
            claims(&world, &[("exp", json!(-1))]),
            404,
            invalid,
        ),
        (
            "of no request",
            claims(&world, &[("sub", json!("0197-nope"))]),
            404,
            invalid,
        ),
        (
            "of an unknown request",
            claims(
                &world,
                &[("sub", json!("00000000-0000-0000-0000-000000000000"))],
            ),
            410,
            "expired",
        ),
        (
            "of another kind of subject",
            claims(&world, &[("sub", json!(["a"]))]),
            404,
            invalid,
        ),
    ];
    let before = world.kinds().await;
    for (what, token, status, said) in &rows {
        let path = format!("/requests/{token}");
        let shown = get(&world, &path).await;
        assert_eq!(shown.status, *status, "{what}: {}", shown.text);
        assert!(shown.text.contains(said), "{what}: {}", shown.text);
        assert!(!shown.text.contains("<script>alert"), "{what}");
        let answered = post(&world, &path, FORM, "answer=allow").await;
        assert_eq!(answered.status, *status, "{what}: {}", answered.text);
    }
    assert!(rows.len() >= 25, "{}", rows.len());
    assert_eq!(world.kinds().await, before);
    assert!(super::request(&world).answer.is_none());
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn hostile_answer_gets_its_status_and_has_no_effect() {
    let world = world(json!({ "strength": "link", "reason": "required", "max": "30m" })).await;
    asked(&world).await;
    let link = world.last_message("link");
    let path = link.strip_prefix(ORIGIN).unwrap();
    let page = get(&world, path).await;
    let digest = with_shown("", &page.text).replace("&shown=", "");
    let of = |form: &str| format!("{form}&shown={digest}");
    let long = "x".repeat(501);
    let zeros = "0".repeat(64);
    let rows: Vec<(&str, &str, String, u16)> = vec![
        ("nothing", FORM, String::new(), 400),
        ("no digest", FORM, "answer=allow&reason=why".to_owned(), 428),
        (
            "an empty digest",
            FORM,
            "answer=allow&reason=why&shown=".to_owned(),
            428,
        ),
        (
            "no digest at all",
            FORM,
            "answer=allow&reason=why&shown=x".to_owned(),
            400,
        ),
        (
            "half a digest",
            FORM,
            format!("answer=allow&reason=why&shown={}", &digest[..32]),
            400,
        ),
        (
            "another digest",
            FORM,
            format!("answer=allow&reason=why&shown={zeros}"),
            409,
        ),
        (
            "a digest in capitals",
            FORM,
            format!("answer=allow&reason=why&shown={}", digest.to_uppercase()),
            400,
        ),
        (
            "a digest with more",
            FORM,
            format!("answer=allow&reason=why&shown={digest}.00000000"),
            400,
        ),
        ("no reason", FORM, of("answer=allow"), 422),
        (
            "a blank reason",
            FORM,
            of("answer=allow&reason=%20%09"),
            422,
        ),
        (
            "a reason of two lines",
            FORM,
            of("answer=allow&reason=a%0d%0ab"),
            422,
        ),
        (
            "a reason with an escape",
            FORM,
            of("answer=allow&reason=%1b%5b2J"),
            422,
        ),
        (
            "a long reason",
            FORM,
            of(&format!("answer=allow&reason={long}")),
            422,
        ),
        (
            "for longer",
            FORM,
            of("answer=allow&reason=why&for=31m"),
            422,
        ),
        (
            "for ever",
            FORM,
            of("answer=allow&reason=why&for=9999999999999999999d"),
            400,
        ),
        (
            "for no time",
            FORM,
            of("answer=allow&reason=why&for=0s"),
            400,
        ),
        (
            "for a second",
            FORM,
            of("answer=allow&reason=why&for=1s"),
            422,
        ),
        (
            "for less than none",
            FORM,
            of("answer=allow&reason=why&for=-1h"),
            400,
        ),
        ("another answer", FORM, of("answer=maybe&reason=why"), 400),
        (
            "two answers",
            FORM,
            of("answer=allow&answer=deny&reason=why"),
            400,
        ),
        (
            "an answer and an order",
            FORM,
            of("answer=allow&order=keep&reason=why"),
            400,
        ),
        (
            "an order about nothing",
            FORM,
            of("order=keep&reason=why"),
            403,
        ),
        ("an order to close nothing", FORM, of("order=close"), 409),
        (
            "an order to extend nothing",
            FORM,
            of("order=extend&for=10m&reason=why"),
            409,
        ),
        (
            "JSON",
            "application/json",
            "{\"answer\":\"allow\"}".to_owned(),
            400,
        ),
        (
            "plain text",
            "text/plain",
            of("answer=allow&reason=why"),
            400,
        ),
        ("no UTF-8", FORM, of("answer=allow&reason=%ff"), 422),
        (
            "a large form",
            FORM,
            of(&format!("answer=allow&reason={}", "x".repeat(100_000))),
            400,
        ),
    ];
    let before = world.kinds().await;
    for (what, kind, body, status) in &rows {
        let reply = post(&world, path, kind, body).await;
        assert_eq!(reply.status, *status, "{what}: {}", reply.text);
    }
    for method in [Method::GET, Method::HEAD] {
        let query = format!("{path}?{}", of("answer=allow&reason=why"));
        let request = Request::builder().method(method.clone()).uri(query);
        let request = request.header("host", "doorward.contoso.com");
        let reply = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 200, "{method}");
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder().method(method.clone()).uri(path);
        let request = request.header("host", "doorward.contoso.com");
        let reply = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 405, "{method}");
    }
    assert_eq!(world.kinds().await, before);
    let yes = of("answer=allow&reason=a+good+one&for=10m");
    let taken = post(&world, path, FORM, &yes).await;
    assert_eq!(taken.status, 200, "{}", taken.text);
    // Sent again, and by whoever reads it over a shoulder.
    for again in [yes.clone(), of("answer=deny")] {
        let reply = post(&world, path, FORM, &again).await;
        assert_eq!(reply.status, 409, "{}", reply.text);
        assert!(reply.text.contains("answered already"), "{}", reply.text);
    }
    let answered = world.kinds().await;
    assert_eq!(
        answered.iter().filter(|kind| **kind == "answered").count(),
        1
    );
    world.jump(Duration::from_hours(25));
    assert_eq!(get(&world, path).await.status, 410);
}
