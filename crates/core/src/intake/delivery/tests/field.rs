//! What shippers, monitors and queries send: its age, what only quotes a refusal, what is over, tables.

use super::*;

const WEEK_AGO: &str = "2026-11-20T10:00:00Z";

fn ip(last: u8) -> String {
    SAYS.replace("20.1.2.3", &format!("20.1.2.{last}"))
}

#[test]
fn a_records_own_time_is_its_reports_in_every_format() {
    let week_ago = WEEK_AGO.parse().ok();
    for record in [
        json!({ "kind": "Event", "message": SAYS, "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": WEEK_AGO }),
        json!({ "kind": "Event", "note": SAYS, "eventTime": "2026-11-01T00:00:00Z", "series": { "lastObservedTime": WEEK_AGO } }),
        json!({ "TimeStamp": "2026-11-20 10:00:00 +0000 UTC", "Type": "Warning", "Msg": SAYS }),
        json!({ "time": WEEK_AGO, "resourceId": "/SUBSCRIPTIONS/1/PROVIDERS/MICROSOFT.APP/CONTAINERAPPS/A", "category": "ContainerAppConsoleLogs", "properties": { "Log": SAYS } }),
        json!({ "records": [{ "TimeGenerated": WEEK_AGO, "Type": "ContainerAppSystemLogs_CL", "Log_s": SAYS }] }),
        json!({ "date": 1_795_168_800.0, "log": SAYS }),
        json!([{ "date": 1_795_168_800, "log": SAYS }]),
        json!({ "time": "1795168800", "event": SAYS }),
        json!({ "ts": 1_795_168_800_000_i64, "msg": SAYS }),
        json!({ "__REALTIME_TIMESTAMP": "1795168800000000", "MESSAGE": SAYS }),
        json!({ "@timestamp": WEEK_AGO, "message": SAYS, "kubernetes": { "created": "2026-11-27T10:00:00Z" } }),
        json!({ "streams": [{ "stream": { "a": "b" }, "values": [["1795168800000000000", SAYS]] }] }),
        json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{ "timeUnixNano": "1795168800000000000", "observedTimeUnixNano": "1795773600000000000", "body": { "stringValue": SAYS } }] }] }] }),
        json!({ "version": "4", "status": "firing", "alerts": [{ "status": "firing", "startsAt": WEEK_AGO, "annotations": { "d": SAYS } }] }),
        json!({ "log": format!("{WEEK_AGO} stderr F {SAYS}"), "time": "2026-11-27T10:00:00Z" }),
        json!({ "message": json!({ "time": WEEK_AGO, "msg": SAYS }).to_string(), "time": "2026-11-27T10:00:00Z" }),
        json!({ "tables": [{ "columns": [{ "name": "TimeGenerated" }, { "name": "Log_s" }], "rows": [[WEEK_AGO, SAYS]] }] }),
    ] {
        assert_eq!(by_message(&read_json(&record)).at, week_ago, "{record}");
    }
    for text in [
        format!("{WEEK_AGO} {SAYS}"),
        format!("{WEEK_AGO} Pulling\nfailed:\n{SAYS}"),
        format!("<34>1 {WEEK_AGO} host dockerd - - - {SAYS}"),
        format!("time=\"{WEEK_AGO}\" level=error msg=\"x\" {SAYS}"),
        format!("1795168800 {SAYS}"),
    ] {
        let delivery = read_as("text/plain", &text).unwrap();
        assert_eq!(by_message(&delivery).at, week_ago, "{text}");
    }
}

#[test]
fn a_denial_without_a_credible_time_has_none() {
    for record in [
        json!({ "message": SAYS }),
        json!({ "message": SAYS, "time": "0001-01-01T00:00:00Z" }),
        json!({ "message": SAYS, "time": 12, "date": "2026-11-20" }),
        json!({ "message": SAYS, "other": { "time": WEEK_AGO } }),
    ] {
        assert_eq!(by_message(&read_json(&record)).at, None, "{record}");
    }
    let delivery = read_as("text/plain", &format!("E1120 10:00:00.1 1 a.go:1] {SAYS}")).unwrap();
    assert_eq!(by_message(&delivery).at, None);
}

