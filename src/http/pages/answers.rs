//! `GET /requests/{token}` shows what a person is asked; `POST` answers it, once.

use super::request_view::{Became, RequestView};
use super::{assets, page};
use crate::flow::app::App;
use crate::flow::decide::forecast;
use crate::flow::respond;
use crate::http::caller::Caller;
use crate::http::listener::origin;
use crate::http::{HttpError, Web};
use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use doorward_core::auth::link::LinkError;
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request::{Answer, Request};
use doorward_core::messages::wording;
use jiff::SignedDuration;
use serde::Deserialize;

/// The request as its page shows it.
#[derive(Template)]
#[template(path = "request.html")]
struct Page {
    it: RequestView,
    can: Can,
    /// How far below the root the page is.
    depth: usize,
}

/// What can be done with it.
enum Can {
    /// Answer it here.
    Answer,
    /// Look at it.
    Look,
    /// Nothing any more: a person answered, and this became of it.
    Answered(Became),
}

/// The answer as the form sends it.
#[derive(Deserialize)]
pub(in crate::http) struct Reply {
    answer: Answer,
}

/// Shows the request that the link names. Changes nothing: chat programs and mail scanners fetch
/// links before any person sees them.
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let shown = async {
        let id = known(&web.app, &token, &caller)?;
        forecast::refresh(&web.app, id).await;
        shown(&web.app, id)
    };
    shown.await.unwrap_or_else(|error| page::failed(&error))
}

/// The request that a link names; whoever has a good one is known.
fn known(app: &App, token: &str, caller: &Caller) -> Result<RequestId, HttpError> {
    let id = app.link_key.verify(token, app.clock.now())?;
    caller.prove(false);
    Ok(id)
}

fn shown(app: &App, id: RequestId) -> Result<Response, HttpError> {
    let now = app.clock.now();
    let asked = app.ledger.read(|state| state.requests.get(&id).cloned());
    let asked = asked.ok_or(LinkError::Over)?;
    let can = if let Some((at, answer)) = asked.answer {
        Can::Answered(Became::of(app, &asked, (at, answer), now))
    } else if !asked.open(now) {
        return Err(LinkError::Over.into());
    } else if app.answers_by_link(&asked.request) {
        Can::Answer
    } else {
        Can::Look
    };
    let it = RequestView::of(app, &asked, now);
    let page = Page { it, can, depth: 1 };
    page::html(&page).map(IntoResponse::into_response)
}

/// How long an opening would last.
pub(in crate::http) fn ttl(request: &Request) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(request.ttl_seconds).unwrap_or(i64::MAX))
}

/// What was asked for, in the caller's own words: `prod/api:v1`, `prod/api@sha256:…`.
pub(in crate::http) fn image(request: &Request) -> Option<String> {
    let repository = wording::quoted(request.repository.as_deref()?);
    Some(match request.reference.as_deref().map(wording::quoted) {
        Some(digest) if digest.contains(':') => format!("{repository}@{digest}"),
        Some(tag) => format!("{repository}:{tag}"),
        None => repository,
    })
}

/// Takes the answer, if it comes from the page that asked.
pub(in crate::http) async fn answer(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    reply: Result<Form<Reply>, FormRejection>,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let answered = async {
        if !origin::own(&headers, &web.app.public_url) {
            return Err(HttpError::ForeignOrigin);
        }
        let id = known(&web.app, &token, &caller)?;
        let Form(Reply { answer }) = reply.map_err(|_| HttpError::NoAnswer)?;
        respond::by_link(&web.app, id, answer).await?;
        shown(&web.app, id)
    };
    answered.await.unwrap_or_else(|error| page::failed(&error))
}
