//! What the pages have in common: how a template, or a failure, becomes an answer.

use super::assets;
use crate::flow::respond::AnswerError;
use crate::http::HttpError;
use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use doorward_core::auth::link::LinkError;
use doorward_core::messages::wording;

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
    /// How far below the root the page is.
    depth: usize,
}

/// A page that says one thing, which is no failure.
pub(in crate::http) fn note(title: &'static str, text: &str) -> Response {
    let text = text.to_owned();
    let page = Note {
        title,
        text,
        depth: 1,
    };
    html(&page).map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

/// The answer for a person whose request failed.
pub(in crate::http) fn failed(error: &HttpError) -> Response {
    let page = Note {
        depth: 1,
        title: match error {
            HttpError::Link(LinkError::Invalid) => "Invalid link",
            HttpError::Link(LinkError::Tampered) => "Changed link",
            HttpError::Link(LinkError::OtherKey) => "Link of another key",
            HttpError::Link(LinkError::OtherPurpose) => "Link for something else",
            HttpError::Link(LinkError::Over) | HttpError::Answer(AnswerError::Over) => "Expired",
            HttpError::Answer(AnswerError::Answered) => "Already answered",
            HttpError::SignIn(_) => "Not signed in",
            error => error.status().canonical_reason().unwrap_or("Not possible"),
        },
        text: wording::sentence(&wording::capital(&error.to_string())),
    };
    match html(&page) {
        Ok(page) => error.with_body(page),
        Err(internal) => internal.into_response(),
    }
}
