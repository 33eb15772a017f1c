//! The authority's keys: looked up seldom, rotated, and out of reach for a while.

use super::{forged, header_of, world};
use doorward_sim::{Call, Fault, Knobs};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_unknown_key_causes_one_look_a_minute() {
    let world = world().await;
    let good = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &good).await.status, 202);
    assert_eq!(world.looks(), 1);
    let mut header = header_of(&good);
    header["kid"] = "invented".into();
    let unknown = forged(&good, &header, |_| vec![0; 256]);
    for _ in 0..5 {
        assert_eq!(world.show("grid", &unknown).await.status, 401);
    }
    assert_eq!(world.looks(), 2);
    world.jump(Duration::from_mins(1));
    assert_eq!(world.show("grid", &unknown).await.status, 401);
    assert_eq!(world.looks(), 3);
    assert_eq!(world.show("grid", &good).await.status, 202);
    assert_eq!(world.looks(), 3);
}

#[tokio::test]
async fn after_a_rotation_the_new_key_counts_and_the_old_one_does_not() {
    let world = world().await;
    let old = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &old).await.status, 202);
    world.azure.rotate_keys().unwrap();
    let new = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &new).await.status, 202);
    assert_eq!(world.show("grid", &old).await.status, 401);
}

#[tokio::test]
async fn while_the_authority_is_down_known_keys_count_and_the_rest_is_told_to_wait() {
    let world = world().await;
    let fault = Fault::Status {
        status: 503,
        retry_after: None,
    };
    world
        .azure
        .knobs(|knobs| knobs.always(Call::OpenIdConfiguration, fault.clone()));
    let token = world.grid_token(&json!({ "exp": world.clock.now().as_second() + 86_400 }));
    let reply = world.show("grid", &token).await;
    assert_eq!(
        reply.status, 503,
        "never 401: Event Grid would drop the event"
    );
    assert_eq!(reply.headers["retry-after"], "6");
    let asked = world.azure.requests_of(Call::OpenIdConfiguration).len();
    assert_eq!(world.show("grid", &token).await.status, 503);
    assert_eq!(
        world.azure.requests_of(Call::OpenIdConfiguration).len(),
        asked
    );

    world.azure.knobs(Knobs::no_faults);
    world.jump(Duration::from_secs(5));
    assert_eq!(world.show("grid", &token).await.status, 202);

    // Down again, for longer than keys stay fresh.
    world
        .azure
        .knobs(|knobs| knobs.always(Call::KeySet, Fault::LostBefore));
    world.jump(Duration::from_hours(2));
    assert_eq!(world.show("grid", &token).await.status, 202);
    world.azure.rotate_keys().unwrap();
    let new = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &new).await.status, 503);
    let expired = world.grid_token(&json!({ "exp": 1 }));
    assert_eq!(
        world.show("grid", &expired).await.status,
        503,
        "nobody can tell who signed it"
    );
    world.azure.knobs(Knobs::no_faults);
    world.jump(Duration::from_secs(5));
    assert_eq!(world.show("grid", &new).await.status, 202);
}

#[tokio::test]
async fn an_authority_that_leads_elsewhere_is_not_followed() {
    let world = world().await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::OpenIdConfiguration, Fault::Garbled));
    let token = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &token).await.status, 503);
    world.azure.knobs(Knobs::no_faults);
    let elsewhere = Fault::Redirect("https://localhost:1/".to_owned());
    world
        .azure
        .knobs(|knobs| knobs.always(Call::KeySet, elsewhere));
    world.jump(Duration::from_secs(5));
    assert_eq!(world.show("grid", &token).await.status, 503);
}

#[tokio::test]
async fn many_at_once_cause_one_look() {
    let world = world().await;
    let token = world.grid_token(&json!({}));
    let all = (0..20).map(|_| world.show("grid", &token));
    let replies = futures_util::future::join_all(all).await;
    assert!(replies.iter().all(|reply| reply.status == 202));
    assert_eq!(world.looks(), 1);
}
