//! `GET /requests/{token}` shows what a person is asked; `POST` answers it, once.

use super::{HttpError, Web, origin, page};
use crate::app::App;
use crate::domain::link::LinkError;
use crate::domain::request::{Answer, Request};
use crate::domain::state::{Asked, State as Stands};
use crate::domain::words;
use crate::flow::respond;
use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// The request as its page shows it.
#[derive(Template)]
#[template(path = "request.html")]
struct Page {
    registry: String,
    registry_id: String,
    address: String,
    image: Option<String>,
    ttl: String,
    rule: Option<String>,
    because: Option<String>,
    source: String,
    asked: Option<String>,
    until: String,
    left: String,
    paused: Option<String>,
    can: Can,
}

/// What can be done with it.
enum Can {
    /// Answer it here.
    Answer,
    /// Look at it.
    Look,
    /// Nothing any more: a person answered.
    Answered { answer: Answer, at: String },
}

/// The answer as the form sends it.
#[derive(Deserialize)]
pub(super) struct Reply {
    answer: Answer,
}

/// Shows the request that the link names. Changes nothing: chat programs and mail scanners fetch
/// links before any person sees them.
pub(super) async fn show(
    State(web): State<Web>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    shown(&web.app, &token).unwrap_or_else(|error| page::failed(&error))
}

fn shown(app: &App, token: &str) -> Result<Response, HttpError> {
    let now = app.clock.now();
    let id = app.link_key.verify(token, now)?;
    let found = app.ledger.read(|state| {
        let asked = state.requests.get(&id)?.clone();
        let decided = asked.decision.as_ref().map(|decision| decision.at);
        Some((asked, decided))
    });
    let (asked, decided) = found.ok_or(LinkError::Over)?;
    let can = if let Some((at, answer)) = asked.answer {
        let at = words::time(at);
        Can::Answered { answer, at }
    } else if !asked.open(now) {
        return Err(LinkError::Over.into());
    } else if app.answers_by_link(&asked.request) {
        Can::Answer
    } else {
        Can::Look
    };
    let look = |state: &Stands| state.pauses.of(&asked.request.registry).map(words::paused);
    let paused = app.ledger.read(look);
    let view = Page {
        paused,
        ..view(&asked, decided, can, now)
    };
    page::html(&view).map(IntoResponse::into_response)
}

fn view(asked: &Asked, decided: Option<Timestamp>, can: Can, now: Timestamp) -> Page {
    let request = &asked.request;
    Page {
        registry: request.registry.name().to_owned(),
        registry_id: request.registry.to_string(),
        address: request.address.to_string(),
        image: image(request),
        ttl: words::duration(ttl(request)),
        rule: request.rule.clone(),
        because: request.because.clone(),
        source: request.source.clone(),
        asked: decided.map(words::time),
        until: words::time(request.until),
        left: words::duration(request.until.duration_since(now)),
        paused: None,
        can,
    }
}

/// How long an opening would last.
pub(super) fn ttl(request: &Request) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(request.ttl_seconds).unwrap_or(i64::MAX))
}

/// What was asked for, in the caller's own words: `prod/api:v1`, `prod/api@sha256:…`.
pub(super) fn image(request: &Request) -> Option<String> {
    let repository = words::quoted(request.repository.as_deref()?);
    Some(match request.reference.as_deref().map(words::quoted) {
        Some(digest) if digest.contains(':') => format!("{repository}@{digest}"),
        Some(tag) => format!("{repository}:{tag}"),
        None => repository,
    })
}

/// Takes the answer, if it comes from the page that asked.
pub(super) async fn answer(
    State(web): State<Web>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    reply: Result<Form<Reply>, FormRejection>,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    answered(&web.app, &token, &headers, reply)
        .await
        .unwrap_or_else(|error| page::failed(&error))
}

async fn answered(
    app: &App,
    token: &str,
    headers: &HeaderMap,
    reply: Result<Form<Reply>, FormRejection>,
) -> Result<Response, HttpError> {
    if !origin::own(headers, &app.public_url) {
        return Err(HttpError::ForeignOrigin);
    }
    let id = app.link_key.verify(token, app.clock.now())?;
    let Form(Reply { answer }) = reply.map_err(|_| HttpError::NoAnswer)?;
    respond::by_link(app, id, answer).await?;
    shown(app, token)
}
