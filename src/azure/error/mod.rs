//! What Azure Resource Manager's answers mean for who asked.

use super::http::{Reply, SendError};
use super::identity::token_error::TokenError;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::time::Duration;

/// The most that is kept of a text somebody else wrote.
const MAX_TEXT: usize = 500;

/// The longest wait that is taken from a `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);

/// ARM did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    /// Too many requests; nothing was done.
    #[error("Azure Resource Manager asks for patience (429 {code}): {message}")]
    Throttled {
        /// How long to wait, where the answer says so; capped.
        retry_after: Option<Duration>,
        /// ARM's error code.
        code: String,
        /// ARM's words, bounded.
        message: String,
    },
    /// The token was not accepted; it has been forgotten, and the next attempt fetches another.
    #[error("Azure Resource Manager does not accept the token (401 {code}): {message}")]
    Unauthorized {
        /// ARM's error code.
        code: String,
        /// ARM's words, bounded.
        message: String,
    },
    /// There is no such resource, or none that may be seen.
    #[error("Azure Resource Manager knows no `{id}` ({code}): {message}; check the id")]
    NotFound {
        /// The path that was asked for.
        id: String,
        /// ARM's error code.
        code: String,
        /// ARM's words, bounded.
        message: String,
    },
    /// Any other refusal, before anything was done.
    #[error("Azure Resource Manager refused ({status} {code}): {message}")]
    Refused {
        /// 400 to 499.
        status: u16,
        /// ARM's error code: `AuthorizationFailed`, `RegistryOperationInProgress`.
        code: String,
        /// ARM's words, bounded.
        message: String,
        /// How long to wait, where the answer says so; capped.
        retry_after: Option<Duration>,
    },
    /// Out of reach or out of order: no connection, no answer, or a status of 500 and above.
    #[error("Azure Resource Manager cannot be had: {why}")]
    Unavailable {
        /// What happened.
        why: String,
        /// How long to wait, where the answer says so; capped.
        retry_after: Option<Duration>,
    },
    /// An answer that is not what the documentation describes.
    #[error("Azure Resource Manager's answer about `{id}` cannot be used: {why}")]
    BadReply {
        /// The path that was asked for.
        id: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// There was no token to ask with.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl ArmError {
    /// Whether the same request may succeed later, with nothing changed on our side.
    pub fn is_transient(&self) -> bool {
        match self {
            // An answer may have been garbled on its way.
            Self::Throttled { .. }
            | Self::Unauthorized { .. }
            | Self::Unavailable { .. }
            | Self::BadReply { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 409 | 412),
            Self::NotFound { .. } => false,
            Self::Token(error) => error.is_transient(),
        }
    }

    /// Whether the same request may succeed once somebody has given a permission: a role that was assigned
    /// takes minutes to take effect.
    pub fn may_pass(&self) -> bool {
        let forbidden = matches!(self, Self::Refused { status: 403, .. });
        self.is_transient() || forbidden || self.missing_action().is_some()
    }

    /// The action that Azure says is not allowed
    /// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
    pub fn missing_action(&self) -> Option<&str> {
        let Self::Refused { message, .. } = self else {
            return None;
        };
        let refuses = ["not have authorization to", "not have permission to"];
        let rest = refuses.iter().find_map(|said| message.split_once(said))?.1;
        let (_, action) = rest.split_once("perform action")?;
        let action = action.split(['\'', '"', '`']).nth(1)?;
        action.contains('/').then_some(action)
    }

    /// What Azure said, where it refused.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } => Some(message),
            Self::Throttled { .. }
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Unavailable { .. }
            | Self::BadReply { .. }
            | Self::Token(_) => None,
        }
    }

    /// How long Azure asks to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. }
            | Self::Refused { retry_after, .. }
            | Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::BadReply { .. }
            | Self::Token(_) => None,
        }
    }

    pub(super) fn bad_reply(id: &str, why: impl Into<String>) -> Self {
        Self::BadReply {
            id: id.to_owned(),
            why: why.into(),
        }
    }

    /// What an answer without success means. `id` is the path asked for.
    pub(super) fn read(reply: &Reply, id: &str, now: Timestamp) -> Self {
        let fault = Fault::read(&reply.body);
        let Fault { code, message } = fault;
        let retry_after = retry_after(&reply.headers, now);
        match reply.status {
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled {
                retry_after,
                code,
                message,
            },
            StatusCode::UNAUTHORIZED => Self::Unauthorized { code, message },
            StatusCode::NOT_FOUND => Self::NotFound {
                id: id.to_owned(),
                code,
                message,
            },
            status if status.is_client_error() => Self::Refused {
                status: status.as_u16(),
                code,
                message,
                retry_after,
            },
            status if status.is_server_error() => Self::Unavailable {
                why: format!("status {} {code}: {message}", status.as_u16()),
                retry_after,
            },
            status => Self::bad_reply(
                id,
                format!("status {} was not to be expected", status.as_u16()),
            ),
        }
    }
}

impl From<SendError> for ArmError {
    fn from(error: SendError) -> Self {
        Self::Unavailable {
            why: clean(&error.to_string()),
            retry_after: None,
        }
    }
}

/// What became of a write that did not simply succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// Azure said no before doing anything, or the request was certainly never sent.
    #[error("nothing was changed: {0}")]
    NotApplied(#[source] ArmError),
    /// It was not sent, because it could not be over in time.
    #[error("there was not enough time left to write, so it was not sent")]
    TooLate,
    /// Azure took the write and then failed at it; what stands now must be read.
    #[error("Azure accepted the change and failed at it ({code}): {message}")]
    OperationFailed {
        /// The operation's error code, or its state.
        code: String,
        /// Azure's words, bounded.
        message: String,
    },
    /// It is not known whether the write happened; what stands now must be read.
    #[error("it is not known whether the change was made: {why}")]
    Unknown {
        /// What happened.
        why: String,
        /// How long to wait before the registry is read, where the answer says so; capped.
        retry_after: Option<Duration>,
    },
}

impl PatchError {
    pub(super) fn unknown(why: &dyn std::fmt::Display) -> Self {
        Self::Unknown {
            why: clean(&why.to_string()),
            retry_after: None,
        }
    }
}

/// The code and message of ARM's error envelope
/// (<https://github.com/cloud-and-ai-microsoft/resource-provider-contract>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
}

impl Fault {
    /// The code where none is told.
    pub(super) const NO_CODE: &str = "no code";

    /// Reads `{"error": {"code", "message"}}`, or the same without the envelope.
    pub(super) fn read(body: &[u8]) -> Self {
        Self::of(&serde_json::from_slice(body).unwrap_or_default())
    }

    pub(super) fn of(answer: &Value) -> Self {
        let error = answer.get("error").unwrap_or(answer);
        let text = |name: &str, otherwise: &str| match error.get(name).and_then(Value::as_str) {
            Some(text) if !text.trim().is_empty() => clean(text),
            _ => otherwise.to_owned(),
        };
        Self {
            code: text("code", Self::NO_CODE),
            message: text("message", "the answer does not say why"),
        }
    }
}

/// A text somebody else wrote, fit for a log line: bounded, no control characters, spaces single.
pub(super) fn clean(text: &str) -> String {
    let blank = |c: char| c.is_control() || c.is_whitespace();
    let words: Vec<&str> = text.split(blank).filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// `Retry-After`, as seconds or as an HTTP date, at most [`MAX_RETRY_AFTER`] (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
