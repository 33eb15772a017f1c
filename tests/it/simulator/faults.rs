//! What goes wrong, and stopping exactly between two requests.

use super::{STABLE, Story, code, rules};
use doorward_sim::{Call, Fault, Moment, Outcome, Target, Writes};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

async fn try_write(story: &Story, entry: &str) -> reqwest::Result<reqwest::Response> {
    let request = story.arm(Method::PATCH, &Story::path(), STABLE);
    request.json(&rules(&[entry])).send().await
}

#[tokio::test]
async fn throttling_and_errors_come_once_or_until_they_are_called_off() {
    let story = Story::begin().await;
    story.azure.knobs(|knobs| {
        knobs.next(
            Call::GetRegistry,
            Fault::Throttled {
                retry_after: Duration::from_secs(7),
            },
        );
        knobs.times(
            2,
            Call::GetRegistry,
            Fault::Status {
                status: 503,
                retry_after: None,
            },
        );
        knobs.always(
            Call::PatchRegistry,
            Fault::Status {
                status: 409,
                retry_after: None,
            },
        );
    });
    let response = story
        .arm(Method::GET, &Story::path(), STABLE)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["retry-after"]
        ),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(story.get(&Story::path(), STABLE).await.0, 503);
    assert_eq!(story.get(&Story::path(), STABLE).await.0, 503);
    assert_eq!(story.get(&Story::path(), STABLE).await.0, 200);
    assert_eq!(
        code(&story.write(&[]).await.1),
        "RegistryOperationInProgress"
    );
    story.azure.knobs(doorward_sim::Knobs::no_faults);
    assert_eq!(story.write(&[]).await.0, 200);
}

#[tokio::test]
async fn a_reply_is_lost_before_or_after_the_write() {
    let story = Story::begin().await;
    story.azure.knobs(|knobs| {
        knobs.next((Call::PatchRegistry, "contosoprod"), Fault::LostBefore);
        knobs.next(Call::PatchRegistry, Fault::LostAfter);
    });
    assert!(try_write(&story, "20.1.2.3").await.is_err());
    assert_eq!(story.azure.entries("contosoprod"), ["20.9.9.9"]);
    assert!(try_write(&story, "20.1.2.3").await.is_err());
    assert_eq!(story.azure.entries("contosoprod"), ["20.1.2.3"]);
    let patches = story.azure.requests_of(Call::PatchRegistry);
    assert_eq!(patches.len(), 2, "nobody tried again");
    assert!(patches.iter().all(|patch| patch.status.is_none()));
}

#[tokio::test]
async fn a_reply_is_lost_over_tls_too() {
    let story = Story::begin().await;
    story
        .azure
        .knobs(|knobs| knobs.next(Call::PatchRegistry, Fault::LostAfter));
    let base = story.azure.resource_manager_tls().trim_end_matches('/');
    let url = format!("{base}{}?api-version={STABLE}", Story::path());
    let request = story
        .http
        .patch(url)
        .bearer_auth(story.azure.static_token());
    assert!(request.json(&rules(&["20.1.2.3"])).send().await.is_err());
    assert_eq!(story.azure.entries("contosoprod"), ["20.1.2.3"]);
    assert_eq!(story.azure.requests_of(Call::PatchRegistry).len(), 1);
}

#[tokio::test]
async fn links_and_redirects_may_lead_elsewhere() {
    let story = Story::begin().await;
    story.azure.knobs(|knobs| {
        knobs.writes = Writes::Asynchronous {
            takes: Duration::ZERO,
            retry_after: Duration::ZERO,
            outcome: Outcome::Succeeded,
        };
        knobs.next(
            Call::PatchRegistry,
            Fault::ForeignLinks("https://elsewhere.example".to_owned()),
        );
        knobs.next(
            Target::any(),
            Fault::Redirect("https://elsewhere.example/".to_owned()),
        );
    });
    let response = try_write(&story, "20.1.2.3").await.unwrap();
    let link = response.headers()["azure-asyncoperation"].to_str().unwrap();
    assert!(
        link.starts_with("https://elsewhere.example/subscriptions/"),
        "{link}"
    );
    let response = story
        .arm(Method::GET, &Story::path(), STABLE)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 307);
    let target = response.headers()["location"].to_str().unwrap();
    assert!(
        target.starts_with("https://elsewhere.example/subscriptions/"),
        "{target}"
    );
}

