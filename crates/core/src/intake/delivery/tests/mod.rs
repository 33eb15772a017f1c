//! Stories of deliveries, one format each.

mod alerts;
mod anything;
mod broken;
mod events;
mod field;
mod hostile;
mod rows;

use super::*;
use crate::intake::denial::{Kind, Service};
use crate::intake::report::{Evidence, Report};
use proptest::prelude::*;
use serde_json::{Value, json};

const R: &str = "fabrikam.azurecr.io";
const ID: &str =
    "/subscriptions/1/resourcegroups/g/providers/microsoft.containerregistry/registries/fabrikam";
const SAYS: &str = "Get \"https://fabrikam.azurecr.io/v2/app/manifests/v1\": denied: client with IP '20.1.2.3' is not allowed access.";

fn read_as(content_type: &str, body: &str) -> Result<Delivery, DeliveryError> {
    read(&Head::of([("Content-Type", content_type)]), body.as_bytes())
}

#[track_caller]
fn read_json(body: &Value) -> Delivery {
    read_as("application/json; charset=utf-8", &body.to_string()).unwrap()
}

/// The only report of a delivery in which nothing is wrong.
#[track_caller]
fn only(delivery: &Delivery) -> &Report {
    assert_eq!(
        (delivery.reports.len(), &delivery.bad),
        (1, &Vec::new()),
        "{delivery:?}"
    );
    delivery.reports.first().unwrap()
}

#[track_caller]
fn by_message(delivery: &Delivery) -> &Report {
    let report = only(delivery);
    assert_eq!(
        (report.denial.kind, report.evidence),
        (Kind::Denied, Evidence::Message)
    );
    assert_eq!(report.denial.ip, Some("20.1.2.3".parse().unwrap()));
    assert_eq!(report.denial.registry.as_deref(), Some(R));
    report
}

#[track_caller]
fn by_status(delivery: &Delivery) -> &Report {
    let report = only(delivery);
    assert_eq!(
        (report.denial.kind, report.evidence),
        (Kind::Suspected, Evidence::Status403)
    );
    assert_eq!(report.denial.ip, Some("20.1.2.3".parse().unwrap()));
    report
}

fn row(status: &Value) -> Value {
    json!({
        "time": "2025-02-01T10:00:00.1234567Z", "category": "ContainerRegistryLoginEvents", "operationName": "Login", "resultType": "HttpStatusCode",
        "resultDescription": status, "callerIpAddress": "20.1.2.3", "identity": "ci@example.com", "correlationId": "c-1", "resourceId": ID.to_uppercase(),
        "properties": { "loginServer": "FABRIKAM.azurecr.io", "userAgent": "docker/24.0", "repository": "<nil>", "tag": "" }
    })
}

fn alert(essentials: &Value, alert_context: &Value) -> Value {
    let mut all = json!({ "alertId": "/subscriptions/2/x", "monitorCondition": "Fired", "monitoringService": "Log Alerts V2", "firedDateTime": "2025-02-01T10:00:00.12345Z" });
    all.as_object_mut()
        .unwrap()
        .extend(essentials.as_object().unwrap().clone());
    json!({ "schemaId": "azureMonitorCommonAlertSchema", "data": { "essentials": all, "alertContext": alert_context } })
}

fn dimensions(dimensions: &[(&str, &str)]) -> Value {
    let dimensions: Vec<Value> = dimensions
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let query = "ContainerRegistryLoginEvents | where ResultDescription == \"403\" // client with IP '9.9.9.9' is not allowed access";
    json!({ "conditionType": "LogQueryCriteria", "condition": { "allOf": [{ "searchQuery": query, "dimensions": dimensions, "linkToSearchResultsUI": "https://portal.azure.com/#x" }] } })
}

#[test]
fn any_other_json_and_text_are_searched() {
    let delivery =
        read_json(&json!({ "kind": "Event", "involvedObject": { "name": "p" }, "message": SAYS }));
    assert_eq!(delivery.format, Format::Json);
    by_message(&delivery);
    by_message(&read_json(&json!([[SAYS]])));
    for content_type in ["text/plain; charset=utf-8", ""] {
        let delivery = read_as(
            content_type,
            &format!("[2025-02-01T10:00:00] $ docker pull\n{SAYS}\n"),
        )
        .unwrap();
        assert_eq!((delivery.format, delivery.records), (Format::Text, 1));
        by_message(&delivery);
    }
    let lenient = [b"\xff ".as_slice(), SAYS.as_bytes()].concat();
    by_message(&read(&Head::default(), &lenient).unwrap());
    assert_eq!(read_as("text/plain", "").unwrap().records, 0);
}

#[test]
fn a_delivery_holds_a_bounded_number_of_reports() {
    let says = |n: u32| {
        format!(
            "client with IP '{}' is not allowed access",
            std::net::Ipv4Addr::from(0x1400_0000 + n)
        )
    };
    let text: String = (0..10_050).map(|n| says(n) + "\n").collect();
    let delivery = read_as("text/plain", &text).unwrap();
    assert_eq!(delivery.reports.len(), 10_000);
    assert_eq!(
        delivery.passed_over,
        [("denial beyond the bound of one delivery", 50)]
    );
    let told: Vec<&str> = delivery.bad.iter().map(|bad| &*bad.error).collect();
    assert_eq!(
        told,
        [
            "50 more denials of this delivery were not taken: it may hold 10000; send them in smaller deliveries"
        ]
    );
}
