//! Registries through Resource Manager.

use super::{STABLE, Story, code, message, reply, rules};
use doorward_sim::{Call, DefaultAction, Duplicates, SUBSCRIPTION, Sku};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_registry_is_read_as_azure_shows_it_whatever_the_case_of_its_path() {
    let story = Story::begin().await;
    let (status, body) = story.get(&Story::path().to_uppercase(), STABLE).await;
    assert_eq!(status, 200);
    assert_eq!(body["id"], Story::path());
    assert_eq!(body["sku"]["name"], "Premium");
    let properties = &body["properties"];
    assert_eq!(properties["loginServer"], "contosoprod.azurecr.io");
    assert_eq!(properties["publicNetworkAccess"], "Enabled");
    assert_eq!(properties["provisioningState"], "Succeeded");
    let set =
        json!({ "defaultAction": "Deny", "ipRules": [{ "action": "Allow", "value": "20.9.9.9" }] });
    assert_eq!(properties["networkRuleSet"], set);
    assert_eq!(body["systemData"]["lastModifiedBy"], "owner@contoso.com");
}

#[tokio::test]
async fn a_patch_replaces_the_whole_list_and_drops_32() {
    let story = Story::begin().await;
    let (status, body) = story.write(&["20.1.2.3/32", "20.4.0.0/24"]).await;
    assert_eq!(status, 200);
    let rules = &body["properties"]["networkRuleSet"]["ipRules"];
    assert_eq!(rules[0]["value"], "20.1.2.3");
    assert_eq!(
        story.azure.entries("contosoprod"),
        ["20.1.2.3", "20.4.0.0/24"]
    );
    assert_eq!(body["systemData"]["lastModifiedBy"], "static-token");
    assert_eq!(body["systemData"]["lastModifiedAt"], "2026-03-01T10:00:00Z");
}

#[tokio::test]
async fn what_azure_refuses_is_refused_in_its_envelope_and_changes_nothing() {
    let story = Story::begin().await;
    let set = |set: Value| json!({ "properties": { "networkRuleSet": set } });
    let entry = |entry: Value| set(json!({ "defaultAction": "Deny", "ipRules": [entry] }));
    for (body, says) in [
        (set(json!({ "ipRules": [] })), "'defaultAction'"),
        (set(json!({ "defaultAction": "deny" })), "DefaultAction"),
        (
            entry(json!({ "action": "Allow", "ipAddressOrRange": "20.1.2.3" })),
            "'value'",
        ),
        (
            entry(json!({ "action": "Deny", "value": "20.1.2.3" })),
            "action",
        ),
        (
            entry(json!({ "value": "2603:1030::1" })),
            "Only IPV4 address is allowed",
        ),
        (entry(json!({ "value": "20.1.2.3/24" })), "is not an IPv4"),
        (
            entry(json!({ "value": "10.1.2.3" })),
            "is not a public address",
        ),
        (
            entry(json!({ "value": "0.0.0.0/0" })),
            "is not a public address",
        ),
        (rules(&["20.1.2.3", "20.1.2.3/32"]), "duplicate"),
        (json!([]), "not an object"),
    ] {
        let (status, answer) = story.patch(STABLE, &body).await;
        assert_eq!(status, 400, "{body}");
        assert!(message(&answer).contains(says), "{body}: {answer}");
    }
    assert_eq!(story.azure.entries("contosoprod"), ["20.9.9.9"]);
}

#[tokio::test]
async fn the_same_network_twice_can_be_let_stand() {
    let story = Story::begin().await;
    story
        .azure
        .knobs(|knobs| knobs.duplicates = Duplicates::Accepted);
    assert_eq!(story.write(&["20.1.2.3", "20.1.2.3/32"]).await.0, 200);
    assert_eq!(story.azure.entries("contosoprod"), ["20.1.2.3", "20.1.2.3"]);
}

#[tokio::test]
async fn the_quota_is_refused_in_the_services_words_and_shown_by_list_usages() {
    let story = Story::begin().await;
    story.azure.edit("contosoprod", "owner", |registry| {
        registry.ip_rule_limit = 2;
    });
    let (status, body) = story.write(&["20.1.1.1", "20.1.1.2", "20.1.1.3"]).await;
    assert_eq!(status, 400);
    assert_eq!(
        message(&body),
        "The requested feature IP rule exceeds allowed quota 2 for the SKU Premium."
    );
    let (_, usages) = story
        .get(&format!("{}/listUsages", Story::path()), STABLE)
        .await;
    let usages = usages["value"].as_array().unwrap();
    let rules = usages
        .iter()
        .find(|usage| usage["name"] == "IPRules")
        .unwrap();
    assert_eq!(
        *rules,
        json!({ "name": "IPRules", "limit": 2, "currentValue": 1, "unit": "Count" })
    );
}

