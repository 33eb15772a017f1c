//! Alerts of Azure Monitor.

use super::*;

#[test]
fn a_log_alert_tells_by_its_dimensions() {
    let context = dimensions(&[
        ("CallerIpAddress", "20.1.2.3"),
        ("loginserver", R),
        ("_ResourceId", ID),
    ]);
    let delivery = read_json(&alert(&json!({}), &context));
    assert_eq!(delivery.format, Format::CommonAlert);
    let report = by_status(&delivery);
    assert_eq!(
        (
            report.denial.registry.as_deref(),
            report.resource_id.as_deref()
        ),
        (Some(R), Some(ID))
    );
    assert_eq!(
        report.at,
        Some("2025-02-01T10:00:00.12345Z".parse().unwrap())
    );
    by_status(&read_json(&alert(
        &json!({}),
        &dimensions(&[("callerIpAddress", "20.1.2.3")]),
    )));
    by_status(&read_json(&alert(
        &json!({ "alertTargetIDs": [ID] }),
        &dimensions(&[("ClientIP", "20.1.2.3")]),
    )));
    let message = dimensions(&[("Log_s", SAYS)]);
    by_message(&read_json(&alert(&json!({}), &message)));
}

#[test]
fn alerts_that_say_nothing_are_passed_over() {
    let context = dimensions(&[("CallerIpAddress", "20.1.2.3"), ("LoginServer", R)]);
    let test = json!({ "alertId": "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.AlertsManagement/alerts/1", "alertRule": "test-logAlertRule-v2" });
    for (essentials, context, name) in [
        (
            json!({ "monitorCondition": "Resolved" }),
            context.clone(),
            "resolved alert",
        ),
        (test, context, "test alert"),
        (
            json!({}),
            dimensions(&[("Computer", "c-1"), ("IpAddress", "20.1.2.3")]),
            "alert without a denial",
        ),
    ] {
        let delivery = read_json(&alert(&essentials, &context));
        assert_eq!(
            (delivery.reports.len(), delivery.passed_over),
            (0, vec![(name, 1)])
        );
    }
}

#[test]
fn the_older_log_alert_tells_by_its_tables() {
    for (results, tables, columns, rows, name) in [
        ("SearchResults", "tables", "columns", "rows", "name"),
        ("searchResults", "Tables", "Columns", "Rows", "Name"),
    ] {
        let table = json!({
            columns: [{ name: "TimeGenerated" }, { name: "CallerIpAddress" }, { name: "LoginServer" }, { name: "ResultDescription" }],
            rows: [["2025-02-01T10:00:00Z", "20.1.2.3", R, "403"], ["2025-02-01T10:00:00Z", "20.1.2.4", R, "200"]]
        });
        let context = json!({ "SearchQuery": "x", results: { tables: [table] } });
        let delivery = read_json(&alert(
            &json!({ "monitoringService": "Log Analytics" }),
            &context,
        ));
        assert_eq!(by_status(&delivery).login_server.as_deref(), Some(R));
    }
}

#[test]
fn an_activity_log_alert_tells_by_its_message() {
    let message = json!({ "error": { "code": "InvalidParameters", "message": SAYS } }).to_string();
    let context = json!({ "claims": "{}", "caller": "x", "operationName": "Microsoft.ContainerRegistry/registries/importImage/action", "properties": { "statusMessage": message } });
    by_message(&read_json(&alert(
        &json!({ "monitoringService": "Activity Log - Administrative", "signalType": "Activity Log" }),
        &context,
    )));
}
