//! Tokens of Azure's own services: which are heard, and that no other is.

use super::{US, bearer, forged, header_of, world};
use crate::world::{OURS, World};
use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Method, Request};
use doorward_sim::TENANT;
use doorward_sim::senders::{ACTION_GROUP_APP, EVENT_GRID_APP};
use serde_json::{Value, json};

#[tokio::test]
async fn tokens_of_azures_services_are_heard_in_both_versions() {
    let world = world().await;
    let v2 =
        json!({ "iss": world.azure.issuer(), "appid": null, "azp": EVENT_GRID_APP, "ver": "2.0" });
    let role = json!({ "roles": ["AzureEventGridSecureWebhookSubscriber"] });
    for (source, token) in [
        ("grid", world.azure.service_token(EVENT_GRID_APP, US)),
        (
            "grid",
            world
                .azure
                .service_token(EVENT_GRID_APP, &format!("api://{US}")),
        ),
        ("grid", world.grid_token(&json!({}))),
        ("grid", world.grid_token(&v2)),
        ("groups", world.azure.service_token(ACTION_GROUP_APP, US)),
        ("roles", world.grid_token(&role)),
    ] {
        let reply = world.show(source, &token).await;
        assert_eq!(reply.status, 202, "{source}: {}", reply.text);
    }
    assert_eq!(world.looks(), 1, "sources of one tenant share its keys");
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn every_other_token_is_refused_without_a_reason() {
    let world = world().await;
    let good = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &good).await.status, 202);
    let mut tokens = with_other_claims(&world);
    tokens.extend(with_other_signatures(&world, &good).await);
    for token in tokens {
        let reply = world.show("grid", &token).await;
        assert_eq!(reply.status, 401, "{token}");
        assert_eq!(reply.text, r#"{"error":"not authenticated"}"#);
        assert_eq!(
            reply.headers["www-authenticate"],
            "Bearer realm=\"doorward\""
        );
    }
    let without = Request::post("/events/grid");
    assert_eq!(world.report(without, OURS).await.status, 401);
    let twice = bearer("grid", &good).header("authorization", format!("Bearer {good}"));
    assert_eq!(world.report(twice, OURS).await.status, 401);
    assert_eq!(world.show("groups", &good).await.status, 401);
    assert_eq!(world.show("roles", &good).await.status, 401);
    assert_eq!(
        world.kinds().await,
        ["denied"],
        "only the first was taken in"
    );
}

/// Tokens that the right authority signed, each with something wrong in it.
fn with_other_claims(world: &World) -> Vec<String> {
    let now = world.clock.now().as_second();
    let other = "77777777-0000-4000-8000-000000000007";
    let changes = [
        json!({ "aud": "00000000-0000-4000-8000-00000000000a" }),
        json!({ "aud": null }),
        json!({ "iss": "https://issuer.example/" }),
        json!({ "iss": format!("https://sts.windows.net/{other}/") }),
        json!({ "iss": null }),
        json!({ "tid": other }),
        json!({ "tid": null }),
        json!({ "appid": ACTION_GROUP_APP }),
        json!({ "appid": null }),
        json!({ "exp": now - 60 }),
        json!({ "exp": null }),
        json!({ "nbf": now + 61 }),
        json!({ "padding": "x".repeat(16 * 1024) }),
    ];
    changes.iter().map(|one| world.grid_token(one)).collect()
}

/// Tokens with the right claims, and not signed by the authority.
async fn with_other_signatures(world: &World, good: &str) -> Vec<String> {
    let header = header_of(good);
    let with = |algorithm: &str| {
        let mut header = header.clone();
        header["alg"] = algorithm.into();
        header
    };
    let keys = fetched_keys(world).await;
    let public_key = keys["keys"][0]["n"].as_str().unwrap();
    let by_public_key = |bytes: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, public_key.as_bytes());
        hmac::sign(&key, bytes).as_ref().to_vec()
    };
    vec![
        forged(good, &with("none"), |_| Vec::new()),
        forged(good, &with("HS256"), by_public_key),
        forged(good, &header, by_public_key),
        forged(good, &header, |_| vec![0; 256]),
        good.replacen('.', ".e30", 1),
        String::new(),
    ]
}

async fn fetched_keys(world: &World) -> Value {
    let ca = reqwest::Certificate::from_pem(world.azure.ca_pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("{}{TENANT}/discovery/v2.0/keys", world.azure.authority());
    http.get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn handshakes_need_the_token_too() {
    let world = world().await;
    let event = json!([{
        "id": "1", "topic": "/subscriptions/x", "subject": "", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": { "validationCode": "a-code" }, "eventTime": "2026-11-22T12:00:00Z", "dataVersion": "1", "metadataVersion": "1",
    }]);
    let options = || {
        Request::builder()
            .method(Method::OPTIONS)
            .uri("/events/grid")
            .header("webhook-request-origin", "eventgrid.azure.net")
    };
    let validate =
        || Request::post("/events/grid").header("aeg-event-type", "SubscriptionValidation");
    let send = async |request: Builder, body: String| {
        world.send(request.body(Body::from(body)).unwrap()).await
    };
    assert_eq!(send(options(), String::new()).await.status, 401);
    assert_eq!(send(validate(), event.to_string()).await.status, 401);

    let proof = format!("Bearer {}", world.azure.service_token(EVENT_GRID_APP, US));
    let reply = send(options().header("authorization", &proof), String::new()).await;
    assert_eq!(
        reply.headers["webhook-allowed-origin"],
        "eventgrid.azure.net"
    );
    let reply = send(
        validate().header("authorization", &proof),
        event.to_string(),
    )
    .await;
    assert_eq!(
        (reply.status, reply.text.as_str()),
        (200, r#"{"validationResponse":"a-code"}"#)
    );
}
