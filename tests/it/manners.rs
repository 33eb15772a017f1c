//! Sources set up for their senders' manners, and what a source that is set up wrongly is told.

use crate::parts::{KEY, post};
use crate::process::Installation;
use crate::world::{OURS, REGISTRY, Reply, World, furnished, row};
use axum::body::Body;
use axum::http::{Method, Request};
use clock::Clock;
use doorward_core::intake::report::Changed;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::WriteId;
use doorward_sim::Registry;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

async fn world(options: Value) -> World {
    World::with(|setup| {
        let source = setup.config["sources"][0].as_object_mut().unwrap();
        source.extend(options.as_object().unwrap().clone());
    })
    .await
}

async fn deliver_as(world: &World, subscription: Option<&str>, events: &Value) -> Reply {
    let mut request = post("/events/clusters")
        .header("x-doorward-key", KEY)
        .header("content-type", "application/json; charset=utf-8");
    if let Some(name) = subscription {
        request = request
            .header("aeg-event-type", "Notification")
            .header("aeg-subscription-name", name);
    }
    world
        .send(request.body(Body::from(events.to_string())).unwrap())
        .await
}

fn event(kind: &str, id: &str, data: &Value) -> Value {
    json!([{
        "id": id, "topic": Registry::new(REGISTRY).id(), "subject": Registry::new(REGISTRY).id(), "eventType": kind,
        "eventTime": "2026-11-22T11:59:00Z", "dataVersion": "2", "metadataVersion": "1", "data": data,
    }])
}

#[tokio::test]
async fn only_the_subscription_that_is_named_may_deliver() {
    let world = world(json!({ "event_grid": { "subscription": "denials" } })).await;
    let events = event("Contoso.Denied", "1", &json!({}));
    assert_eq!(
        deliver_as(&world, Some("DENIALS"), &events).await.status,
        202
    );
    for other in [Some("OTHERS"), None] {
        let reply = deliver_as(&world, other, &events).await;
        assert_eq!(reply.status, 403);
        assert!(reply.text.contains("`event_grid`"), "{}", reply.text);
        assert!(!reply.text.contains("denials"), "{}", reply.text);
    }
}

#[tokio::test]
async fn nothing_that_a_handshake_names_is_ever_fetched() {
    let world = world(json!({})).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/validate", listener.local_addr().unwrap());
    let data = json!({ "validationCode": "code-1", "validationUrl": url });
    let kind = "Microsoft.EventGrid.SubscriptionValidationEvent";
    let reply = deliver_as(&world, Some("DENIALS"), &event(kind, "1", &data)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({ "validationResponse": "code-1" }));
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/events/clusters")
        .header("x-doorward-key", KEY)
        .header("webhook-request-origin", "eventgrid.azure.net")
        .header("webhook-request-callback", &url);
    let reply = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, 200);
    world.settle().await;
    let called = listener.accept().unwrap_err().kind();
    assert_eq!(called, std::io::ErrorKind::WouldBlock);
}

async fn ask_leave(world: &World, origin: &str, rate: &str) -> Reply {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/events/clusters")
        .header("x-doorward-key", KEY)
        .header("webhook-request-origin", origin)
        .header("webhook-request-rate", rate);
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn leave_is_given_to_the_origins_that_are_named_at_the_rate_that_is_named() {
    let unset = world(json!({})).await;
    assert_eq!(
        ask_leave(&unset, "EventGrid.azure.net", "10").await.status,
        200
    );
    let refused = ask_leave(&unset, "events.contoso.com", "10").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("webhook-allowed-origin"), "");
    assert!(refused.text.contains("allowed_origins"), "{}", refused.text);

    let options = json!({ "allowed_origins": ["events.contoso.com"], "allowed_rate": 120 });
    let set = world(json!({ "cloud_events": options })).await;
    let given = ask_leave(&set, "events.contoso.com", "100000").await;
    assert_eq!(given.status, 200);
    assert_eq!(given.header("webhook-allowed-origin"), "events.contoso.com");
    assert_eq!(given.header("webhook-allowed-rate"), "120");
    assert_eq!(
        ask_leave(&set, "eventgrid.azure.net", "1").await.status,
        403
    );
}

