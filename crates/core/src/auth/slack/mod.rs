//! Presses of buttons in Slack: whether a request comes from Slack, and what was pressed by whom.
//!
//! Sources: <https://docs.slack.dev/authentication/verifying-requests-from-slack/>,
//! <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload/>.

use crate::ledger::id::RequestId;
use crate::ledger::request::Answer;
use aws_lc_rs::hmac;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// How far a request's own time may be from ours, in seconds; older ones may be sent again by somebody else.
const WINDOW: i64 = 5 * 60;

/// The version of the signature.
const VERSION: &str = "v0=";

/// The longest value of a button, in characters (Block Kit takes 2,000).
const LONGEST_VALUE: usize = 1_000;

/// The button that approves.
pub const APPROVE: &str = "doorward_approve";

/// The button that denies.
pub const DENY: &str = "doorward_deny";

/// The button that only opens the page.
pub const REVIEW: &str = "doorward_review";

/// What a request's headers say of its signature.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `x-slack-request-timestamp`.
    pub timestamp: &'a str,
    /// `x-slack-signature`.
    pub signature: &'a str,
}

impl Signed<'_> {
    /// Whether its time is near enough to ours for a signature to be looked at.
    pub fn is_timely(&self, now: Timestamp) -> bool {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let at: Option<i64> = self
            .timestamp
            .parse()
            .ok()
            .filter(|_| digits(self.timestamp));
        let off = at.map(|at| now.as_second().saturating_sub(at).saturating_abs());
        off.is_some_and(|off| off <= WINDOW)
    }

    /// Whether Slack signed this very body with `secret`, a moment ago. Takes the same time wherever it
    /// differs.
    pub fn is_by(&self, secret: &SecretString, body: &[u8], now: Timestamp) -> bool {
        let signature = self.signature.strip_prefix(VERSION).and_then(bytes);
        let Some(signature) = signature.filter(|_| self.is_timely(now)) else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let mut said = format!("v0:{}:", self.timestamp).into_bytes();
        said.extend_from_slice(body);
        hmac::verify(&key, &said, &signature).is_ok()
    }
}

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.map(byte).collect()
}

/// What a button stands for: a request, and what its message showed, as a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ButtonValue {
    /// The request.
    pub request: RequestId,
    /// The digest.
    pub seen: String,
}

impl fmt::Display for ButtonValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.request, self.seen)
    }
}

impl FromStr for ButtonValue {
    type Err = NoPress;

    fn from_str(text: &str) -> Result<Self, NoPress> {
        let (request, seen) = text.split_once(' ').ok_or(NoPress)?;
        let plain = |letter: char| letter.is_ascii_hexdigit() || letter == '.';
        if text.len() > LONGEST_VALUE || !seen.chars().all(plain) {
            return Err(NoPress);
        }
        Ok(Self {
            request: request.parse().map_err(|_| NoPress)?,
            seen: seen.to_owned(),
        })
    }
}

/// A press of one of doorward's buttons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    /// Who pressed, by the id that Slack gives: `U0123`.
    pub user: String,
    /// Their handle in Slack, for display only.
    pub name: String,
    /// The channel's id, where the message is.
    pub channel: String,
    /// What they answer.
    pub answer: Answer,
    /// What the button stands for.
    pub button: ButtonValue,
}

/// A payload that is no press of a button of doorward's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no press of one of doorward's buttons")]
pub struct NoPress;

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: User,
    channel: Option<Place>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    username: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Place {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    value: Option<String>,
}

/// The press that a signed payload tells of; none for a button that only opens a page, of which Slack tells
/// too.
///
/// # Errors
/// [`NoPress`].
pub fn press(payload: &str) -> Result<Option<Press>, NoPress> {
    let payload: Payload = serde_json::from_str(payload).map_err(|_| NoPress)?;
    let [action] = payload.actions.as_slice() else {
        return Err(NoPress);
    };
    let answer = match action.action_id.as_str() {
        APPROVE => Answer::Allow,
        DENY => Answer::Deny,
        REVIEW => return Ok(None),
        _ => return Err(NoPress),
    };
    if payload.kind != "block_actions" || payload.user.id.is_empty() {
        return Err(NoPress);
    }
    let value = action.value.as_deref().ok_or(NoPress)?;
    let name = payload.user.username.or(payload.user.name);
    Ok(Some(Press {
        name: name.unwrap_or_default(),
        user: payload.user.id,
        channel: payload.channel.map(|place| place.id).unwrap_or_default(),
        answer,
        button: value.parse()?,
    }))
}

#[cfg(test)]
mod tests;
