//! What goes wrong, as problem details (RFC 9457): every answer below `/api` that is no success.

use crate::flow::notify::channels::NotifyError;
use crate::flow::orders::OrderError;
use crate::flow::respond::AnswerError;
use crate::http::HttpError;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What every `type` begins with.
const PREFIX: &str = "urn:doorward:problem:";

/// The longest text of a framework's own refusal that is passed on, in bytes.
const LONGEST: usize = 4096;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is; stable, for programs: `urn:doorward:problem:not_found`.
    pub(crate) r#type: String,
    /// The HTTP status in words.
    pub(crate) title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    /// What went wrong, and what to do.
    pub(crate) detail: String,
}

/// Put into the extensions of an answer that an [`HttpError`] makes.
#[derive(Clone, Debug)]
pub(in crate::http) struct Cause {
    kind: &'static str,
    detail: String,
}

impl Cause {
    pub(in crate::http) fn of(error: &HttpError, reason: &'static str) -> Self {
        Self {
            kind: kind(error).unwrap_or(reason),
            detail: error.to_string(),
        }
    }
}

/// Orders have kinds of their own: what to do next differs.
fn kind(error: &HttpError) -> Option<&'static str> {
    match error {
        HttpError::Order(error) => Some(match error {
            OrderError::Nobody => "nobody_named",
            OrderError::Unknown(_) => "no_such_grant",
            OrderError::Ambiguous { .. } => "ambiguous",
            OrderError::Short(_) => "too_short",
            OrderError::Over => "grant_over",
            OrderError::NotOurs(_) => "not_ours",
            OrderError::Shared { .. } => "shared_entry",
            OrderError::Moving => "write_under_way",
            OrderError::NotLonger(_) | OrderError::Longest(_) => "not_longer",
            OrderError::NoRegistry(_) => "no_such_registry",
            OrderError::Paused(_) => "paused",
            OrderError::NoVerdict(_) => "no_verdict",
            OrderError::AllPaused => "all_paused",
            OrderError::Past(_) => "time_past",
            OrderError::Store(_) => "failed",
        }),
        HttpError::Answer(error) => Some(match error {
            AnswerError::Over => "request_over",
            AnswerError::Answered => "answered_already",
            AnswerError::Refused(refusal) => refusal.code(),
            AnswerError::NotShown => "not_shown",
            AnswerError::Changed(_) => "changed_since_shown",
            AnswerError::Paused(_) => "paused",
            AnswerError::Unread(_) => "registry_not_read",
            AnswerError::Store(_) => "failed",
        }),
        HttpError::Notify(NotifyError::Store(_)) => Some("failed"),
        HttpError::Notify(_) | HttpError::Confirm(_) => Some("not_done"),
        _ => None,
    }
}

/// Turns refusals of the API, whoever made them, into problems.
pub(in crate::http) async fn around(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let answer = next.run(request).await;
    let status = answer.status();
    if !is_api || status.as_u16() < 400 {
        return answer;
    }
    let (head, body) = answer.into_parts();
    let said = head.extensions.get::<Cause>().cloned();
    let (kind, detail) = if let Some(said) = said {
        (said.kind, said.detail)
    } else {
        let text = to_bytes(body, LONGEST).await.unwrap_or_default();
        let kind = match status.as_u16() {
            405 => "method_not_allowed",
            413 => "too_large",
            415 => "media_type",
            _ => "bad_request",
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        (kind, text)
    };
    let title = status.canonical_reason().unwrap_or("Error");
    let detail = if detail.is_empty() {
        title.to_owned()
    } else {
        detail
    };
    let problem = Problem {
        r#type: format!("{PREFIX}{kind}"),
        title: title.to_owned(),
        status: status.as_u16(),
        detail,
    };
    let mut answer = (status, Json(problem)).into_response();
    let media = HeaderValue::from_static(MEDIA_TYPE);
    answer.headers_mut().insert(CONTENT_TYPE, media);
    for name in [ALLOW, RETRY_AFTER, WWW_AUTHENTICATE] {
        if let Some(value) = head.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    *answer.extensions_mut() = head.extensions;
    answer
}
