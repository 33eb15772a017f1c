//! `GET /requests/{token}` shows what a person is asked; `POST` answers it, once.

use super::page;
use crate::flow::app::App;
use crate::flow::decide::forecast;
use crate::flow::decide::forecast::Foresight;
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
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request::{Answer, Request};
use doorward_core::messages::outcome::outcome;
use doorward_core::messages::wording;
use doorward_core::state::Asked;
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
    /// What a person should know before they answer.
    warning: Option<String>,
    /// Which registry refused is a guess.
    guess: bool,
    can: Can,
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

/// What became of a request, as the page shows it.
struct Became {
    title: String,
    text: String,
    /// Who answered what, and when.
    answer: String,
    tone: &'static str,
    /// Whether the page looks again by itself.
    is_moving: bool,
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
    let found = app.ledger.read(|state| {
        let asked = state.requests.get(&id)?.clone();
        let decided = asked.decision.as_ref().map(|decision| decision.at);
        Some((asked, decided))
    });
    let (asked, decided) = found.ok_or(LinkError::Over)?;
    let can = if let Some((at, answer)) = asked.answer {
        Can::Answered(became(app, &asked, (at, answer), now))
    } else if !asked.open(now) {
        return Err(LinkError::Over.into());
    } else if app.answers_by_link(&asked.request) {
        Can::Answer
    } else {
        Can::Look
    };
    let warning = match &can {
        Can::Answered(_) => None,
        Can::Answer | Can::Look => warning(app, &asked.request),
    };
    let view = Page {
        warning,
        ..view(&asked, decided, can, now)
    };
    page::html(&view).map(IntoResponse::into_response)
}

/// What became of an answered request.
fn became(app: &App, asked: &Asked, (at, answer): (Timestamp, Answer), now: Timestamp) -> Became {
    let request = &asked.request;
    let outcome = outcome(asked, forecast::held_by(app, &request.registry), now);
    let (registry, address) = (request.registry.name(), request.address.to_string());
    let answered = match answer {
        Answer::Allow => "Approved",
        Answer::Deny => "Denied",
    };
    let by = asked.by.as_ref().map(Actor::in_words).unwrap_or_default();
    Became {
        title: outcome.title(),
        text: outcome.text(registry, &address),
        answer: format!("{answered} by {by} at {}.", wording::time(at)),
        tone: if outcome.is_open() { "allow" } else { "deny" },
        is_moving: outcome.is_moving(),
    }
}

/// What a person should know before they say yes.
fn warning(app: &App, request: &Request) -> Option<String> {
    match forecast::of(app, request) {
        Foresight::Opens => None,
        Foresight::Unknown => Some(
            "The registry has not been read yet, so it is not known whether approving would open anything."
                .to_owned(),
        ),
        Foresight::Not(why) => Some(wording::sentence(&format!(
            "Approving would open nothing at the moment: {why}"
        ))),
    }
}

fn view(asked: &Asked, decided: Option<Timestamp>, can: Can, now: Timestamp) -> Page {
    let request = &asked.request;
    Page {
        registry: request.registry.name().to_owned(),
        registry_id: request.registry.to_string(),
        address: request.address.to_string(),
        image: image(request),
        ttl: wording::duration(ttl(request)),
        rule: request.rule.clone(),
        because: request.because.clone(),
        source: request.source.clone(),
        asked: decided.map(wording::time),
        until: wording::time(request.until),
        left: wording::duration(request.until.duration_since(now)),
        warning: None,
        guess: request.is_guess(),
        can,
    }
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