fn alert(dimensions: &Value) -> String {
    json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": { "monitorCondition": "Fired", "monitoringService": "Log Alerts V2", "firedDateTime": "2026-11-22T11:59:00Z" },
            "alertContext": { "condition": { "allOf": [{ "dimensions": dimensions }] } },
        },
    })
    .to_string()
}

#[tokio::test]
async fn alerts_may_have_names_of_their_own_for_what_they_are_about() {
    let dimensions = json!([
        { "name": "Refused", "value": OURS },
        { "name": "Where", "value": format!("{REGISTRY}.azurecr.io") },
        { "name": "clientIp", "value": "10.0.0.4" },
    ]);
    let named = json!({ "address": ["refused"], "registry": ["Where"] });
    let world = world(json!({ "dimensions": named, "trust_status_403": true })).await;
    let reply = world.deliver("clusters", &alert(&dimensions)).await;
    assert_eq!(reply.json()["denials"], 1, "{}", reply.text);
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    // The usual names of what has a name of its own mean nothing here.
    let usual = json!([{ "name": "clientIp", "value": OURS }, dimensions[1]]);
    let reply = world.deliver("clusters", &alert(&usual)).await;
    let report = world.ledger().await;
    let last = report.iter().rev().find_map(|what| match what {
        LedgerEvent::Denied(denied) => Some(denied.report.denial.ip),
        _ => None,
    });
    assert_eq!(reply.json()["denials"], 1, "{}", reply.text);
    assert_eq!(last, Some(None));
}

fn changed(kind: &str, id: &str, uri: &str, correlation: &str) -> Value {
    let data = json!({
        "resourceUri": uri, "correlationId": correlation, "operationName": "Microsoft.ContainerRegistry/registries/write",
        "authorization": { "evidence": { "principalId": "8b1f2e6c93a74c2e8f701b2c3d4e5f6a" } },
        "claims": { "name": "A Person", "ipaddr": "20.1.2.3" },
    });
    event(kind, id, &data)
}

type Told = (
    String,
    Changed,
    Option<String>,
    Option<WriteId>,
    Option<Timestamp>,
);

