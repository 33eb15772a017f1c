//! A webhook's own body, and the headers of a signed delivery.

use crate::auth::signature::Key;
use crate::ledger::id::AlertId;
use crate::messages::message::Message;
use crate::messages::wording::sentence;
use jiff::Timestamp;
use serde::Serialize;

/// What a webhook without a template is sent: one JSON object. `text` alone says all, so that a chat's
/// incoming webhook can show it.
#[derive(Serialize)]
struct Body<'a> {
    id: AlertId,
    code: &'a str,
    text: String,
    at: Timestamp,
    registry: Option<&'a str>,
    address: Option<String>,
    /// Where the request is shown, and answered where links may.
    link: Option<&'a str>,
    severity: &'static str,
    headline: &'a str,
    matter: String,
}

/// The body without a template.
pub fn body(message: &Message) -> Vec<u8> {
    let body = Body {
        id: message.id,
        code: &message.code,
        text: whole_text(message),
        at: message.at,
        registry: message.registry.as_deref(),
        address: message.address.map(|address| address.to_string()),
        link: message.link.as_deref(),
        severity: message.severity.name(),
        headline: &message.headline,
        matter: message.matter.to_string(),
    };
    // Texts and numbers alone: this does not fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The text with its link.
pub fn whole_text(message: &Message) -> String {
    match &message.link {
        Some(link) => format!("{} {link}", sentence(&message.text)),
        None => message.text.clone(),
    }
}

/// The headers of a signed delivery (Standard Webhooks): the id stays the same when it is sent again.
pub fn signed(key: &Key, id: &str, at: Timestamp, body: &[u8]) -> [(&'static str, String); 3] {
    let second = at.as_second().to_string();
    let signature = key.sign(id, &second, body);
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", second),
        ("webhook-signature", signature),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::samples::{asked, message};
    use super::*;
    use crate::auth::signature::Signed;

    #[test]
    fn signature_is_good_by_the_check_of_senders() {
        let key = Key::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = body(&message(&asked("prod/api:v1")));
        let now = Timestamp::UNIX_EPOCH;
        let headers = signed(&key, "msg_1", now, &body);
        let signed = Signed {
            id: &headers[0].1,
            timestamp: &headers[1].1,
            signatures: &headers[2].1,
        };
        assert!(signed.is_by(std::slice::from_ref(&key), &body, now));
        assert!(!signed.is_by(&[key], b"{}", now));
    }
}
