//! Stories of deliveries, one format each.

use super::*;
use crate::domain::denial::{Kind, Service};
use crate::domain::event::{Evidence, Report};
use proptest::prelude::*;
use serde_json::json;

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

#[test]
fn a_diagnostic_record_with_status_403_is_a_row() {
    let delivery = read_json(&json!({ "records": [row(&json!("403")), row(&json!("200"))] }));
    assert_eq!((delivery.format, delivery.records), (Format::Diagnostic, 2));
    let report = by_status(&delivery);
    assert_eq!(report.denial.service, Service::Acr);
    assert_eq!(report.login_server.as_deref(), Some(R));
    assert_eq!(report.resource_id.as_deref(), Some(ID));
    assert_eq!(
        (report.identity.as_deref(), report.user_agent.as_deref()),
        (Some("ci@example.com"), Some("docker/24.0"))
    );
    assert_eq!(
        (
            report.denial.repository.as_deref(),
            report.event_id.as_deref()
        ),
        (None, None)
    );
    assert_eq!(
        report.at,
        Some("2025-02-01T10:00:00.1234567Z".parse().unwrap())
    );
}

#[test]
fn its_status_and_address_come_in_several_forms() {
    for change in [
        json!({ "resultDescription": 403 }),
        json!({ "resultDescription": "Forbidden", "resultSignature": "403" }),
        json!({ "resultDescription": "Forbidden", "resultType": 403 }),
        json!({ "callerIpAddress": "20.1.2.3:50122" }),
        json!({ "callerIpAddress": null, "properties": { "callerIpAddress": "20.1.2.3", "loginServer": R } }),
        json!({ "callerIpAddress": "", "properties": "{\"CallerIpAddress\":\"20.1.2.3\"}" }),
        json!({ "category": "ContainerRegistryRepositoryEvents" }),
    ] {
        let mut record = row(&json!("403"));
        record
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        for body in [
            json!({ "records": [record] }),
            json!([record]),
            record.clone(),
        ] {
            let delivery = read_json(&body);
            assert_eq!(delivery.format, Format::Diagnostic);
            by_status(&delivery);
        }
    }
    let mut record = row(&json!("403"));
    record["callerIpAddress"] = json!("[2603:1030::1]:443");
    let delivery = read_json(&json!({ "records": [record] }));
    assert_eq!(
        only(&delivery).denial.ip,
        Some("2603:1030::1".parse().unwrap())
    );
}

#[test]
fn a_row_of_log_analytics_is_one_too() {
    let delivery = read_json(&json!([{
        "TimeGenerated": "2025-02-01T10:00:00Z", "Type": "ContainerRegistryRepositoryEvents", "CallerIpAddress": "20.1.2.3", "ResultDescription": "403",
        "LoginServer": R, "_ResourceId": ID, "Repository": "team/app", "Tag": "v1"
    }]));
    let report = by_status(&delivery);
    assert_eq!(
        (
            report.denial.repository.as_deref(),
            report.denial.reference.as_deref()
        ),
        (Some("team/app"), Some("v1"))
    );
    assert!(report.at.is_some());
}

#[test]
fn a_record_with_the_message_is_no_mere_row() {
    let mut record = row(&json!("403"));
    record["properties"]["error"] = json!("client with IP '20.1.2.3' is not allowed access");
    let delivery = read_json(&json!({ "records": [record] }));
    let report = by_message(&delivery);
    assert_eq!(report.resource_id.as_deref(), Some(ID));
    assert_eq!(report.identity.as_deref(), Some("ci@example.com"));
}

#[test]
fn records_of_other_services_are_no_rows() {
    let mut record = row(&json!("403"));
    record["category"] = json!("AuditEvent");
    assert_eq!(read_json(&json!({ "records": [record] })).reports, []);
}

