//! Requests: those that wait, those that are over, and the page of each.

use super::overview::missing;
use super::view::{Cell, Section, State as Badge};
use super::{framed, path, shown, story};
use crate::flow::app::App;
use crate::flow::decide::forecast;
use crate::http::pages::answers::{image, ttl};
use crate::http::pages::prose::Prose;
use crate::http::{HttpError, Web};
use axum::extract::{Path, State};
use axum::response::Response;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::id::{DenialId, RequestId};
use doorward_core::messages::outcome::outcome;
use doorward_core::messages::wording;
use doorward_core::state::Asked;
use doorward_core::states::RequestState;
use jiff::Timestamp;
use std::cmp::Reverse;

/// How many answered requests the list shows.
const ANSWERED: usize = 25;

/// `GET /requests`.
pub(in crate::http) async fn all(State(web): State<Web>) -> Response {
    let (app, now) = (&web.app, web.app.clock.now());
    let mut view = framed(app, "Requests", 0);
    let mut every: Vec<Asked> = app
        .ledger
        .read(|state| state.requests.values().cloned().collect());
    every.sort_by_key(|it| it.request.until);
    let waiting: Vec<&Asked> = every.iter().filter(|it| it.open(now)).collect();
    let rows = waiting.iter().map(|it| waiting_row(app, it, now)).collect();
    let mut open = Section::new("waiting", "Waiting", "No open requests.").table(
        "Requests that wait for a response, soonest end first",
        &[
            "Address",
            "Registry",
            "Image",
            "Requested duration",
            "Expires in",
        ],
        rows,
    );
    open.count = Some(waiting.len());
    let mut over: Vec<&Asked> = every.iter().filter(|it| !it.open(now)).collect();
    over.sort_by_key(|it| Reverse(it.answer.map_or(it.request.until, |(at, _)| at)));
    let rows = over.iter().take(ANSWERED).map(|it| over_row(app, it, now));
    let closed = Section::new(
        "answered",
        "Answered requests",
        "No request was answered lately.",
    )
    .table(
        "Requests that were answered or have lapsed, newest first",
        &["Address", "Registry", "Outcome", "Response"],
        rows.collect(),
    );
    view.sections = vec![open, closed];
    view.commands = vec!["doorward ledger show --kind requested".to_owned()];
    shown(Ok(view))
}

/// The address of a request, with how the request is.
fn name(it: &Asked, now: Timestamp) -> Cell {
    let state = RequestState::of(it, now);
    let link = format!("requests/{}", it.request.id);
    Cell::link(it.request.address.to_string(), link).state(state.name(), state.tone())
}

/// The registry that would open, marked where it is a guess.
fn registry(it: &Asked) -> Cell {
    let name = it.request.registry.name();
    let cell = Cell::link(name, path("registries", name));
    if it.request.is_guess() {
        cell.small("a guess")
    } else {
        cell
    }
}

/// How often a denial has come again; empty if it has not.
pub(super) fn again(app: &App, denial: DenialId) -> String {
    match app.ledger.read(|state| state.times_repeated(denial)) {
        0 => String::new(),
        1 => "refused 1 more time".to_owned(),
        times => format!("refused {times} more times"),
    }
}

fn waiting_row(app: &App, it: &Asked, now: Timestamp) -> Vec<Cell> {
    let request = &it.request;
    let again = again(app, request.denial);
    let wanted = image(request).unwrap_or_else(|| "not reported".to_owned());
    vec![
        name(it, now).small(again),
        registry(it),
        Cell::text(wanted),
        Cell::text(wording::duration(ttl(request))),
        Cell::text(wording::duration(request.until.duration_since(now))),
    ]
}

fn over_row(app: &App, it: &Asked, now: Timestamp) -> Vec<Cell> {
    let (title, text) = became(app, it, now);
    vec![
        name(it, now),
        registry(it),
        Cell::text(title).small(text),
        Cell::text(answered(it)),
    ]
}

/// What became of a request.
fn became(app: &App, it: &Asked, now: Timestamp) -> (String, String) {
    let request = &it.request;
    let outcome = outcome(it, forecast::held_by(app, &request.registry), now);
    let address = request.address.to_string();
    (
        outcome.title(),
        outcome.text(request.registry.name(), &address),
    )
}

/// Who answered what, and when.
fn answered(it: &Asked) -> String {
    let Some((at, answer)) = it.answer else {
        return "No one".to_owned();
    };
    let by = it.by.as_ref().map(Actor::in_words).unwrap_or_default();
    let said = match answer {
        doorward_core::ledger::request::Answer::Allow => "Approved",
        doorward_core::ledger::request::Answer::Deny => "Denied",
    };
    format!("{said} by {by} at {}", wording::time(at))
}

/// `GET /requests/{id}`.
pub(in crate::http) async fn one(State(web): State<Web>, Path(id): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let id: RequestId = id.parse().map_err(|_| missing())?;
        let now = app.clock.now();
        let known = app.ledger.read(|state| state.requests.get(&id).cloned());
        let found = story::found(app, vec![story::whole(&id)]).await?;
        if known.is_none() && found.entries.is_empty() {
            return Err(missing());
        }
        let title = known.as_ref().map_or_else(
            || "Request".to_owned(),
            |it| {
                format!(
                    "{} asks for {}",
                    it.request.address,
                    it.request.registry.name()
                )
            },
        );
        let mut view = framed(app, title, 1);
        if let Some(it) = &known {
            let state = RequestState::of(it, now);
            view.state = Some(Badge::new(state.name(), state.tone()));
            let (title, text) = became(app, it, now);
            view.lead = Prose::new(format!("{title}: {text}"));
            view.facts = request_facts(it);
        }
        view.sections = vec![story::section(&found, None)];
        view.commands = vec![format!("doorward ledger show --about {id}")];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}

fn request_facts(it: &Asked) -> Vec<(&'static str, Cell)> {
    let request = &it.request;
    let address = request.address.to_string();
    let rule = match &request.rule {
        Some(rule) => Cell::link(rule.as_str(), path("rules", rule))
            .small(request.because.clone().unwrap_or_default()),
        None => Cell::text("No policy rule matched"),
    };
    vec![
        (
            "Address",
            Cell::link(address.as_str(), path("addresses", &address)),
        ),
        ("Registry", registry(it)),
        (
            "Image",
            Cell::text(image(request).unwrap_or_else(|| "not reported".to_owned()))
                .small("The caller chose this text (unverified)."),
        ),
        (
            "Requested duration",
            Cell::text(wording::duration(ttl(request))),
        ),
        ("Expires", Cell::text(wording::time(request.until))),
        ("Rule", rule),
        (
            "Reported by",
            Cell::link(request.source.as_str(), path("sources", &request.source)),
        ),
        (
            "Denial",
            Cell::link(
                request.denial.to_string(),
                format!("denials/{}", request.denial),
            ),
        ),
        ("Response", Cell::text(answered(it))),
    ]
}
