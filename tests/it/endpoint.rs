//! Deliveries: who is heard, what is taken, and what is said about the rest.

use crate::parts::{KEY, MOST, OTHER_KEY, PROD, Parts, post};
use crate::world::Reply;
use axum::body::Body;
use axum::http::{Method, Request};
use doorward_sim::Registry;
use serde_json::json;

const DENIAL: &str = "denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";

fn records(messages: &[&str]) -> String {
    let record = |message: &&str| {
        json!({
            "time": "2026-11-22T11:59:00Z", "category": "ContainerRegistryLoginEvents", "operationName": "Login",
            "resourceId": Registry::new(PROD).id(), "resultDescription": message,
        })
    };
    json!({ "records": messages.iter().map(record).collect::<Vec<_>>() }).to_string()
}

fn with_key(key: &str) -> Request<Body> {
    let request = post("/events/alerts").header("x-doorward-key", key);
    request.body(DENIAL.into()).unwrap()
}

#[tokio::test]
async fn a_denial_is_written_down_before_it_is_acknowledged() {
    let parts = Parts::new().await;
    let reply = parts.deliver("text/plain", DENIAL).await;
    assert_eq!(reply.status, 202);
    assert_eq!(
        reply.json(),
        json!({ "records": 1, "denials": 1, "new": 1, "bad": [] })
    );
    assert_eq!(parts.world.kinds().await, ["denied"]);
    assert_eq!(reply.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn an_unknown_source_is_not_found() {
    let parts = Parts::new().await;
    let request = post("/events/nobody").header("x-doorward-key", KEY);
    let reply = parts.call(request.body(DENIAL.into()).unwrap()).await;
    assert_eq!(reply.status, 404);
    assert!(
        reply.text.contains("no source has this name"),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn a_wrong_key_is_refused_without_a_reason_and_before_the_body_is_looked_at() {
    let parts = Parts::new().await;
    let missing = post("/events/alerts").body(DENIAL.into()).unwrap();
    let huge = post("/events/alerts").header("content-length", "999999999");
    let in_query = post(&format!("/events/alerts?key={}", KEY.replace(' ', "%20")));
    for request in [
        missing,
        with_key("wrong"),
        huge.body(DENIAL.into()).unwrap(),
        in_query.body(DENIAL.into()).unwrap(),
        post("/events/alerts").body("{".into()).unwrap(),
    ] {
        let reply = parts.call(request).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json(), json!({ "error": "not authenticated" }));
        assert!(reply.header("www-authenticate").starts_with("SharedKey"));
    }
    assert!(parts.world.kinds().await.is_empty());
}

#[tokio::test]
async fn every_key_of_a_rotation_counts_and_in_the_query_where_the_source_says_so() {
    let parts = Parts::new().await;
    for uri in [
        "/events/grid?key=an%2Folder%2Bkey%2Fof%2Btwo%3D%3D",
        "/events/grid?key=a%20key%20that%20sender%20and%20receiver%20know",
    ] {
        let reply = parts.call(post(uri).body(DENIAL.into()).unwrap()).await;
        assert_eq!(reply.status, 202, "{uri}");
    }
    assert_eq!(parts.call(with_key(OTHER_KEY)).await.status, 202);
}

#[tokio::test]
async fn a_source_that_comes_too_often_is_told_when_to_come_again() {
    let parts = Parts::new().await;
    for _ in 0..1000 {
        let request = post("/events/slow").header("x-doorward-key", KEY);
        let reply = parts.call(request.body(DENIAL.into()).unwrap()).await;
        if reply.status != 202 {
            assert_eq!(
                reply.status, 503,
                "action groups and Event Grid wait after that"
            );
            assert_eq!(reply.header("retry-after"), "1");
            return;
        }
    }
    panic!("a thousand deliveries at once are too many");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let parts = Parts::new().await;
    let long = "x".repeat(MOST + 1);
    let announced = parts.deliver("text/plain", long.clone()).await;
    let pieces = long
        .into_bytes()
        .chunks(1000)
        .map(<[u8]>::to_vec)
        .collect::<Vec<_>>();
    let stream = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    let streamed = parts.deliver("text/plain", Body::from_stream(stream)).await;
    for reply in [announced, streamed] {
        assert_eq!(reply.status, 413);
        assert!(reply.text.contains("4096 bytes"), "{}", reply.text);
    }
    let fits = parts.deliver("text/plain", "x".repeat(MOST)).await;
    assert_eq!(fits.status, 202);
}

#[tokio::test]
async fn a_document_that_does_not_parse_is_refused_with_the_position() {
    let parts = Parts::new().await;
    let reply = parts
        .deliver("application/json", "{\n  \"records\": [\n    secret!\n]}")
        .await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("line 3, column"), "{}", reply.text);
    assert!(!reply.text.contains("secret"), "{}", reply.text);
    let reply = parts
        .deliver("application/json", b"{\"a\": \"\xff\"}".to_vec())
        .await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("offset 7"), "{}", reply.text);
}

#[tokio::test]
async fn one_bad_record_does_not_cost_the_good_ones() {
    let parts = Parts::new().await;
    let good = records(&[DENIAL]);
    let lines = format!(
        "{good}\n{{\"records\": \n{}\n",
        records(&[&DENIAL.replace(".3'", ".4'")])
    );
    let reply = parts.deliver("application/x-ndjson", lines).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let receipt = reply.json();
    assert_eq!(receipt["new"], 2, "{receipt}");
    assert_eq!(receipt["bad"][0]["record"], 2, "{receipt}");
    assert_eq!(parts.world.kinds().await, ["denied", "denied"]);
    let counted = parts.world.app.metrics.render();
    let bad = "doorward_records_total{source=\"alerts\",outcome=\"bad\"} 1";
    assert!(counted.contains(bad), "{counted}");
}

#[tokio::test]
async fn a_broken_record_within_a_batch_is_named_and_the_others_are_taken_in() {
    let parts = Parts::new().await;
    let good = json!({ "log": DENIAL }).to_string();
    let broken = "{\"log\": \"a client with no quote at its end, 403}";
    let body = format!(
        "{{\"records\": [{good},{broken},{}]}}",
        good.replace(".3'", ".4'")
    );
    let reply = parts.deliver("application/json", body).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let receipt = reply.json();
    assert_eq!(
        (&receipt["records"], &receipt["new"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(receipt["bad"][0]["record"], 2);
    let error = receipt["bad"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("the record is not valid JSON"), "{error}");
    assert!(!reply.text.contains("quote"), "{}", reply.text);
    assert_eq!(parts.world.kinds().await, ["denied", "denied"]);
}

#[tokio::test]
async fn an_event_that_is_delivered_twice_counts_once() {
    let parts = Parts::new().await;
    let event = json!([{
        "id": "831e1650", "topic": Registry::new(PROD).id(), "subject": "s", "eventType": "Contoso.Denied",
        "eventTime": "2026-11-22T11:59:00Z", "dataVersion": "1", "metadataVersion": "1", "data": { "message": DENIAL },
    }]);
    for new in [1, 0] {
        let reply = parts.deliver("application/json", event.to_string()).await;
        assert_eq!(reply.status, 202);
        assert_eq!(reply.json()["new"], new, "{}", reply.text);
    }
    assert_eq!(parts.world.kinds().await, ["denied"]);
}

#[tokio::test]
async fn a_failing_database_is_our_fault_and_loses_nothing() {
    let parts = Parts::new().await;
    parts.tamper("alter table ledger rename to elsewhere").await;
    let refused = parts.deliver("text/plain", DENIAL).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "10");
    assert!(!refused.text.contains("table"), "{}", refused.text);
    let ready = parts
        .call(Request::get("/readyz").body(Body::empty()).unwrap())
        .await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json(),
        json!({
            "ready": false,
            "missing": [{
                "code": "ledger_unavailable",
                "detail": "The ledger's database does not answer.",
            }],
            "degraded": [],
            "channels": [{ "name": "chat", "state": "never_tried" }],
        })
    );
    let alive = parts
        .call(Request::get("/healthz").body(Body::empty()).unwrap())
        .await;
    assert_eq!(alive.status, 200);

    parts.tamper("alter table elsewhere rename to ledger").await;
    assert_eq!(parts.deliver("text/plain", DENIAL).await.json()["new"], 1);
    let ready = parts
        .call(Request::get("/readyz").body(Body::empty()).unwrap())
        .await;
    assert_eq!(
        ready.json(),
        json!({
            "ready": true, "missing": [], "degraded": [],
            "channels": [{ "name": "chat", "state": "never_tried" }],
        })
    );
}

#[tokio::test]
async fn event_grid_gets_its_validation_code_only_with_the_key() {
    let parts = Parts::new().await;
    let event = json!([{
        "id": "2d1781af", "topic": "/subscriptions/x", "subject": "", "eventTime": "2026-11-22T11:59:00Z",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "metadataVersion": "1", "dataVersion": "1",
        "data": { "validationCode": "512d38b6", "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/validate?id=1" },
    }]);
    let ask = |uri: &str| {
        let request = post(uri)
            .header("aeg-event-type", "SubscriptionValidation")
            .header("content-type", "application/json");
        request.body(Body::from(event.to_string())).unwrap()
    };
    let refused = parts.call(ask("/events/grid")).await;
    assert_eq!(refused.status, 401);
    assert!(!refused.text.contains("512d38b6"));
    let reply = parts
        .call(ask("/events/grid?key=an/older+key/of+two=="))
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({ "validationResponse": "512d38b6" }));
    assert!(parts.world.kinds().await.is_empty());
}

async fn ask_leave(parts: &Parts, uri: &str, rate: Option<&str>) -> Reply {
    let mut request = Request::builder()
        .method(Method::OPTIONS)
        .uri(uri)
        .header("webhook-request-origin", "eventgrid.azure.net")
        .header("webhook-request-callback", "https://evil.example/");
    if let Some(rate) = rate {
        request = request.header("webhook-request-rate", rate);
    }
    parts.call(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn cloud_events_senders_get_leave_only_with_the_key() {
    let parts = Parts::new().await;
    let refused = ask_leave(&parts, "/events/grid", None).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("webhook-allowed-origin"), "");

    let uri = "/events/grid?key=an/older+key/of+two==";
    let reply = ask_leave(&parts, uri, None).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("webhook-allowed-origin"),
        "eventgrid.azure.net"
    );
    assert_eq!(reply.header("webhook-allowed-rate"), "");
    assert_eq!(reply.header("allow"), "POST");
    for (asked, allowed) in [("20", "20"), ("100000", "3000"), ("*", "3000")] {
        let reply = ask_leave(&parts, uri, Some(asked)).await;
        assert_eq!(reply.header("webhook-allowed-rate"), allowed);
    }
}

#[tokio::test]
async fn events_are_posted_and_nothing_else() {
    let parts = Parts::new().await;
    let request = Request::get("/events/alerts").header("x-doorward-key", KEY);
    let reply = parts.call(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, 405);
    assert!(reply.header("allow").contains("POST"));
    let reply = parts
        .call(Request::get("/").body(Body::empty()).unwrap())
        .await;
    assert_eq!(reply.status, 404);
}