#[test]
fn a_denial_that_is_told_again_is_as_old_as_its_last_telling() {
    let text = format!("{WEEK_AGO} {SAYS}\n2026-11-27T10:00:00Z {SAYS}\n");
    let delivery = read_as("text/plain", &text).unwrap();
    let at = by_message(&delivery).at;
    assert_eq!(at, "2026-11-27T10:00:00Z".parse().ok());
}

#[test]
fn a_query_or_a_link_that_quotes_the_sentence_is_no_denial() {
    let query = "T | where Log_s !has \"client with IP '20.1.2.3' is not allowed access\"";
    let link = "https://portal.example/?q=client%20with%20IP%20%2720.1.2.3%27%20is%20not%20allowed%20access";
    for record in [
        json!({ "SearchQuery": query, "LinkToSearchResults": link, "ResultCount": 1 }),
        json!({ "Link To Search Results": SAYS, "AlertRuleName": "x" }),
        json!({ "status": "firing", "alerts": [{ "status": "firing", "generatorURL": link, "panelURL": link }] }),
        json!({ "query": format!("logs(\"{SAYS}\").index(\"*\")"), "title": "x" }),
        json!({ "data": { "alertContext": { "condition": { "allOf": [{ "searchQuery": SAYS }] } } } }),
        json!({ "text": format!("3 refusals, see {link} for more") }),
        json!({ "url": link }),
        json!({ "description": query }),
    ] {
        assert_eq!(read_json(&record).reports, [], "{record}");
        let both = json!({ "rule": record, "message": SAYS });
        by_message(&read_json(&both));
    }
    let delivery = read_as("text/plain", query).unwrap();
    assert_eq!(delivery.reports, []);
}

#[test]
fn what_is_over_is_no_denial_and_what_is_not_is_one_beside_it() {
    let over = |fields: Value| {
        let mut record = json!({ "description": ip(9), "annotations": { "d": ip(8) } });
        for (name, value) in fields.as_object().unwrap() {
            record[name] = value.clone();
        }
        record
    };
    for record in [
        over(json!({ "status": "resolved" })),
        over(json!({ "alert_transition": "Recovered" })),
        over(json!({ "monitorCondition": "Resolved" })),
        over(json!({ "event_action": "resolve" })),
        over(json!({ "title": "[Recovered] refusals" })),
        json!({ "event": over(json!({ "event_type": "incident.resolved" })) }),
        json!({ "status": "resolved", "alerts": [over(json!({ "status": "resolved" }))], "commonAnnotations": { "d": ip(7) } }),
    ] {
        assert_eq!(read_json(&record).reports, [], "{record}");
        by_message(&read_json(&json!([record, { "message": SAYS }])));
        let firing = json!({ "status": "firing", "annotations": { "d": SAYS } });
        let resolved = over(json!({ "status": "resolved" }));
        let notice = json!({ "status": "firing", "message": ip(9), "alerts": [resolved, firing] });
        by_message(&read_json(&notice));
    }
}

#[test]
fn rows_of_tables_and_pairs_are_records_wherever_they_stand() {
    let columns = json!([{ "name": "TimeGenerated", "type": "string" }, { "name": "LoginServer" }, { "name": "CallerIpAddress" }, { "name": "ResultDescription" }]);
    let rows = json!([
        [WEEK_AGO, R, "20.1.2.3", "403"],
        [WEEK_AGO, R, "20.1.2.4", "200"]
    ]);
    let table = json!({ "name": "PrimaryResult", "columns": columns, "rows": rows });
    let pairs = json!([
        { "name": "TimeGenerated", "value": WEEK_AGO },
        { "name": "LoginServer", "value": R },
        { "name": "CallerIpAddress", "value": "20.1.2.3" },
        { "name": "ResultDescription", "value": "403" },
    ]);
    let common = |context: Value| json!({ "schemaId": "azureMonitorCommonAlertSchema", "data": { "essentials": { "monitorCondition": "Fired" }, "alertContext": context } });
    for body in [
        json!({ "tables": [table] }),
        json!({ "SearchQuery": "x", "SearchResult": { "tables": [table] } }),
        json!({ "custom": { "rows": { "tables": [table] } } }),
        json!({ "data": table.to_string() }),
        common(json!({ "condition": { "allOf": [{ "event": pairs }] } })),
        common(json!({ "condition": { "allOf": [{ "event": [pairs] }] } })),
        json!({ "alertContext": { "condition": { "allOf": [{ "event": pairs }] } } }),
    ] {
        let delivery = read_json(&body);
        let report = by_status(&delivery);
        assert_eq!(report.login_server.as_deref(), Some(R), "{body}");
        assert_eq!(report.at, WEEK_AGO.parse().ok(), "{body}");
    }
    let kusto = json!({ "Tables": [{ "Columns": [{ "ColumnName": "LoginServer" }, { "ColumnName": "Message" }], "Rows": [[R, SAYS], ["contoso.azurecr.io", "client with IP '20.1.2.4' is not allowed access"]] }] });
    let delivery = read_json(&kusto);
    let registries = delivery
        .reports
        .iter()
        .map(|report| report.denial.registry.as_deref());
    assert_eq!(
        registries.collect::<Vec<_>>(),
        [Some(R), Some("contoso.azurecr.io")]
    );
}

