//! Tests of `error`.

use super::*;

const NOW: &str = "2026-03-01T12:00:00Z";

fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect(),
        body: body.into(),
    }
}

fn read(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> ArmError {
    ArmError::read(&reply(status, headers, body), "/x", NOW.parse().unwrap())
}

#[test]
fn each_status_is_something_to_decide_by() {
    let body = r#"{"error":{"code":"SomeCode","message":"Some\nwords."},"status":"Failed"}"#;
    assert!(matches!(read(429, &[], body), ArmError::Throttled { .. }));
    assert!(matches!(
        read(401, &[], body),
        ArmError::Unauthorized { .. }
    ));
    assert!(matches!(read(404, &[], body), ArmError::NotFound { .. }));
    assert!(matches!(read(503, &[], body), ArmError::Unavailable { .. }));
    assert!(matches!(read(302, &[], body), ArmError::BadReply { .. }));
    assert_eq!(
        read(409, &[], body),
        ArmError::Refused {
            status: 409,
            code: "SomeCode".into(),
            message: "Some words.".into(),
            retry_after: None
        }
    );
    let busy = read(409, &[("retry-after", "17")], body);
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(17)));
}

#[test]
fn patience_is_asked_for_in_seconds_or_by_date_and_capped() {
    let asked = |value| read(429, &[("retry-after", value)], "").retry_after();
    assert_eq!(asked("17"), Some(Duration::from_secs(17)));
    assert_eq!(asked("999999999"), Some(MAX_RETRY_AFTER));
    assert_eq!(
        asked("Sun, 01 Mar 2026 12:00:30 GMT"),
        Some(Duration::from_secs(30))
    );
    assert_eq!(asked("Sun, 01 Mar 2026 11:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(asked("soon"), None);
    assert_eq!(asked("-1"), None);
}

#[test]
fn a_missing_permission_is_named_and_may_come() {
    let told = |status, message: &str| {
        let body = serde_json::json!({ "error": { "code": "X", "message": message } });
        read(status, &[], &body.to_string())
    };
    let write = "Microsoft.ContainerRegistry/registries/write";
    let plain = format!(
        "The client 'a' with object id 'b' does not have authorization to perform action '{write}' over scope '/x' or the scope is invalid."
    );
    let join = "Microsoft.Network/virtualNetworks/subnets/join/action";
    let linked = format!(
        "The client 'a' has permission to perform action '{write}' on scope '/x'; however, it does not have permission to perform action(s) '{join}' on the linked scope(s) '/y'."
    );
    assert_eq!(told(403, &plain).missing_action(), Some(write));
    assert_eq!(told(403, &linked).missing_action(), Some(join));
    assert!(told(400, &plain).may_pass() && told(403, "no").may_pass());
    for message in [
        "",
        "does not have authorization to",
        "not have permission to perform action 'x'",
    ] {
        assert_eq!(told(403, message).missing_action(), None, "{message}");
        assert!(!told(400, message).may_pass(), "{message}");
    }
    assert!(read(412, &[], "").is_transient());
}

#[test]
fn an_answer_without_the_envelope_leaves_nothing_of_its_body() {
    let error = read(502, &[], "<html>token=abc</html>");
    assert!(!error.to_string().contains("abc"), "{error}");
    assert!(error.is_transient());
}

#[test]
fn foreign_words_are_kept_short_and_on_one_line() {
    let long = "ä".repeat(2000);
    let text = clean(&format!("a\r\n\u{1b}[31m b {long}"));
    assert!(text.starts_with("a [31m b ä"), "{text}");
    assert_eq!(text.chars().count(), MAX_TEXT + 1);
}
