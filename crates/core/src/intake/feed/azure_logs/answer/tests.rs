//! Answers of the log query API, whole and broken.

use super::*;
use crate::intake::delivery::Dimensions;
use crate::intake::feed;
use crate::intake::report::Evidence;
use std::collections::BTreeSet;

const ID: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contosoprod";
const WORKSPACE: &str =
    "/subscriptions/s/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/logs";

fn registry() -> ResourceId {
    ID.parse().unwrap()
}

const COLUMNS: [&str; 10] = [
    "IngestedAt",
    "RowKey",
    "TimeGenerated",
    "Type",
    "OperationName",
    "CallerIpAddress",
    "LoginServer",
    "UserAgent",
    "ResultDescription",
    "Repository",
];

fn row(ingested: &str, key: &str, address: &str) -> Value {
    json!([
        ingested,
        key,
        "2026-11-22T12:00:00Z",
        "ContainerRegistryLoginEvents",
        "Login",
        address,
        "contosoprod.azurecr.io",
        "docker",
        "403",
        null
    ])
}

fn answer(rows: &[Value], permissions: &Value) -> Value {
    let columns = COLUMNS.map(|name| json!({ "name": name, "type": "string" }));
    json!({
        "tables": [{ "name": "PrimaryResult", "columns": columns, "rows": rows }],
        "permissions": permissions,
    })
}

fn shown() -> Value {
    json!({
        "resources": [{ "resourceId": ID.to_ascii_lowercase(), "dataSources": [WORKSPACE] }],
        "dataSources": [{ "resourceId": WORKSPACE }],
    })
}

#[test]
fn row_becomes_denial_of_stated_registry_known_by_its_hash() {
    let first = row("2026-11-22T12:04:00Z", "a", "20.1.2.3");
    // The same row, taken in once more.
    let again = row("2026-11-22T12:05:00Z", "a", "20.1.2.3");
    let read = read(&answer(&[again, first], &shown()), &registry()).unwrap();
    assert_eq!(read.access, Access::Proven);
    let events: BTreeSet<&str> = read.rows.iter().map(|row| &*row.record.event).collect();
    assert_eq!((read.rows.len(), events.len()), (2, 1));
    assert!(read.rows[0].ingested < read.rows[1].ingested);
    let page = feed::read(
        &[read.rows[0].record.clone()],
        &Dimensions::default(),
        &BTreeSet::new(),
    );
    let [report] = page.delivery.reports.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(report.evidence, Evidence::Status403);
    assert_eq!(report.resource_id.as_deref(), Some(registry().key()));
    assert_eq!(report.denial.ip, Some("20.1.2.3".parse().unwrap()));
    assert_eq!(report.event_id.as_ref(), Some(&read.rows[0].record.event));
}

#[test]
fn rows_that_cannot_be_read_are_counted() {
    let good = row("2026-11-22T12:04:00Z", "a", "20.1.2.3");
    let rows = [
        json!("no row"),
        json!(["short"]),
        row("no time", "b", "20.1.2.3"),
        good,
    ];
    let read = read(&answer(&rows, &shown()), &registry()).unwrap();
    assert_eq!(
        (read.rows.len(), read.set_aside.len(), read.full),
        (1, 3, false)
    );
}

#[test]
fn newest_row_of_any_kind_is_told_apart() {
    let mut newest = row("2026-11-22T12:09:00Z", "", "");
    newest[3] = json!("LatestRow");
    let read = read(&answer(&[newest], &shown()), &registry()).unwrap();
    let (ingested, generated) = read.newest.unwrap();
    assert!(read.rows.is_empty());
    assert_eq!(ingested.duration_since(generated).as_mins(), 9);
}

#[test]
fn no_rows_prove_nothing_until_access_is_proven() {
    let access = |permissions| {
        read(&answer(&[], &permissions), &registry())
            .unwrap()
            .access
    };
    let with = |pointer: &str, value: Value| {
        let mut permissions = shown();
        *permissions.pointer_mut(pointer).unwrap() = value;
        access(permissions)
    };
    assert_eq!(access(shown()), Access::Proven);
    assert_eq!(access(Value::Null), Access::Unstated);
    assert_eq!(with("/resources", json!([])), Access::Unstated);
    assert_eq!(
        with("/resources/0/dataSources", json!([])),
        Access::Missing(FeedFailure::NoDiagnosticSetting)
    );
    assert_eq!(
        with("/dataSources", json!([])),
        Access::Missing(FeedFailure::WorkspaceRefuses(vec!["logs".to_owned()]))
    );
    for deny in ["/resources/0", "/dataSources/0"] {
        let mut permissions = shown();
        permissions.pointer_mut(deny).unwrap()["denyTables"] =
            json!(["containerregistryLOGINevents", "SecurityEvent"]);
        let denied = vec!["ContainerRegistryLoginEvents".to_owned()];
        assert_eq!(
            access(permissions),
            Access::Missing(FeedFailure::TablesDenied(denied)),
            "{deny}"
        );
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in [
        json!({}),
        json!({ "tables": [] }),
        json!({ "tables": [{ "columns": [{}], "rows": [] }] }),
        json!({ "tables": [{ "columns": [] }] }),
        json!([1]),
    ] {
        assert_eq!(read(&body, &registry()), Err(Malformed), "{body}");
    }
    let mut partial = answer(&[], &shown());
    partial["error"] = json!({ "code": "PartialError" });
    assert!(read(&partial, &registry()).unwrap().partial);
}
