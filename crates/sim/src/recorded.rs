//! What was asked of the simulated Azure, in order, for assertions.

use super::calls::Call;
use super::wire::Incoming;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// One request as it arrived; without what would give the caller's secrets away.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// When, by the simulated Azure's clock.
    pub at: Timestamp,
    /// Which call it was.
    pub call: Call,
    /// `GET`, `PATCH`, …
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query parameters.
    pub query: BTreeMap<String, String>,
    /// The headers, names lower-case, without `authorization` and `x-identity-header`.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, or a form as an object without its secrets; none if there was none.
    pub body: Option<Value>,
    /// The reply's status; none while it is held, and where the reply was lost.
    pub status: Option<u16>,
}

/// Headers and form fields that never stand in the record.
const SECRET: [&str; 6] = [
    "authorization",
    "x-identity-header",
    "client_secret",
    "client_assertion",
    "refresh_token",
    "password",
];

impl Recorded {
    pub(super) fn new(at: Timestamp, call: Call, request: &Incoming) -> Self {
        let plain = |name: &str| !SECRET.contains(&name.to_ascii_lowercase().as_str());
        let headers = request
            .headers
            .iter()
            .filter(|(name, _)| plain(name.as_str()))
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        let body = if request.body.is_empty() {
            None
        } else {
            Some(serde_json::from_slice(&request.body).unwrap_or_else(|_| {
                request
                    .form()
                    .into_iter()
                    .filter(|(name, _)| plain(name))
                    .map(|(name, value)| (name, Value::String(value)))
                    .collect()
            }))
        };
        Self {
            at,
            call,
            method: request.method.to_string(),
            path: request.path.clone(),
            query: request.query.iter().cloned().collect(),
            headers,
            body,
            status: None,
        }
    }

    /// The api-version that was asked for.
    pub fn api_version(&self) -> Option<&str> {
        self.query.get("api-version").map(String::as_str)
    }

    /// The values of the `ipRules` in a PATCH's body.
    pub fn ip_rules(&self) -> Vec<String> {
        self.body
            .as_ref()
            .and_then(|body| {
                body.pointer("/properties/networkRuleSet/ipRules")?
                    .as_array()
            })
            .into_iter()
            .flatten()
            .filter_map(|rule| Some(rule.get("value")?.as_str()?.to_owned()))
            .collect()
    }
}
