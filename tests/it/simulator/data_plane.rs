//! The registries' data plane.

use super::{Story, reply};
use doorward_sim::{DefaultAction, Pull};
use serde_json::json;
use std::time::Duration;

const HOST: &str = "contosoprod.azurecr.io";

async fn pull(story: &Story, address: &str) -> Pull {
    let (user, password) = story.azure.registry("contosoprod").unwrap().login;
    let caller = story
        .azure
        .caller(address.parse().unwrap())
        .with_login(&user, &password);
    caller.pull(HOST, "prod/api", "v1").await.unwrap()
}

#[tokio::test]
async fn a_closed_registry_refuses_in_the_services_words_and_an_open_one_asks_who_it_is() {
    let story = Story::begin().await;
    let ask = async |address: &str| {
        let url = format!("{}v2/", story.azure.data_plane());
        let request = story.http.get(url).header("host", HOST);
        reply(
            request
                .header("x-caller-address", address)
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let (status, body) = ask("20.1.2.3").await;
    assert_eq!(status, 403);
    assert_eq!(
        body,
        json!({ "errors": [{ "code": "DENIED", "message": "client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access." }] })
    );
    let (status, body) = ask("20.9.9.9").await;
    assert_eq!(
        (status, &body["errors"][0]["code"]),
        (401, &json!("UNAUTHORIZED"))
    );
    assert_eq!(ask("2603:1030::1").await.0, 403);
}

#[tokio::test]
async fn opening_and_closing_both_take_their_time() {
    let story = Story::begin().await;
    story.write(&["20.1.2.3"]).await;
    assert_eq!(pull(&story, "20.1.2.3").await.status, 403);
    assert!(pull(&story, "20.9.9.9").await.is_served());
    story.clock.advance(Duration::from_secs(30));
    assert!(pull(&story, "20.1.2.3").await.is_served());
    assert_eq!(pull(&story, "20.9.9.9").await.status, 403);
}

#[tokio::test]
async fn front_ends_may_disagree_for_a_while() {
    let story = Story::begin().await;
    let lags = [10, 60].map(Duration::from_secs).to_vec();
    story.azure.knobs(|knobs| knobs.propagation = lags);
    story.write(&["20.1.2.3"]).await;
    story.clock.advance(Duration::from_secs(20));
    let caller = story.azure.caller("20.1.2.3".parse().unwrap());
    let first = caller.pull(HOST, "prod/api", "v1").await.unwrap();
    assert_eq!(first.status, 403, "{}", first.body);
}

#[tokio::test]
async fn a_disabled_public_endpoint_says_the_same_and_no_entry_helps() {
    let story = Story::begin().await;
    story
        .azure
        .knobs(|knobs| knobs.propagates_in(Duration::ZERO));
    story.azure.edit("contosoprod", "owner", |registry| {
        registry.public_network_access = false;
    });
    let refused = pull(&story, "20.9.9.9").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .body
            .contains("client with IP '20.9.9.9' is not allowed access")
    );
}

#[tokio::test]
async fn default_allow_lets_everybody_through() {
    let story = Story::begin().await;
    story
        .azure
        .knobs(|knobs| knobs.propagates_in(Duration::ZERO));
    story.azure.edit("contosoprod", "owner", |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    assert!(pull(&story, "20.1.2.3").await.is_served());
}

#[tokio::test]
async fn a_wrong_password_is_401_and_anonymous_pull_needs_none() {
    let story = Story::begin().await;
    let caller = story.azure.caller("20.9.9.9".parse().unwrap());
    let wrong = caller.clone().with_login("puller", "wrong");
    assert_eq!(
        wrong.pull(HOST, "prod/api", "v1").await.unwrap().status,
        401
    );
    story.azure.edit("contosoprod", "owner", |registry| {
        registry.anonymous_pull = true;
    });
    assert!(
        caller
            .pull(HOST, "prod/api", "v1")
            .await
            .unwrap()
            .is_served()
    );
}

#[tokio::test]
async fn every_answer_leaves_a_diagnostic_record_without_the_message() {
    let story = Story::begin().await;
    pull(&story, "20.1.2.3").await;
    let records = story
        .azure
        .model(doorward_sim::Model::take_diagnostic_records);
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["category"], "ContainerRegistryLoginEvents");
    assert_eq!(record["resultType"], "HttpStatusCode");
    assert_eq!(record["resultDescription"], "403");
    assert_eq!(record["callerIpAddress"], "20.1.2.3");
    assert_eq!(record["resourceId"], Story::path().to_uppercase());
    assert_eq!(record["properties"]["loginServer"], HOST);
    assert!(!record.to_string().contains("is not allowed access"));
    pull(&story, "20.9.9.9").await;
    let records = story
        .azure
        .model(doorward_sim::Model::take_diagnostic_records);
    let pulled = records.last().unwrap();
    assert_eq!(pulled["category"], "ContainerRegistryRepositoryEvents");
    assert_eq!(pulled["properties"]["repository"], "prod/api");
}
