//! The client against a server that says what a test tells it to.

use super::http::MAX_ANSWER;
use super::scripted::{ID, Scripted, id};
use super::{Accepted, ArmError, Call, PatchError};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::sets::AzureKind;
use serde_json::json;
use std::time::Duration;

const OPERATION: (&str, &str) = ("azure-asyncoperation", "{origin}/operations/1?t=signature");

#[tokio::test]
async fn an_exchange_carries_the_token_and_the_correlation_id() {
    let azure = Scripted::new().await;
    azure.will_say(200, &[], &json!({ "name": "contosoprod" }));
    let call = Call::random();
    azure
        .arm
        .registry(&id(), "2025-11-01", &call)
        .await
        .unwrap();
    assert_eq!(azure.asked(), [format!("GET {ID}?api-version=2025-11-01")]);
    assert_eq!(azure.header(0, "authorization"), "Bearer first");
    let correlation = call.correlation_id.to_string();
    assert_eq!(azure.header(0, "x-ms-correlation-request-id"), correlation);
    assert_eq!(azure.header(0, "x-ms-client-request-id"), correlation);
    assert!(azure.header(0, "user-agent").starts_with("doorward/"));
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_by_the_next_attempt() {
    let azure = Scripted::new().await;
    azure.will_say(200, &[], &json!({}));
    azure.will_say(
        401,
        &[],
        &json!({ "error": { "code": "ExpiredAuthenticationToken" } }),
    );
    azure.will_say(200, &[], &json!({}));
    azure.get().await.unwrap();
    std::fs::write(azure.token.path(), "second").unwrap();
    let error = azure.get().await.unwrap_err();
    assert!(matches!(error, ArmError::Unauthorized { .. }), "{error}");
    assert_eq!(azure.header(1, "authorization"), "Bearer first");
    azure.get().await.unwrap();
    assert_eq!(azure.header(2, "authorization"), "Bearer second");
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let azure = Scripted::new().await;
    std::fs::write(azure.token.path(), "").unwrap();
    let error = azure.patch().await.unwrap_err();
    assert!(
        matches!(error, PatchError::NotApplied(ArmError::Token(_))),
        "{error}"
    );
    assert_eq!(azure.asked().len(), 0);
}

#[tokio::test]
async fn a_patch_whose_fate_is_unclear_is_sent_once_and_called_unclear() {
    let azure = Scripted::new().await;
    for status in [307, 408, 500, 503, 504] {
        azure.will_say(status, &[("location", "{origin}/elsewhere")], &json!({}));
        let error = azure.patch().await.unwrap_err();
        assert!(
            matches!(error, PatchError::Unknown { .. }),
            "{status}: {error}"
        );
    }
    azure.will_write(200, &[], "{\"proper".to_owned());
    assert!(matches!(
        azure.patch().await,
        Err(PatchError::Unknown { .. })
    ));
    azure.will_write(200, &[], " ".repeat(MAX_ANSWER + 1));
    assert!(matches!(
        azure.patch().await,
        Err(PatchError::Unknown { .. })
    ));
    assert_eq!(azure.asked().len(), 7);
}

#[tokio::test]
async fn a_patch_that_is_refused_changed_nothing() {
    let azure = Scripted::new().await;
    for status in [400, 401, 403, 404, 409, 412, 429] {
        azure.will_say(status, &[], &json!({}));
        let error = azure.patch().await.unwrap_err();
        assert!(
            matches!(error, PatchError::NotApplied(_)),
            "{status}: {error}"
        );
    }
    assert_eq!(azure.asked().len(), 7);
}

#[tokio::test]
async fn an_operation_is_followed_through_hiccups_to_its_end() {
    let azure = Scripted::new().await;
    azure.will_say(201, &[OPERATION, ("retry-after", "7")], &json!({}));
    azure.will_say(404, &[], &json!({}));
    azure.will_say(503, &[("retry-after", "20")], &json!({}));
    azure.will_write(200, &[], "<html>".to_owned());
    azure.will_say(200, &[], &json!({ "status": "Updating" }));
    azure.will_say(200, &[], &json!({ "status": "Succeeded" }));
    let start = azure.clock.now();
    azure.followed().await.unwrap();
    assert_eq!(azure.asked()[5], "GET /operations/1?t=signature");
    let took = azure.clock.now().duration_since(start);
    assert_eq!(took.as_secs(), 7 + 2 + 20 + 2 + 2);
}

#[tokio::test]
async fn an_operation_that_fails_says_why() {
    let azure = Scripted::new().await;
    let error = json!({ "code": "InternalError", "message": "Something\nbroke." });
    azure.will_say(201, &[OPERATION], &json!({}));
    azure.will_say(200, &[], &json!({ "status": "Failed", "error": error }));
    assert_eq!(
        azure.followed().await.unwrap_err(),
        PatchError::OperationFailed {
            code: "InternalError".into(),
            message: "Something broke.".into()
        }
    );
    azure.will_say(201, &[OPERATION], &json!({}));
    azure.will_say(200, &[], &json!({ "status": "Canceled" }));
    let error = azure.followed().await.unwrap_err();
    assert!(
        matches!(&error, PatchError::OperationFailed { code, .. } if code == "Canceled"),
        "{error}"
    );
}

#[tokio::test]
async fn an_operation_without_an_end_is_unclear_after_a_minute() {
    let azure = Scripted::new().await;
    azure.will_say(201, &[OPERATION], &json!({}));
    for _ in 0..400 {
        azure.will_say(
            200,
            &[("retry-after", "0")],
            &json!({ "status": "Updating" }),
        );
    }
    let start = azure.clock.now();
    let error = azure.followed().await.unwrap_err();
    assert!(error.to_string().contains("still running"), "{error}");
    assert_eq!(azure.clock.now().duration_since(start).as_secs(), 60);
}

#[tokio::test]
async fn an_operation_that_may_not_be_read_is_unclear() {
    let azure = Scripted::new().await;
    azure.will_say(201, &[OPERATION], &json!({}));
    for _ in 0..60 {
        azure.will_say(403, &[], &json!({}));
    }
    let error = azure.followed().await.unwrap_err();
    assert!(matches!(error, PatchError::Unknown { .. }), "{error}");
    assert!(!error.to_string().contains("signature"), "{error}");
}

#[tokio::test]
async fn a_status_is_asked_no_sooner_than_azure_says_and_the_registry_itself_tells_as_much() {
    let azure = Scripted::new().await;
    azure.will_say(201, &[OPERATION, ("retry-after", "7")], &json!({}));
    let Accepted::Running(operation) = azure.patch().await.unwrap() else {
        panic!("Azure works on it");
    };
    let after = |seconds| clock::add(azure.clock.now(), Duration::from_secs(seconds));
    assert!(!operation.may_tell(after(6)) && operation.may_tell(after(7)));
    azure.will_say(202, &[], &json!({}));
    let Accepted::Running(operation) = azure.patch().await.unwrap() else {
        panic!("Azure works on it");
    };
    assert!(!operation.may_tell(after(60)));
}

#[tokio::test]
async fn an_answer_of_whatever_form_says_that_a_write_is_done() {
    let azure = Scripted::new().await;
    let text = r#"{"tags":{"big":1e999},"properties":{"x":1e400,"provisioningState":"Succeeded"}}"#;
    azure.will_write(200, &[], text.to_owned());
    assert_eq!(azure.patch().await, Ok(Accepted::Done));
}

#[tokio::test]
async fn other_ways_to_tell_of_an_operation_are_understood() {
    let azure = Scripted::new().await;
    let state = |state: &str| json!({ "properties": { "provisioningState": state } });
    azure.will_say(202, &[("location", "/results/1")], &json!({}));
    azure.will_say(202, &[], &json!({}));
    azure.will_say(204, &[], &json!({}));
    azure.followed().await.unwrap();
    assert_eq!(azure.asked()[2], "GET /results/1");

    azure.will_say(201, &[], &state("Updating"));
    azure.will_say(200, &[], &state("Updating"));
    azure.will_say(200, &[], &state("Succeeded"));
    azure.followed().await.unwrap();
    assert_eq!(azure.asked()[5], format!("GET {ID}?api-version=2025-11-01"));

    azure.will_say(200, &[], &state("Failed"));
    let error = azure.followed().await.unwrap_err();
    assert!(
        matches!(error, PatchError::OperationFailed { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn no_link_leads_away_from_the_resource_manager() {
    let azure = Scripted::new().await;
    let long = format!("{{origin}}/{}", "x".repeat(9000));
    for link in [
        "https://evil.example/operations/1",
        "//evil.example/operations/1",
        "\\\\evil.example\\operations",
        "http://127.0.0.1:1/operations/1",
        "http://user:word@{host}/operations/1",
        "file:///etc/passwd",
        "http://[",
        long.as_str(),
    ] {
        let host = azure.origin.replace("http://", "");
        let link = link.replace("{host}", &host);
        azure.will_say(201, &[("azure-asyncoperation", &link)], &json!({}));
        let error = azure.patch().await.unwrap_err();
        assert!(
            matches!(error, PatchError::Unknown { .. }),
            "{link}: {error}"
        );
        assert!(!error.to_string().contains("evil"), "{error}");
        azure.will_say(
            200,
            &[],
            &json!({ "value": [], "nextLink": link.replace("{origin}", &azure.origin) }),
        );
        let error = azure.arm.ip_rule_limit(&id(), &Call::random()).await;
        assert!(matches!(error, Err(ArmError::BadReply { .. })), "{link}");
    }
    assert_eq!(azure.asked().len(), 16);
}

#[tokio::test]
async fn pages_are_read_to_the_end_and_no_further_than_a_hundred() {
    let azure = Scripted::new().await;
    let usages = format!("{ID}/listUsages");
    let next = format!("{}{usages}?page=2", azure.origin);
    let other = json!({ "name": "Size", "limit": 7 });
    azure.will_say(200, &[], &json!({ "value": [other], "nextLink": next }));
    let wanted = json!({ "name": "IPRules", "limit": 200, "currentValue": 1, "unit": "Count" });
    azure.will_say(200, &[], &json!({ "value": [wanted] }));
    let limit = azure.arm.ip_rule_limit(&id(), &Call::random()).await;
    assert_eq!(limit, Ok(Some(200)));
    for _ in 0..101 {
        azure.will_say(200, &[], &json!({ "value": [], "nextLink": next }));
    }
    let endless = azure.arm.ip_rule_limit(&id(), &Call::random()).await;
    assert!(matches!(endless, Err(ArmError::BadReply { .. })));
    assert_eq!(azure.asked().len(), 2 + 101);
}

#[tokio::test]
async fn the_answer_to_a_read_must_be_json_and_stays_out_of_the_error() {
    let azure = Scripted::new().await;
    azure.will_write(200, &[], "{\n \"password\": hunter2".to_owned());
    let error = azure.get().await.unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_gateway_that_links_something_else_is_not_believed() {
    let azure = Scripted::new().await;
    let gateway: ResourceId =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/natGateways/n"
            .parse()
            .unwrap();
    for link in [json!({ "id": ID }), json!({ "id": "../../x" }), json!("x")] {
        azure.will_say(
            200,
            &[],
            &json!({ "properties": { "publicIpAddresses": [link] } }),
        );
        let wanted = [(AzureKind::NatGateway, gateway.clone())];
        let egress = azure.arm.egress(&wanted, &Call::random()).await.remove(0);
        assert!(matches!(egress, Err(ArmError::BadReply { .. })));
    }
    assert_eq!(azure.asked().len(), 3);
}

#[tokio::test]
async fn log_query_asks_for_permissions_and_tells_an_empty_workspace_apart() {
    let azure = Scripted::new().await;
    let found = json!({ "tables": [], "permissions": {} });
    azure.will_say(200, &[], &found);
    azure.will_write(204, &[], String::new());
    let error = json!({ "error": { "code": "InsufficientAccessError", "message": "No access." } });
    azure.will_say(403, &[], &error);
    let ask = async || {
        let query = ("ContainerRegistryLoginEvents", "PT1H");
        azure.arm.query_logs(&id(), query, &Call::random()).await
    };
    assert_eq!(ask().await, Ok(Some(found)));
    assert_eq!(ask().await, Ok(None));
    let refused = ask().await;
    assert!(
        matches!(refused, Err(ArmError::Refused { status: 403, .. })),
        "{refused:?}"
    );
    let path = format!("POST {ID}/providers/microsoft.insights/logs");
    let asked = format!("{path}?api-version=2018-03-01-preview");
    assert_eq!(azure.asked()[0], asked);
    let prefer = azure.header(0, "prefer");
    assert!(prefer.contains("include-permissions=true"), "{prefer}");
}
