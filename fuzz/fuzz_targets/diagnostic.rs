//! A batch of diagnostic records: an ordinary one, what is made up as one's field, and what is made
//! up as a record.
#![no_main]

use doorward_core::intake::delivery::{Head, read};

libfuzzer_sys::fuzz_target!(|made_up: &str| {
    let record = |text: &str| {
        let text = text.replace(['"', '\\', '\n', '\r'], "'");
        format!(
            r#"{{"time":"2026-11-22T10:00:00Z","category":"ContainerRegistryLoginEvents","resourceId":"/subscriptions/1/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r","resultDescription":"403","callerIpAddress":"20.1.2.3","properties":{{"userAgent":"{text}"}}}}"#
        )
    };
    let head = Head::of([("content-type", "application/json")]);
    for between in [record(made_up), made_up.to_owned()] {
        let body = format!(
            r#"{{"records":[{},{between},{}]}}"#,
            record(""),
            record("")
        );
        read(&head, body.as_bytes()).ok();
    }
});
