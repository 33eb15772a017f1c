//! The names of fields in which a service writes its result, so that a refusal in them is the service's own word.

use crate::intake::document::Value;

/// Whether a field is what a service writes as its result or logs, or holds such fields. All others are a
/// caller's own words, or nobody's sentence.
pub(crate) fn may_state(name: &str, value: &Value<'_>) -> bool {
    const HOLDERS: &[&str] = &[
        "properties",
        "condition",
        "allOf",
        "dimensions",
        "event",
        "events",
        "data",
        "alertContext",
        "responseStatus",
        "requestObject",
        "responseObject",
        "records",
    ];
    let is_holder = HOLDERS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let holds = || match value {
        Value::Object(_) | Value::Array(_) => true,
        Value::String(text) => text.trim_start().starts_with(['{', '[']),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    };
    is_result(name) || is_holder && holds()
}

/// Whether a service writes its result, or a line of its log, under this name.
pub(crate) fn is_result(name: &str) -> bool {
    const RESULTS: &[&[u8]] = &[
        b"message",
        b"msg",
        b"log",
        b"logs",
        b"logmessage",
        b"logentry",
        b"resultdescription",
        b"errormessage",
        b"error",
        b"errors",
        b"err",
        b"errordetails",
        b"statusmessage",
        b"statusdescription",
        b"statustext",
        b"details",
        b"detail",
        b"innererror",
        b"innermessage",
        b"outermessage",
        b"exception",
        b"exceptionmessage",
        b"stderr",
        b"stdout",
        b"output",
        b"text",
        b"reason",
        b"response",
        b"responsebody",
        b"content",
        b"rawdata",
        b"rendereddescription",
    ];
    const LONGEST: usize = 19;
    let bare = name.strip_suffix("_s").unwrap_or(name).bytes();
    let mut plain = [0; LONGEST];
    let mut length: usize = 0;
    for byte in bare.filter(|byte| !matches!(byte, b'_' | b'-' | b' ')) {
        let Some(place) = plain.get_mut(length) else {
            return false;
        };
        *place = byte.to_ascii_lowercase();
        length = length.saturating_add(1);
    }
    let plain = plain.get(..length).unwrap_or_default();
    RESULTS.contains(&plain)
}
