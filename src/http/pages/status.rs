//! `GET /status/{registry}`: how the caller's own address stands with a registry.

use super::page;
use super::prose::Prose;
use crate::flow::view::caller_status::{self, CallerState, CallerStatus};
use crate::http::auth::peer_of;
use crate::http::pages::assets;
use crate::http::{HttpError, Web};
use askama::Template;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use doorward_core::messages::wording;
use serde::Serialize;
use std::net::IpAddr;

/// The longest name of a registry or host that is looked for.
const LONGEST_NAME: usize = 253;

/// When a program should ask again while something is under way, in seconds.
const AGAIN: HeaderValue = HeaderValue::from_static("15");

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    registry: String,
    address: String,
    title: &'static str,
    tone: &'static str,
    text: Prose,
    since: Option<Prose>,
    until: Option<Prose>,
    asked: String,
    help: Vec<(Prose, Option<String>)>,
    /// In how many seconds the page looks again.
    again: u32,
    depth: usize,
}

#[derive(Serialize)]
struct Told<'a> {
    registry: &'a str,
    address: IpAddr,
    #[serde(flatten)]
    status: &'a CallerStatus,
}

/// Shows it as a page, or as JSON to whoever accepts that rather.
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(registry): Path<String>,
    request: Request,
) -> Response {
    let peer = peer_of(&web.app, request.headers(), request.extensions());
    let (true, Some(address)) = (registry.len() <= LONGEST_NAME, peer) else {
        return page::failed(&HttpError::NotFound);
    };
    let address = address.to_canonical();
    let status = caller_status::of(&web.app, &registry, address);
    let mut response = if wants_json(request.headers()) {
        let told = Told {
            registry: &registry,
            address,
            status: &status,
        };
        Json(told).into_response()
    } else {
        let page = page_of(&registry, address, &status);
        page::html(&page).map_or_else(IntoResponse::into_response, IntoResponse::into_response)
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept"));
    if status.is_moving() {
        headers.insert(RETRY_AFTER, AGAIN);
    }
    response
}

/// Whether JSON is named before HTML, as programs do; browsers name HTML.
fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let accept = accept.unwrap_or_default();
    match (accept.find("application/json"), accept.find("text/html")) {
        (Some(json), Some(html)) => json < html,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn page_of(registry: &str, address: IpAddr, status: &CallerStatus) -> Page {
    let (title, tone) = match status.state {
        CallerState::Unknown => ("Not known", "wait"),
        CallerState::Waiting => ("Waiting for an answer", "wait"),
        CallerState::Opening => ("Allowed: adding rule…", "wait"),
        CallerState::Granted => ("Let in", "good"),
        CallerState::Refused => ("Not let in", "bad"),
        CallerState::NotPossible => ("Not possible", "bad"),
        CallerState::Over => ("Over", "wait"),
    };
    let help = status.help.iter();
    Page {
        registry: wording::quoted(registry),
        address: address.to_string(),
        title,
        tone,
        text: Prose::new(status.text.clone()),
        since: status.since.map(Prose::time),
        until: status.until.map(Prose::time),
        asked: status.asked.join(", "),
        help: help
            .map(|it| (Prose::new(it.text.clone()), it.link.clone()))
            .collect(),
        again: if status.is_moving() { 15 } else { 0 },
        depth: 1,
    }
}
