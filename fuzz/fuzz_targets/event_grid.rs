//! An Event Grid event with made-up data, of a type that is made up or of one that is known.
#![no_main]

use doorward_core::intake::delivery::{Head, read};

libfuzzer_sys::fuzz_target!(|made_up: (&str, &str)| {
    let (kind, data) = made_up;
    let kind = kind.replace(['"', '\\'], "'");
    let head = Head::of([
        ("content-type", "application/json"),
        ("aeg-event-type", "Notification"),
    ]);
    for kind in [
        kind.as_str(),
        "Microsoft.Resources.ResourceWriteSuccess",
        "Microsoft.EventGrid.SubscriptionValidationEvent",
    ] {
        let body = format!(
            r#"[{{"id":"1","topic":"t","subject":"s","eventType":"{kind}","eventTime":"2026-11-22T10:00:00Z","data":{data}}}]"#
        );
        read(&head, body.as_bytes()).ok();
    }
});
