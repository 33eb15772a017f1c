//! Broken records and documents: what is kept, what is refused, and how it is told.

use super::*;

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