#[tokio::test]
async fn reads_may_be_stale_oversized_or_broken() {
    let story = Story::begin().await;
    story.write(&["20.1.2.3"]).await;
    story
        .azure
        .model(|model| model.read_stale("contosoprod", 1));
    let value = "/properties/networkRuleSet/ipRules/0/value";
    let (_, body) = story.get(&Story::path(), STABLE).await;
    assert_eq!(body.pointer(value), Some(&json!("20.9.9.9")));
    let (_, body) = story.get(&Story::path(), STABLE).await;
    assert_eq!(body.pointer(value), Some(&json!("20.1.2.3")));

    story.azure.knobs(|knobs| {
        knobs.next(Call::GetRegistry, Fault::Oversized(3_000_000));
        knobs.next(Call::GetRegistry, Fault::Garbled);
    });
    let response = story
        .arm(Method::GET, &Story::path(), STABLE)
        .send()
        .await
        .unwrap();
    assert_eq!(response.content_length(), None);
    assert!(response.bytes().await.unwrap().len() >= 3_000_000);
    let response = story
        .arm(Method::GET, &Story::path(), STABLE)
        .send()
        .await
        .unwrap();
    assert!(response.json::<serde_json::Value>().await.is_err());
}

#[tokio::test]
async fn a_hold_stops_a_write_before_it_is_applied() {
    let story = Story::begin().await;
    let hold = story.azure.hold(Call::PatchRegistry, Moment::Before);
    let foreign = async {
        hold.reached().await;
        assert_eq!(story.azure.entries("contosoprod"), ["20.9.9.9"]);
        story
            .azure
            .edit("contosoprod", "alice@contoso.com", |registry| {
                registry.allow("20.7.7.7");
            });
        hold.release();
    };
    let (response, ()) = tokio::join!(try_write(&story, "20.1.2.3"), foreign);
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(
        story.azure.entries("contosoprod"),
        ["20.1.2.3"],
        "the last writer wins"
    );
}

#[tokio::test]
async fn a_hold_stops_a_write_after_it_is_applied() {
    let story = Story::begin().await;
    let hold = story
        .azure
        .hold((Call::PatchRegistry, "ContosoProd"), Moment::After);
    let meanwhile = async {
        hold.reached().await;
        assert_eq!(story.azure.entries("contosoprod"), ["20.1.2.3"]);
        assert_eq!(story.azure.requests().last().unwrap().status, None);
        hold.release();
    };
    let (response, ()) = tokio::join!(try_write(&story, "20.1.2.3"), meanwhile);
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_applied_all_the_same() {
    let story = Story::begin().await;
    let hold = story.azure.hold(Call::PatchRegistry, Moment::Before);
    tokio::select! {
        _ = try_write(&story, "20.1.2.3") => panic!("it is held"),
        () = hold.reached() => {}
    }
    let applied = story.azure.hold(Call::PatchRegistry, Moment::After);
    hold.release();
    applied.reached().await;
    assert_eq!(story.azure.entries("contosoprod"), ["20.1.2.3"]);
}

#[tokio::test]
async fn a_hold_that_nobody_came_to_is_gone_when_it_is_dropped() {
    let story = Story::begin().await;
    drop(story.azure.hold(Call::GetRegistry, Moment::Before));
    assert_eq!(story.get(&Story::path(), STABLE).await.0, 200);
}

#[tokio::test]
async fn it_ends_when_it_is_shut_down_even_while_a_request_is_held() {
    let story = Story::begin().await;
    let hold = story.azure.hold(Call::GetRegistry, Moment::Before);
    let url = format!("{}{}", story.azure.resource_manager(), Story::path());
    let request = story.http.get(url).query(&[("api-version", STABLE)]);
    let end = async {
        hold.reached().await;
        story.azure.shutdown().await;
    };
    let (response, ()) = tokio::join!(request.send(), end);
    assert!(response.is_err());
}