#[test]
fn one_bad_line_costs_no_good_one() {
    let body = format!(
        "{}\n{{\"broken\": secret\n\n{}\n",
        row(&json!("403")),
        json!({ "message": SAYS })
    );
    let delivery = read_as("application/x-ndjson", &body).unwrap();
    assert_eq!(
        (delivery.records, delivery.reports.len(), delivery.bad.len()),
        (3, 2, 1)
    );
    let bad = delivery.bad.first().unwrap();
    assert_eq!(bad.record, 2);
    assert_eq!(
        bad.error,
        "line 2 is not valid JSON: expected value at column 12"
    );
    let cut = [body.as_bytes(), b"{\"a\":\"\xff\"}\n"].concat();
    let delivery = read(&Head::of([("content-type", "application/json")]), &cut).unwrap();
    assert_eq!((delivery.reports.len(), delivery.bad.len()), (2, 2));
}

#[test]
fn a_batch_keeps_its_good_records() {
    let event = |id: &str| json!({ "id": id, "eventType": "Contoso.Log", "subject": "", "eventTime": "2025-02-01T10:00:00Z", "data": { "text": SAYS }, "dataVersion": "1" });
    let delivery = read_json(&json!([event("1"), 7, { "id": "2" }, event("3")]));
    assert_eq!(
        (delivery.format, delivery.records, delivery.reports.len()),
        (Format::EventGrid, 4, 2)
    );
    let places: Vec<usize> = delivery.bad.iter().map(|bad| bad.record).collect();
    assert_eq!(places, [2, 3]);
    let delivery = read_json(&json!({ "records": [row(&json!("403")), "nonsense"] }));
    assert_eq!((delivery.reports.len(), delivery.bad.len()), (1, 1));
}

/// The good records around a broken one are read, and the broken one is named.
#[track_caller]
fn costs_no_other(content_type: &str, body: &str, reports: usize, (record, error): (usize, &str)) {
    let delivery = read_as(content_type, body).unwrap();
    assert_eq!(delivery.reports.len(), reports, "{body}: {delivery:?}");
    let [bad] = delivery.bad.as_slice() else {
        panic!("{body}: {:?}", delivery.bad)
    };
    assert_eq!(bad.record, record, "{body}");
    assert!(bad.error.starts_with(error), "{}: {body}", bad.error);
}