#[tokio::test]
async fn only_premium_has_a_firewall() {
    let story = Story::begin().await;
    story.azure.edit("contosoprod", "owner", |registry| {
        registry.sku = Sku::Basic;
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    assert_eq!(story.write(&["20.1.2.3"]).await.0, 400);
    let close = json!({ "properties": { "publicNetworkAccess": "Disabled" } });
    let (_, body) = story.patch(STABLE, &close).await;
    assert_eq!(code(&body), "DisablingPublicNetworkAccessNotSupported");
}

#[tokio::test]
async fn unknown_fields_are_kept_if_sent_back_and_lost_if_not() {
    let story = Story::begin().await;
    let future = json!({ "properties": { "networkRuleSet": {
        "defaultAction": "Deny", "mode": "new",
        "ipRules": [{ "action": "Allow", "value": "20.1.2.3", "note": "build" }],
    } } });
    story.patch(STABLE, &future).await;
    let (_, body) = story.get(&Story::path(), STABLE).await;
    assert_eq!(
        body["properties"]["networkRuleSet"],
        future["properties"]["networkRuleSet"]
    );
    let (_, body) = story.write(&["20.1.2.3"]).await;
    assert_eq!(
        body["properties"]["networkRuleSet"],
        rules(&["20.1.2.3"])["properties"]["networkRuleSet"]
    );
}

#[tokio::test]
async fn tags_are_replaced_as_a_whole_and_only_if_they_are_sent() {
    let story = Story::begin().await;
    story.azure.edit("contosoprod", "owner", |registry| {
        registry
            .tags
            .insert("team".to_owned(), "platform".to_owned());
    });
    let (_, body) = story.write(&[]).await;
    assert_eq!(body["tags"], json!({ "team": "platform" }));
    let (_, body) = story
        .patch(STABLE, &json!({ "tags": { "cost": "7" } }))
        .await;
    assert_eq!(body["tags"], json!({ "cost": "7" }));
    let long = json!({ "tags": { "cost": "7".repeat(257) } });
    assert_eq!(story.patch(STABLE, &long).await.0, 400);
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing_and_where() {
    let story = Story::begin().await;
    let missing = async |path: &str| {
        let (status, body) = story.get(path, STABLE).await;
        assert_eq!(status, 404, "{path}");
        code(&body).to_owned()
    };
    assert_eq!(
        missing(&Story::path().replace("contosoprod", "other")).await,
        "ResourceNotFound"
    );
    assert_eq!(
        missing(&Story::path().replace("00000000-", "99999999-")).await,
        "SubscriptionNotFound"
    );
    story
        .azure
        .model(|model| model.remove_registry("contosoprod"));
    assert_eq!(missing(&Story::path()).await, "ResourceNotFound");
}

#[tokio::test]
async fn an_api_version_has_to_be_one_that_registries_have() {
    let story = Story::begin().await;
    let refused = async |version: &str| {
        let (status, body) = story.get(&Story::path(), version).await;
        assert_eq!(status, 400);
        code(&body).to_owned()
    };
    assert_eq!(refused("").await, "MissingApiVersionParameter");
    assert_eq!(refused("latest").await, "InvalidApiVersionParameter");
    assert_eq!(refused("2020-01-01").await, "NoRegisteredProviderFound");
}

#[tokio::test]
async fn a_missing_permission_is_403_and_names_the_action() {
    let story = Story::begin().await;
    let action = "Microsoft.ContainerRegistry/registries/listUsages/read";
    story
        .azure
        .knobs(|knobs| knobs.denied_actions.insert(action.to_owned()));
    let (status, body) = story
        .get(&format!("{}/listUsages", Story::path()), STABLE)
        .await;
    assert_eq!((status, code(&body)), (403, "AuthorizationFailed"));
    assert!(message(&body).contains(action));
    assert_eq!(story.get(&Story::path(), STABLE).await.0, 200);
}

#[tokio::test]
async fn requests_are_remembered_without_the_token() {
    let story = Story::begin().await;
    story.get(&Story::path(), STABLE).await;
    story.write(&["20.1.2.3"]).await;
    let requests = story.azure.requests();
    let calls: Vec<Call> = requests.iter().map(|request| request.call).collect();
    assert_eq!(calls, [Call::GetRegistry, Call::PatchRegistry]);
    assert_eq!(requests[1].api_version(), Some(STABLE));
    assert_eq!(requests[1].ip_rules(), ["20.1.2.3"]);
    assert_eq!(requests[1].status, Some(200));
    assert!(!format!("{requests:?}").contains(story.azure.static_token()));
}

#[tokio::test]
async fn replies_carry_the_headers_that_clients_read() {
    let story = Story::begin().await;
    let request = story.arm(Method::GET, &Story::path(), STABLE);
    let request = request.header("x-ms-correlation-request-id", "mine");
    let response = request.send().await.unwrap();
    let headers = response.headers();
    assert_eq!(headers["x-ms-correlation-request-id"], "mine");
    assert_eq!(
        headers["x-ms-ratelimit-remaining-subscription-reads"],
        "249"
    );
    assert!(headers.contains_key("x-ms-request-id"));
}

#[tokio::test]
async fn registries_can_be_listed_as_az_does() {
    let story = Story::begin().await;
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let kind = "Microsoft.ContainerRegistry/registries";
    for path in [
        format!("{subscription}/providers/{kind}"),
        format!("{subscription}/resourceGroups/registries/providers/{kind}"),
        format!("{subscription}/resources"),
    ] {
        let (status, body) = story.get(&path, STABLE).await;
        let name = &body["value"][0]["name"];
        assert_eq!((status, name), (200, &json!("contosoprod")), "{path}");
    }
    let filtered = async |kind: &str| {
        let path = format!("{subscription}/resources");
        let request = story.arm(Method::GET, &path, "2024-07-01");
        let request = request.query(&[("$filter", format!("resourceType eq '{kind}'"))]);
        reply(request.send().await.unwrap()).await.1["value"].clone()
    };
    assert_eq!(filtered(kind).await[0]["id"], Story::path());
    assert_eq!(filtered("Microsoft.Network/natGateways").await, json!([]));
}

#[tokio::test]
async fn anybody_may_ask_what_the_cloud_consists_of() {
    let story = Story::begin().await;
    let base = story.azure.resource_manager_tls();
    let url = format!("{base}/metadata/endpoints?api-version=2022-09-01");
    let (status, body) = reply(story.http.get(url).send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(
        format!("{}/", body["resourceManager"].as_str().unwrap()),
        base
    );
    let authority = story.azure.authority().trim_end_matches('/');
    assert_eq!(body["authentication"]["loginEndpoint"], authority);
}
