//! Every wording of the project's texts in every wrapper that records come in: what a record of it costs.

use crate::{beside_for, read};
use doorward_core::intake::delivery::Head;
use serde_json::{Value, json};
use std::time::Duration;

const TEXTS: &str = include_str!("../../../../tests/texts/denials.jsonl");
const ID: &str = "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/RESOURCEGROUPS/REGISTRIES/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/FABRIKAM";

/// How many records a body holds, all of one wording.
const RECORDS: u32 = 100;

/// The registry's own sentence in each of its forms, and as clients print it.
fn wordings() -> Vec<(String, String)> {
    let said = "client with IP '20.1.2.3' is not allowed access";
    let guid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let mut all = vec![
        (
            "sentence".to_owned(),
            format!("denied: {said}. Refer https://aka.ms/acr/firewall to grant access."),
        ),
        (
            "sentence, CorrelationId".to_owned(),
            format!(
                "{said}. Refer https://aka.ms/acr/firewall to grant access. CorrelationId: {guid}"
            ),
        ),
        (
            "answer".to_owned(),
            format!(
                "{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"{said}. Refer https://aka.ms/acr/firewall to grant access.\"}}]}}"
            ),
        ),
    ];
    for line in TEXTS.lines() {
        let known: Value = serde_json::from_str(line).unwrap();
        let denied = known.get("denied").and_then(Value::as_array);
        let one = denied.is_some_and(|denied| denied.len() == 1);
        let said = |name: &str| known.get(name).and_then(Value::as_str);
        if let (true, Some(name), Some(text)) = (one, said("name"), said("text")) {
            all.push((name.to_owned(), text.to_owned()));
        }
    }
    all
}

/// A record that carries a text.
type Wrap = fn(&str) -> Value;

const WRAPS: &[(&str, Wrap)] = &[
    ("resultDescription", |text| {
        row(json!({ "resultDescription": text, "properties": {} }))
    }),
    ("properties.errorMessage", |text| {
        row(
            json!({ "resultDescription": "403", "properties": { "loginServer": "fabrikam.azurecr.io", "errorMessage": text } }),
        )
    }),
    (
        "properties.Log",
        |text| json!({ "time": "2026-11-22T10:00:00Z", "category": "ContainerAppSystemLogs", "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.APP/MANAGEDENVIRONMENTS/SHOP", "properties": { "Log": text, "RevisionName": "api--0000007", "Reason": "ContainerTerminated", "Type": "Warning" } }),
    ),
];

fn row(more: Value) -> Value {
    let mut row = json!({
        "time": "2026-11-22T10:00:00.1234567Z", "category": "ContainerRegistryLoginEvents", "operationName": "Login", "resultType": "403",
        "callerIpAddress": "20.1.2.3", "correlationId": "5d7e3f0c-0000-4000-8000-000000000001", "resourceId": ID, "location": "westeurope",
        "identity": "8b1f2e6c-93a7-4c2e-8f70-1b2c3d4e5f6a", "durationMs": "31",
    });
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}

/// Prints what a record costs in each, the worst first.
pub(crate) fn table() {
    println!("\n{RECORDS} records of one wording; worst first\n");
    println!("| wording | in | denials | µs a record | read MB/s | serde_json µs |");
    println!("|---|---|---:|---:|---:|---:|");
    let head = Head::of([("content-type", "application/json")]);
    let mut rows = Vec::new();
    let (mut total, mut count) = (0.0, 0.0);
    for (name, text) in wordings() {
        for (place, wrap) in WRAPS {
            let records = vec![wrap(&text); RECORDS as usize];
            let body = json!({ "records": records }).to_string();
            let found = read(&head, body.as_bytes()).unwrap().reports.len();
            let (ours, theirs) = beside_for(
                Duration::from_millis(60),
                || read(&head, body.as_bytes()).unwrap().reports.len(),
                || serde_json::from_str::<Value>(&body).is_ok(),
            );
            let each = |took: Duration| took.as_secs_f64() * 1e6 / f64::from(RECORDS);
            let speed = crate::speed(&body, ours);
            total += each(ours);
            count += 1.0;
            rows.push((
                each(ours),
                format!(
                    "| {name} | {place} | {found} | {:.2} | {speed:.0} | {:.2} |",
                    each(ours),
                    each(theirs)
                ),
            ));
        }
    }
    rows.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    for (_, row) in rows {
        println!("{row}");
    }
    println!("| mean of all | | | {:.2} | | |", total / count);
}
