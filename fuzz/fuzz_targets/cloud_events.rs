//! A CloudEvent with made-up data, structured and binary.
#![no_main]

use doorward_core::intake::delivery::{Head, read};

libfuzzer_sys::fuzz_target!(|made_up: &str| {
    let structured = Head::of([("content-type", "application/cloudevents+json")]);
    let text = made_up.replace(['"', '\\'], "'");
    for data in [
        format!(r#""data":{made_up}"#),
        format!(r#""data_base64":"{text}""#),
    ] {
        let body = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t",{data}}}"#);
        read(&structured, body.as_bytes()).ok();
    }
    let binary = Head::of([
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "s"),
        ("ce-type", "t"),
    ]);
    read(&binary, made_up.as_bytes()).ok();
});
