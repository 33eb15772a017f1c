//! `GET /requests/{token}` shows what a person is asked; `POST` answers it, once.

use super::page;
use super::reply::{self, Afterwards, Asks, Offer, Sent};
use crate::flow::app::App;
use crate::flow::decide::forecast;
use crate::flow::decide::forecast::Foresight;
use crate::flow::respond;
use crate::flow::respond::afterwards;
use crate::http::caller::Caller;
use crate::http::listener::origin;
use crate::http::viewer::Viewer;
use crate::http::{HttpError, Web};
use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use doorward_core::approvals::Who;
use doorward_core::auth::link::LinkError;
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request::Request;
use doorward_core::messages::outcome::outcome;
use doorward_core::messages::wording;
use doorward_core::state::Asked;
use jiff::{SignedDuration, Timestamp};

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
    /// What came of what they sent, where it was not taken.
    notice: Option<String>,
    /// What the forms of whoever is signed in carry.
    form_token: Option<String>,
    /// Where whoever is not signed in comes back to once they are.
    sign_in: Option<String>,
    /// Which registry refused is a guess.
    guess: bool,
    can: Can,
}

/// What can be done with it.
enum Can {
    /// Answer it here.
    Answer(Offer),
    /// Look at it.
    Look(Offer),
    /// Nothing any more: a person answered, and this became of it.
    Answered(Became, Afterwards),
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

/// Shows the request that the link names. Changes nothing: chat programs and mail scanners fetch
/// links before any person sees them.
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    viewer: Result<Viewer, HttpError>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let shown = async {
        let id = known(&web.app, &token, &caller)?;
        forecast::refresh(&web.app, id).await;
        shown(&web.app, id, &viewer?, None)
    };
    shown.await.unwrap_or_else(|error| page::failed(&error))
}

/// The request that a link names; whoever has a good one is known.
fn known(app: &App, token: &str, caller: &Caller) -> Result<RequestId, HttpError> {
    let id = app.link_keys.verify(token, app.clock.now())?;
    caller.prove(false);
    Ok(id)
}

/// Where people come back to who sign in first; none where they cannot, or are.
fn sign_in(app: &App, request: &Request, viewer: &Viewer) -> Option<String> {
    if app.sign_in.is_none() || viewer.signed_in().is_some() {
        return None;
    }
    let token = app.link_keys.sign(request.id, request.until).ok()?;
    Some(format!("/requests/{token}"))
}

/// Who answers: whoever is signed in, else whoever has the link.
fn who(viewer: &Viewer) -> Who {
    let person = viewer.signed_in().map(|it| it.person.clone());
    person.map_or(Who::Link, Who::SignedIn)
}

/// The page as whoever looks at it sees it, with what there is to say first.
fn shown(
    app: &App,
    id: RequestId,
    viewer: &Viewer,
    notice: Option<String>,
) -> Result<Response, HttpError> {
    let (now, who) = (app.clock.now(), &who(viewer));
    let asked = app.ledger.read(|state| state.requests.get(&id).cloned());
    let asked = asked.ok_or(LinkError::Over)?;
    let decided = asked.decision.as_ref().map(|decision| decision.at);
    let can = if asked.answer.is_some() {
        let became = became(app, &asked, now);
        Can::Answered(became, Afterwards::of(app, &asked, who))
    } else if !asked.open(now) {
        return Err(LinkError::Over.into());
    } else {
        let offer = Offer::of(app, &asked, who);
        if offer.refusal.is_none() || offer.may_deny {
            Can::Answer(offer)
        } else {
            Can::Look(offer)
        }
    };
    let warning = match &can {
        Can::Answered(..) => None,
        Can::Answer(_) | Can::Look(_) => warning(app, &asked.request),
    };
    let view = Page {
        warning,
        notice: notice.map(|text| wording::sentence(&text)),
        form_token: viewer.signed_in().map(|it| it.form_token.clone()),
        sign_in: sign_in(app, &asked.request, viewer),
        ..view(app, &asked, decided, can)
    };
    page::html(&view).map(IntoResponse::into_response)
}

/// What became of an answered request.
fn became(app: &App, asked: &Asked, now: Timestamp) -> Became {
    let request = &asked.request;
    let outcome = outcome(asked, forecast::held_by(app, &request.registry), now);
    let (registry, address) = (request.registry.name(), request.address.to_string());
    Became {
        title: outcome.title(),
        text: outcome.text(registry, &address),
        answer: reply::told(asked).unwrap_or_default(),
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

fn view(app: &App, asked: &Asked, decided: Option<Timestamp>, can: Can) -> Page {
    let (request, now) = (&asked.request, app.clock.now());
    Page {
        registry: request.registry.name().to_owned(),
        registry_id: request.registry.to_string(),
        address: request.address.to_string(),
        image: image(request),
        ttl: wording::duration(longest(app, request)),
        rule: request.rule.clone(),
        because: request.because.clone(),
        source: request.source.clone(),
        asked: decided.map(wording::time),
        until: wording::time(request.until),
        left: wording::duration(request.until.duration_since(now)),
        warning: None,
        notice: None,
        form_token: None,
        sign_in: None,
        guess: request.is_guess(),
        can,
    }
}

/// How long an opening would last.
fn longest(app: &App, request: &Request) -> SignedDuration {
    let longest = app.longest(request, &app.terms(request));
    SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX)
}

/// How long was asked for.
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

/// Takes the answer, or the order about what was opened, if it comes from the page that asked.
pub(in crate::http) async fn answer(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    viewer: Result<Viewer, HttpError>,
    token: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    sent: Result<Form<Sent>, FormRejection>,
) -> Response {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let answered = async {
        if !origin::own(&headers, &web.app.public_url) {
            return Err(HttpError::ForeignOrigin);
        }
        let id = known(&web.app, &token, &caller)?;
        let Form(sent) = sent.map_err(|_| HttpError::NoAnswer)?;
        take(&web.app, id, sent, &viewer?).await
    };
    answered.await.unwrap_or_else(|error| page::failed(&error))
}

/// Takes what was sent, and shows what came of it.
async fn take(
    app: &App,
    id: RequestId,
    sent: Sent,
    viewer: &Viewer,
) -> Result<Response, HttpError> {
    let who = who(viewer);
    if let Some(signed_in) = viewer.signed_in()
        && !signed_in.is_own_form(app, sent.form_token())
    {
        return Err(HttpError::ForeignOrigin);
    }
    let error: HttpError = match sent.read(who.clone())? {
        Asks::Answer(reply) => match respond::answer(app, id, &reply).await {
            Ok(_) => return shown(app, id, viewer, None),
            Err(error) if reply::is_shown_again(&error) => error.into(),
            Err(error) => return Err(error.into()),
        },
        Asks::Order(order, reason) => {
            let by = (&who, reason.as_deref());
            match afterwards::order(app, id, order, by).await {
                Ok(()) => return shown(app, id, viewer, None),
                Err(error) => error.into(),
            }
        }
    };
    let page = shown(app, id, viewer, Some(error.to_string()))?;
    Ok(error.with_page(page))
}