async fn changes(world: &World) -> Vec<Told> {
    let told = |what| match what {
        LedgerEvent::RegistryChanged {
            registry,
            change,
            by,
            ours,
            at,
            ..
        } => Some((registry.name().to_ascii_lowercase(), change, by, ours, at)),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(told).collect()
}

#[tokio::test]
async fn changes_of_an_enrolled_registry_are_written_down_once_and_ours_are_known() {
    let world = world(json!({})).await;
    world.denied(OURS).await;
    world.settle().await;
    let ours = world.first_write().await;
    let uri = Registry::new(REGISTRY).id().to_uppercase();
    let written = "Microsoft.Resources.ResourceWriteSuccess";
    let deleted = "Microsoft.Resources.ResourceDeleteSuccess";
    for events in [
        changed(written, "1", &uri, &ours.to_string()),
        changed(written, "1", &uri, &ours.to_string()),
        changed(deleted, "2", &uri, "0b9d5a1c-0000-4000-8000-000000000000"),
        changed(written, "3", &uri.replace("CONTOSOPROD", "OTHERS"), "x"),
        changed(written, "4", &format!("{uri}/webhooks/hook"), "x"),
    ] {
        let reply = deliver_as(&world, None, &events).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }
    let changes = changes(&world).await;
    let at = "2026-11-22T11:59:00Z".parse().ok();
    let by = Some("8b1f2e6c93a74c2e8f701b2c3d4e5f6a".to_owned());
    assert_eq!(
        changes,
        [
            (
                REGISTRY.to_owned(),
                Changed::Written,
                by.clone(),
                Some(ours),
                at
            ),
            (REGISTRY.to_owned(), Changed::Deleted, by, None, at),
        ]
    );
    assert!(!format!("{:?}", world.ledger().await).contains("A Person"));
    let counted = world.app.metrics.render();
    assert!(
        counted.contains("change of another resource\"} 1"),
        "{counted}"
    );
    assert!(counted.contains("resource written\"} 1"), "{counted}");
}

#[tokio::test]
async fn a_source_tells_of_changes_of_its_own_registries_only() {
    let other = Registry::new("contosotest").id();
    let mut world = World::with(|setup| {
        let registries = setup.config["registries"].as_array_mut().unwrap();
        registries.push(json!({ "id": other }));
        setup.config["sources"][0]["registries"] = json!([format!("{REGISTRY}.azurecr.io")]);
    })
    .await;
    world.azure.add_registry(Registry::new("contosotest"));
    let own = Registry::new(REGISTRY).id();
    let written = "Microsoft.Resources.ResourceWriteSuccess";
    // Before Azure has described the registries, and after.
    for (round, ids) in [("before", ["1", "2"]), ("after", ["3", "4"])] {
        for (id, uri) in ids.into_iter().zip([&own, &other]) {
            let reply = deliver_as(&world, None, &changed(written, id, uri, "x")).await;
            assert_eq!(reply.status, 202, "{}", reply.text);
        }
        let told: Vec<String> = changes(&world)
            .await
            .into_iter()
            .map(|told| told.0)
            .collect();
        assert!(
            told.iter().all(|name| name == REGISTRY),
            "{round}: {told:?}"
        );
        assert_eq!(told.len(), if round == "before" { 1 } else { 2 }, "{round}");
        world.settle().await;
    }
    let counted = world.app.metrics.render();
    let out_of_scope = "change of a registry that the source may not name\"} 2";
    assert!(counted.contains(out_of_scope), "{counted}");
    // A source without a list of its own may tell of all.
    world.restart().await;
    let request = post("/events/logs").header("x-doorward-key", KEY);
    let request = request.header("content-type", "application/json");
    let body = Body::from(changed(written, "5", &other, "x").to_string());
    assert_eq!(world.send(request.body(body).unwrap()).await.status, 202);
    assert_eq!(changes(&world).await.last().unwrap().0, "contosotest");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_denial_of_another_firewall_is_an_alert_that_names_its_service() {
    let world = world(json!({})).await;
    for (text, service) in [
        (
            format!(
                "Client address is not authorized and caller is not a trusted service. Client address: {OURS} Caller: appid=1 Vault: contosovault;location=westeurope"
            ),
            "Key Vault",
        ),
        (
            format!(
                "Cannot open server 'contososql' requested by the login. Client with IP address '{OURS}' is not allowed to access the server."
            ),
            "SQL",
        ),
    ] {
        let reply = world.deliver("clusters", &text).await;
        assert_eq!(reply.json()["denials"], 1, "{}", reply.text);
        // Within a minute, a channel hears of one matter once.
        world.pass(Duration::from_mins(2)).await;
        assert_eq!(world.messages().last().unwrap(), "foreign_service");
        let told = world.last_message("text");
        assert!(told.contains(service) && told.contains(OURS), "{told}");
    }
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn a_source_that_can_never_open_anything_is_told_so_once() {
    let world = world(json!({})).await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let pushed = event("Microsoft.ContainerRegistry.ImagePushed", "1", &json!({}));
    let pulled = json!({ "reason": "Failed", "message": "Error: InaccessibleImage: The image 'a' is not accessible." });
    for _ in 0..2 {
        deliver_as(&world, None, &pushed).await;
        let told = world.deliver("clusters", &pulled.to_string()).await;
        assert_eq!(told.json()["denials"], 0);
        world
            .deliver("clusters", &row(OURS, world.clock.now()))
            .await;
    }
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for told in [
        "ever reports a denial",
        "which is no denial",
        "Set `trust_status_403: true`",
    ] {
        assert_eq!(log.matches(told).count(), 1, "{told}: {log}");
    }
    let counted = world.app.metrics.render();
    assert!(counted.contains("inaccessible image\"} 2"), "{counted}");
    assert!(counted.contains("image pushed\"} 2"), "{counted}");
}

#[tokio::test]
async fn a_source_that_leaves_out_whether_a_bare_403_counts_is_told_so_at_start() {
    let azure = furnished(&Clock::system()).await;
    let process = Installation::new(&azure, "10m").serve().await;
    // Of the two sources one says it, the other does not.
    assert_eq!(
        process
            .said
            .matches("write `trust_status_403: true`")
            .count(),
        1,
        "{}",
        process.said
    );
    assert!(process.said.contains("sources[0]"), "{}", process.said);
    process.kill().await;
}
