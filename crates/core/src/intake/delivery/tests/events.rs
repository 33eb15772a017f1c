//! Events of Event Grid and CloudEvents.

use super::*;

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
