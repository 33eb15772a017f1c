//! What the pages have in common: the style sheet, times and durations as people read them.

use crate::flow::respond::AnswerError;
use crate::http::HttpError;
use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use doorward_core::auth::link::LinkError;
use doorward_core::ledger::event::Hash;
use std::sync::LazyLock;

const STYLE: &str = include_str!("../../../templates/doorward.css");

/// Where the style sheet is served.
pub(in crate::http) const STYLE_PATH: &str = "/static/doorward.css";

/// The query that changes with the style sheet, so that it can be kept for long.
static STYLE_VERSION: LazyLock<String> = LazyLock::new(|| {
    Hash::of(STYLE.as_bytes())
        .to_string()
        .chars()
        .take(12)
        .collect()
});

/// `GET /static/doorward.css`.
pub(in crate::http) async fn style() -> impl IntoResponse {
    (
        [
            (CONTENT_TYPE, "text/css; charset=utf-8"),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ],
        STYLE,
    )
}

/// The version of the style sheet, for links to it.
pub(in crate::http) fn style_version() -> &'static str {
    STYLE_VERSION.as_str()
}

/// A template as an answer. Compile-checked templates fail only if writing to memory does.
pub(in crate::http) fn html(template: &impl Template) -> Result<Html<String>, HttpError> {
    template.render().map(Html).map_err(|error| {
        tracing::error!(%error, "a page could not be rendered");
        HttpError::Internal
    })
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "failed.html")]
struct Note {
    title: &'static str,
    text: String,
}

/// A page that says one thing, which is no failure.
pub(in crate::http) fn note(title: &'static str, text: &str) -> Response {
    let text = text.to_owned();
    html(&Note { title, text })
        .map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

/// The answer for a person whose request failed.
pub(in crate::http) fn failed(error: &HttpError) -> Response {
    let page = Note {
        title: match error {
            HttpError::Link(LinkError::Invalid) => "Invalid link",
            HttpError::Link(LinkError::Over) | HttpError::Answer(AnswerError::Over) => "Expired",
            HttpError::Answer(AnswerError::Answered) => "Already answered",
            HttpError::SignIn(_) => "Not signed in",
            error => error.status().canonical_reason().unwrap_or("Not possible"),
        },
        text: error.to_string(),
    };
    match html(&page) {
        Ok(page) => error.with_body(page),
        Err(internal) => internal.into_response(),
    }
}

/// A sentence in pieces: what stood between backticks, and what did not.
pub(in crate::http) fn pieces(text: &str) -> Vec<(bool, &str)> {
    let code = [false, true].into_iter().cycle();
    code.zip(text.split('`')).collect()
}
