//! Requests that Slack signed, and others; presses, and what is none.

use super::*;
use serde_json::{Value, json};
use uuid::Uuid;

// The example of Slack's documentation.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const AT: i64 = 1_531_420_618;
const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn is_by(signature: &str, timestamp: &str, body: &str, at: i64) -> bool {
    let signed = Signed {
        timestamp,
        signature,
    };
    let now = Timestamp::from_second(at).unwrap();
    signed.is_by(&SECRET.into(), body.as_bytes(), now)
}

#[test]
fn only_what_slack_signed_within_five_minutes_is_heard() {
    let stamp = AT.to_string();
    for at in [AT, AT + 300, AT - 300] {
        assert!(is_by(SIGNATURE, &stamp, BODY, at), "{at}");
    }
    for at in [AT + 301, AT - 301] {
        assert!(!is_by(SIGNATURE, &stamp, BODY, at), "{at}");
    }
    assert!(!is_by(SIGNATURE, &stamp, &format!("{BODY}&"), AT));
    assert!(!is_by(SIGNATURE, &(AT + 1).to_string(), BODY, AT));
    assert!(!is_by(SIGNATURE, &format!("+{stamp}"), BODY, AT));
    for bad in [
        "",
        "v0=",
        "v0=zz",
        &SIGNATURE[..66],
        &SIGNATURE.replace("v0", "v1"),
        &SIGNATURE[3..],
    ] {
        assert!(!is_by(bad, &stamp, BODY, AT), "{bad}");
    }
}

fn payload(changes: &Value) -> String {
    let mut payload = json!({
        "type": "block_actions", "user": { "id": "U1", "username": "ana" }, "channel": { "id": "C1" },
        "actions": [{ "action_id": APPROVE, "value": format!("{} ab.01", Uuid::nil()) }],
    });
    for (name, value) in changes.as_object().unwrap() {
        payload[name] = value.clone();
    }
    payload.to_string()
}

#[test]
fn press_names_user_request_and_what_was_shown() {
    let pressed = press(&payload(&json!({}))).unwrap().unwrap();
    assert_eq!(
        (pressed.user.as_str(), pressed.answer),
        ("U1", Answer::Allow)
    );
    assert_eq!(pressed.button.request, RequestId(Uuid::nil()));
    assert_eq!(pressed.button.seen, "ab.01");
    let review = json!({ "actions": [{ "action_id": "doorward_review" }] });
    assert_eq!(press(&payload(&review)), Ok(None));
    let id = Uuid::nil();
    for bad in [
        json!({ "type": "view_submission" }),
        json!({ "user": { "id": "" } }),
        json!({ "actions": [] }),
        json!({ "actions": [{ "action_id": "other", "value": format!("{id} a") }] }),
        json!({ "actions": [{ "action_id": APPROVE }] }),
        json!({ "actions": [{ "action_id": APPROVE, "value": "x a" }] }),
        json!({ "actions": [{ "action_id": APPROVE, "value": id }] }),
        json!({ "actions": [{ "action_id": APPROVE, "value": format!("{id} <script>") }] }),
    ] {
        assert_eq!(press(&payload(&bad)), Err(NoPress), "{bad}");
    }
    assert_eq!(press("{"), Err(NoPress));
}