#[test]
fn events_of_a_schema_of_somebodys_own_are_read() {
    let event = json!({ "myId": "1", "myType": "Contoso.Log", "myTime": WEEK_AGO, "data": { "log": SAYS } });
    let head = Head::of([
        ("content-type", "application/json"),
        ("aeg-event-type", "Notification"),
    ]);
    for body in [
        json!([event]),
        event.clone(),
        json!([{ "payload": { "data": event } }]),
    ] {
        let delivery = read(&head, body.to_string().as_bytes()).unwrap();
        by_message(&delivery);
    }
    let quiet = json!([{ "myId": "1", "data": { "log": "nothing" } }]);
    let delivery = read(&head, quiet.to_string().as_bytes()).unwrap();
    assert_eq!((delivery.reports.len(), delivery.bad.len()), (0, 0));
}

#[test]
fn a_json_text_sequence_is_read_text_by_text() {
    let first = json!({ "log": SAYS });
    let second = json!({ "log": ip(4) });
    for content_type in [
        "application/json-seq",
        "application/geo+json-seq",
        "application/octet-stream",
        "",
    ] {
        let body = format!("\u{1e}{first}\n\u{1e}{second:#}\n");
        let delivery = read_as(content_type, &body).unwrap();
        assert_eq!(
            (delivery.records, delivery.reports.len()),
            (2, 2),
            "{content_type}"
        );
    }
    let cut = format!("\u{1e}{first}\n\u{1e}{{\"log\": \"client");
    let delivery = read_as("application/json-seq", &cut).unwrap();
    assert_eq!((delivery.reports.len(), delivery.bad.len()), (1, 1));
    assert!(read_as("application/json-seq", "\u{1e}{\"a\":").is_err());
}

#[test]
fn a_failed_import_is_the_same_in_both_schemas_of_alerts() {
    let message = json!({ "error": { "code": "InvalidParameters", "message": "denied: client with IP '20.1.2.3' is not allowed access" } }).to_string();
    let activity = json!({
        "authorization": { "action": "Microsoft.ContainerRegistry/registries/importImage/action", "scope": ID },
        "operationName": "Microsoft.ContainerRegistry/registries/importImage/action",
        "resourceId": ID, "properties": { "statusMessage": message }, "status": "Failed",
    });
    let common = json!({ "schemaId": "azureMonitorCommonAlertSchema", "data": { "essentials": { "monitoringService": "Activity Log - Administrative", "monitorCondition": "Fired", "alertTargetIDs": [ID] }, "alertContext": activity } });
    let own = json!({ "schemaId": "Microsoft.Insights/activityLogs", "data": { "status": "Activated", "context": { "activityLog": activity } } });
    let about = |body: &Value| {
        let delivery = read_json(body);
        let report = only(&delivery);
        (
            report.denial.clone(),
            report.resource_id.clone(),
            report.import,
        )
    };
    let (denial, resource, import) = about(&own);
    assert_eq!((resource.as_deref(), import), (None, true));
    assert_eq!(about(&common), (denial, resource, import));
}
