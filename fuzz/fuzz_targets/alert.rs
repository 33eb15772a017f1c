//! An alert in the common schema with a made-up context.
#![no_main]

use doorward_core::intake::delivery::{Head, read};

libfuzzer_sys::fuzz_target!(|made_up: &str| {
    let head = Head::of([("content-type", "application/json")]);
    let text = made_up.replace(['"', '\\'], "'");
    for context in [
        made_up.to_owned(),
        format!(
            r#"{{"condition":{{"allOf":[{{"dimensions":[{{"name":"CallerIpAddress","value":"{text}"}}]}}]}}}}"#
        ),
        format!(r#"{{"SearchResults":{{"tables":{made_up}}}}}"#),
    ] {
        let body = format!(
            r#"{{"schemaId":"azureMonitorCommonAlertSchema","data":{{"essentials":{{"monitorCondition":"Fired"}},"alertContext":{context}}}}}"#
        );
        read(&head, body.as_bytes()).ok();
    }
});
