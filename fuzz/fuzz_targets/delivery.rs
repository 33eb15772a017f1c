//! Any body; its first byte says under which content type.
#![no_main]

use doorward_core::intake::delivery::{Head, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (kind, body) = bytes.split_first().unwrap_or((&0, bytes));
    let kinds = [
        "application/json",
        "application/x-ndjson",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "text/plain",
        "",
    ];
    let kind = kinds[usize::from(*kind) % kinds.len()];
    read(&Head::of([("content-type", kind)]), body).ok();
});