#[test]
fn one_broken_record_costs_no_other_in_any_format() {
    let text = json!({ "log": SAYS, "codes": [{ "a": 1 }, { "a": 2 }] });
    let denied = row(&json!("403"));
    let served = row(&json!("200"));
    let grid = json!({ "id": "1", "eventType": "Contoso.Log", "data": { "text": SAYS } });
    let cloud = json!({ "specversion": "1.0", "id": "7", "source": "/ci", "type": "x", "data": { "text": SAYS } });
    let fired = alert(
        &json!({}),
        &dimensions(&[("CallerIpAddress", "20.1.2.3"), ("LoginServer", R)]),
    );
    let broken =
        r#"{"message": "client with IP '20.1.2.4' is not allowed access", "status": 403 "x": 1}"#;
    let told = "the record is not valid JSON: expected `,` or `}` at line 1, column 78 of it";
    for good in [&text, &denied, &grid, &cloud, &fired] {
        costs_no_other(
            "application/json",
            &format!("[{good},{broken},{good}]"),
            2,
            (2, told),
        );
        costs_no_other(
            "",
            &format!("[\n  {good},\n  {broken},\n  {good}\n]"),
            2,
            (2, told),
        );
        let last = format!("[{good},{good},{broken}]");
        costs_no_other("application/json", &last, 2, (3, told));
        let lines = format!("{good}\n{broken}\n{good}\n");
        let on_line = "line 2 is not valid JSON: expected `,` or `}` at column 78";
        costs_no_other("application/x-ndjson", &lines, 2, (2, on_line));
    }
    let envelope = format!(r#"{{"records":[{denied},{served},{broken},{denied}]}}"#);
    costs_no_other("application/json", &envelope, 2, (3, told));
    let deep = format!(
        r#"{{"message":"client with IP","deep":{}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let envelope = format!(r#"{{"records":[{denied},{deep},{denied}]}}"#);
    let told = "the record is not valid JSON: recursion limit exceeded at line 1, column";
    costs_no_other("application/json", &envelope, 2, (2, told));
}

#[test]
fn records_that_are_not_what_their_format_asks_for_are_told_of() {
    let grid = json!({ "id": "1", "eventType": "Contoso.Log", "data": { "text": SAYS } });
    let cloud = json!({ "specversion": "1.0", "id": "7", "source": "/ci", "type": "x", "data": { "text": SAYS } });
    for (good, bad, told) in [
        (&grid, json!({ "id": "2" }), "an event of Event Grid has"),
        (&cloud, json!({ "id": "2" }), "a CloudEvent has"),
        (
            &cloud,
            json!({ "specversion": "1.0", "type": 7 }),
            "`type` is not a string",
        ),
        (
            &cloud,
            json!({ "specversion": "1.0", "id": "8", "source": "/ci", "type": "x", "data_base64": "?" }),
            "`data_base64` is not valid base64",
        ),
        (
            &row(&json!("403")),
            json!("text"),
            "a diagnostic record is a JSON object",
        ),
    ] {
        let delivery = read_json(&json!([good, bad, good]));
        assert_eq!((delivery.records, delivery.reports.len()), (3, 2), "{bad}");
        let error = &delivery.bad.first().unwrap();
        assert_eq!((error.record, delivery.bad.len()), (2, 1), "{bad}");
        assert!(error.error.starts_with(told), "{}", error.error);
    }
}

#[test]
fn an_event_grid_batch_has_up_to_5000_events() {
    let event = |number: u32| {
        let text = SAYS.replace(
            "20.1.2.3",
            &std::net::Ipv4Addr::from(0x1401_0000 + number).to_string(),
        );
        json!({ "id": number.to_string(), "eventType": "Contoso.Log", "data": { "text": text } })
    };
    let events: Value = (0..5000).map(event).collect();
    let delivery = read_json(&events);
    assert_eq!((delivery.records, delivery.reports.len()), (5000, 5000));
}

#[test]
fn a_batch_that_is_more_broken_than_not_is_refused() {
    let good = row(&json!("403"));
    for body in [
        format!(r#"{{"records":[{good},{{"a" 403}}]}}"#),
        format!(r#"{{"records":[{good},{good},{good}"#),
        format!(r#"[{{"a" 403}},{{"b" 403}},{good}]"#),
    ] {
        let read = read_as("application/json", &body);
        assert!(matches!(read, Err(DeliveryError::Syntax { .. })), "{body}");
    }
}

#[test]
fn a_broken_document_is_refused_with_its_place_and_without_its_content() {
    let Err(DeliveryError::Syntax { what, line, column }) = read_as(
        "application/json",
        "{\"records\": [\n  {\"secret\": nonsense}]}",
    ) else {
        panic!("it was read");
    };
    assert_eq!((what.as_str(), line, column), ("expected ident", 2, 15));
    assert!(matches!(
        read_as("application/json", ""),
        Err(DeliveryError::Syntax { .. })
    ));
    assert!(matches!(
        read_as("", "{\"a\": "),
        Err(DeliveryError::Syntax { .. })
    ));
    let head = Head::of([("content-type", "application/json")]);
    assert_eq!(
        read(&head, b"{\"a\": \"\xff\"}").err(),
        Some(DeliveryError::NotUtf8 { offset: 7 })
    );
}

#[test]
fn a_validation_is_answered_with_its_code() {
    let body = json!([{
        "id": "1", "topic": "/subscriptions/1", "subject": "", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "eventTime": "2025-02-01T10:00:00Z",
        "data": { "validationCode": "code-1", "validationUrl": "https://rp.example.com/validate" }, "dataVersion": "1", "metadataVersion": "1"
    }]);
    let head = Head::of([
        ("content-type", "application/json"),
        ("AEG-Event-Type", "SubscriptionValidation"),
        ("aeg-subscription-name", "DOORWARD"),
    ]);
    let delivery = read(&head, body.to_string().as_bytes()).unwrap();
    assert_eq!(
        (delivery.format, delivery.validation_code.as_deref()),
        (Format::EventGrid, Some("code-1"))
    );
    assert_eq!(head.subscription.as_deref(), Some("DOORWARD"));
    assert_eq!(delivery.reports, []);
}

#[test]
fn events_carry_text_records_or_arrays_of_them() {
    for data in [
        json!(SAYS),
        json!({ "log": { "lines": [SAYS] } }),
        json!([{ "message": SAYS }]),
        json!(json!({ "message": SAYS }).to_string()),
    ] {
        let delivery = read_json(
            &json!([{ "id": "e-1", "eventType": "Contoso.Log", "subject": "s", "eventTime": "2025-02-01T10:00:00Z", "data": data }]),
        );
        let report = by_message(&delivery);
        assert_eq!(report.event_id.as_deref(), Some("e-1"));
        assert!(report.at.is_some());
    }
    let rows = json!({ "records": [row(&json!("403"))] });
    let delivery = read_json(&json!([{ "id": "e-1", "eventType": "Contoso.Log", "data": rows }]));
    assert_eq!(by_status(&delivery).event_id.as_deref(), Some("e-1"));
}

#[test]
fn events_that_never_carry_a_denial_are_counted() {
    let event = |kind: &str| json!({ "id": "1", "eventType": kind, "data": { "text": SAYS } });
    let pushed = "Microsoft.ContainerRegistry.ImagePushed";
    let delivery = read_json(&json!([
        event(pushed),
        event(pushed),
        event("Microsoft.EventGrid.SubscriptionDeletedEvent")
    ]));
    assert_eq!(delivery.reports, []);
    assert_eq!(
        delivery.passed_over,
        [("image pushed", 2), ("subscription deleted", 1)]
    );
}

#[test]
fn cloud_events_come_alone_in_batches_and_in_headers() {
    let event = json!({ "specversion": "1.0", "id": "7", "source": "/ci", "type": "com.example.log", "time": "2025-02-01T10:00:00Z", "data": { "text": SAYS } });
    for (content_type, body) in [
        ("application/cloudevents+json; charset=utf-8", event.clone()),
        ("application/cloudevents-batch+json", json!([event])),
        ("application/cloudevents+json", json!([event])),
        ("application/json", json!([event])),
    ] {
        let delivery = read_as(content_type, &body.to_string()).unwrap();
        assert_eq!(delivery.format, Format::CloudEvents, "{content_type}");
        let report = by_message(&delivery);
        assert_eq!(report.event_id.as_deref(), Some("/ci 7"));
        assert!(report.at.is_some());
    }
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/ci"),
        ("ce-type", "com.example.log"),
        ("ce-time", "2025-02-01T10:00:00Z"),
    ];
    for (content_type, body) in [
        ("application/json", json!({ "text": SAYS }).to_string()),
        ("text/plain", SAYS.to_owned()),
    ] {
        let head = Head::of(headers.into_iter().chain([("Content-Type", content_type)]));
        let delivery = read(&head, body.as_bytes()).unwrap();
        assert_eq!(
            (delivery.format, delivery.records),
            (Format::CloudEvents, 1)
        );
        assert_eq!(by_message(&delivery).event_id.as_deref(), Some("/ci 7"));
    }
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SAYS);
    by_message(&read_json(
        &json!({ "specversion": "1.0", "id": "7", "source": "/ci", "type": "x", "data_base64": encoded }),
    ));
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
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = proptest::sample::select(vec![
        "records",
        "schemaId",
        "data",
        "essentials",
        "alertContext",
        "condition",
        "allOf",
        "dimensions",
        "name",
        "value",
        "SearchResults",
        "tables",
        "columns",
        "rows",
        "eventType",
        "specversion",
        "type",
        "id",
        "time",
        "category",
        "resultDescription",
        "callerIpAddress",
        "properties",
        "monitorCondition",
    ]);
    let texts = proptest::sample::select(vec![
        "",
        "403",
        "azureMonitorCommonAlertSchema",
        "ContainerRegistryLoginEvents",
        "20.1.2.3",
        SAYS,
        "1.0",
        "Fired",
    ]);
    let leaf = prop_oneof![
        texts.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_can_be_delivered(body: Vec<u8>, content_type in proptest::sample::select(vec!["", "application/json", "text/plain", "application/x-ndjson"])) {
        read(&Head::of([("content-type", content_type)]), &body).ok();
    }

    #[test]
    fn any_json_can_be_delivered(body in any_json()) {
        let delivery = read_as("application/json", &body.to_string());
        prop_assert!(delivery.is_ok());
    }
}
