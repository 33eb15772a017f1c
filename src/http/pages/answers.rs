//! `GET /requests/{token}` shows what a person is asked; `POST` answers it, once.

use super::prose::Prose;
use super::reply;
use super::reply::{Afterwards, Asks, Offer, Sent};
use super::request_view::{Became, RequestView};
use super::{assets, page};
use crate::flow::app::App;
use crate::flow::decide::forecast;
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
use doorward_core::messages::wording;
use jiff::SignedDuration;

/// The request as its page shows it.
#[derive(Template)]
#[template(path = "request.html")]
struct Page {
    it: RequestView,
    /// What came of what they sent, where it was not taken.
    notice: Option<Prose>,
    /// Who is signed in.
    viewer: Option<String>,
    /// Where to sign in, where a link is not enough.
    sign_in: Option<String>,
    can: Can,
    /// How far below the root the page is.
    depth: usize,
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
        shown(&web.app, id, &who(&viewer?), None)
    };
    shown.await.unwrap_or_else(|error| page::failed(&error))
}

/// Who answers: a person who is signed in, else whoever has the link. A form comes from our own page only,
/// since it carries its origin.
fn who(viewer: &Viewer) -> Who {
    let signed_in = viewer.signed_in();
    signed_in.map_or(Who::Link, |it| Who::SignedIn(it.person.clone()))
}

/// Where to sign in to answer a request that `who` cannot answer.
fn sign_in_for(app: &App, request: &Request, who: &Who) -> Option<String> {
    app.sign_in.as_ref().filter(|_| *who == Who::Link)?;
    let link = app.link_to(request).ok()?;
    link.strip_prefix(&app.public_url).map(str::to_owned)
}

/// The request that a link names; whoever has a good one is known.
fn known(app: &App, token: &str, caller: &Caller) -> Result<RequestId, HttpError> {
    let id = app.link_keys.verify(token, app.clock.now())?;
    caller.prove(false);
    Ok(id)
}

/// The page as `who` sees it, with what there is to say first.
fn shown(
    app: &App,
    id: RequestId,
    who: &Who,
    notice: Option<String>,
) -> Result<Response, HttpError> {
    let now = app.clock.now();
    let asked = app.ledger.read(|state| state.requests.get(&id).cloned());
    let asked = asked.ok_or(LinkError::Over)?;
    let can = if asked.answer.is_some() {
        let became = Became::of(app, &asked, now);
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
    let sign_in = match &can {
        Can::Look(_) => sign_in_for(app, &asked.request, who),
        Can::Answer(_) | Can::Answered(..) => None,
    };
    let page = Page {
        it: RequestView::of(app, &asked, now),
        notice: notice.map(|text| Prose::new(wording::sentence(&text))),
        viewer: who.person().map(|person| person.name.clone()),
        sign_in,
        can,
        depth: 1,
    };
    page::html(&page).map(IntoResponse::into_response)
}

/// How long an opening would last.
pub(in crate::http) fn longest(app: &App, request: &Request) -> SignedDuration {
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
#[expect(clippy::too_many_arguments, reason = "extractors")]
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
        take(&web.app, id, sent, who(&viewer?)).await
    };
    answered.await.unwrap_or_else(|error| page::failed(&error))
}

/// Takes what was sent, and shows what came of it.
async fn take(app: &App, id: RequestId, sent: Sent, who: Who) -> Result<Response, HttpError> {
    let error: HttpError = match sent.read(who.clone())? {
        Asks::Answer(reply) => match respond::answer(app, id, &reply).await {
            Ok(_) => return shown(app, id, &who, None),
            Err(error) if reply::is_shown_again(&error) => error.into(),
            Err(error) => return Err(error.into()),
        },
        Asks::Order(order, reason) => {
            let by = (&who, reason.as_deref());
            match afterwards::order(app, id, order, by).await {
                Ok(()) => return shown(app, id, &who, None),
                Err(error) => error.into(),
            }
        }
    };
    let page = shown(app, id, &who, Some(error.to_string()))?;
    Ok(error.with_page(page))
}
