//! Writes that are operations of their own time.

use super::{STABLE, Story, code, reply, rules};
use doorward_sim::{Concurrent, Outcome, Writes};
use reqwest::Method;
use std::time::Duration;

#[tokio::test]
async fn a_write_may_be_an_operation_that_takes_its_time() {
    let story = Story::begin().await;
    asynchronous(&story, Outcome::Succeeded);
    let request = story.arm(Method::PATCH, &Story::path(), STABLE);
    let response = request.json(&rules(&["20.1.2.3"])).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["retry-after"], "5");
    let link = response.headers()["azure-asyncoperation"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(link.starts_with(story.azure.resource_manager()), "{link}");
    let (_, body) = reply(response).await;
    assert_eq!(body["properties"]["provisioningState"], "Updating");

    let (_, meanwhile) = story.get(&Story::path(), STABLE).await;
    assert_eq!(meanwhile["properties"]["provisioningState"], "Updating");
    assert_eq!(story.azure.entries("contosoprod"), ["20.9.9.9"]);
    assert_eq!(status_of(&story, &link).await, "InProgress");
    assert_eq!(
        code(&story.write(&["20.7.7.7"]).await.1),
        "RegistryOperationInProgress"
    );

    story.clock.advance(Duration::from_secs(20));
    assert_eq!(status_of(&story, &link).await, "Succeeded");
    assert_eq!(story.azure.entries("contosoprod"), ["20.1.2.3"]);
}

#[tokio::test]
async fn an_operation_may_fail_or_be_canceled_and_then_nothing_has_changed() {
    for (outcome, says) in [(Outcome::Failed, "Failed"), (Outcome::Canceled, "Canceled")] {
        let story = Story::begin().await;
        asynchronous(&story, outcome);
        let request = story.arm(Method::PATCH, &Story::path(), STABLE);
        let response = request.json(&rules(&["20.1.2.3"])).send().await.unwrap();
        let link = response.headers()["azure-asyncoperation"]
            .to_str()
            .unwrap()
            .to_owned();
        story.clock.advance(Duration::from_secs(20));
        assert_eq!(status_of(&story, &link).await, says);
        assert_eq!(story.azure.entries("contosoprod"), ["20.9.9.9"]);
    }
}

#[tokio::test]
async fn writes_during_an_operation_may_be_let_through() {
    let story = Story::begin().await;
    asynchronous(&story, Outcome::Succeeded);
    story
        .azure
        .knobs(|knobs| knobs.concurrent = Concurrent::LastWriterWins);
    assert_eq!(story.write(&["20.1.2.3"]).await.0, 201);
    story.clock.advance(Duration::from_secs(1));
    assert_eq!(story.write(&["20.7.7.7"]).await.0, 201);
    story.clock.advance(Duration::from_mins(1));
    assert_eq!(story.azure.entries("contosoprod"), ["20.7.7.7"]);
}

fn asynchronous(story: &Story, outcome: Outcome) {
    story.azure.knobs(|knobs| {
        knobs.writes = Writes::Asynchronous {
            takes: Duration::from_secs(20),
            retry_after: Duration::from_secs(5),
            outcome,
        };
    });
}

async fn status_of(story: &Story, link: &str) -> String {
    let request = story.http.get(link).bearer_auth(story.azure.static_token());
    let (_, body) = reply(request.send().await.unwrap()).await;
    body["status"].as_str().unwrap().to_owned()
}
