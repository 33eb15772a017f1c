//! Signed deliveries: heard by every key, once, and while they are fresh.

use super::{OLD_SECRET, SECRET, signed, world};
use crate::world::{OURS, message};
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::time::Duration;

#[tokio::test]
async fn signed_deliveries_are_heard_by_every_key_and_only_once() {
    let world = world().await;
    let key = STANDARD
        .decode(SECRET.strip_prefix("whsec_").unwrap())
        .unwrap();
    let body = message(OURS);
    for (id, key, new) in [
        ("msg_1", &key[..], 1),
        ("msg_1", &key, 0),
        ("msg_2", OLD_SECRET.as_bytes(), 1),
    ] {
        let reply = world.report(signed(&world, id, key, &body), OURS).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        assert_eq!(
            serde_json::from_str::<Value>(&reply.text).unwrap()["new"],
            new
        );
    }
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_bad_or_old_signature_is_refused_before_anything_is_parsed() {
    let world = world().await;
    let key = OLD_SECRET.as_bytes();
    let body = message(OURS);
    let good = signed(&world, "msg_1", key, &body);
    let wrong_key = signed(&world, "msg_1", b"some other secret", &body);
    assert_eq!(world.report(wrong_key, OURS).await.status, 401);
    let other_body = signed(&world, "msg_1", key, "{");
    let reply = world.report(other_body, OURS).await;
    assert_eq!(reply.status, 401);
    assert_eq!(
        reply.headers["www-authenticate"],
        "Signature realm=\"doorward\""
    );
    let unsigned = Request::post("/events/signed");
    assert_eq!(
        world.send(unsigned.body("{".into()).unwrap()).await.status,
        401
    );
    world.jump(Duration::from_secs(301));
    assert_eq!(world.report(good, OURS).await.status, 401);
    assert!(world.kinds().await.is_empty());
}
