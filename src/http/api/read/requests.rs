//! `/api/v1/requests`: what people are asked, and what they answered.

use super::super::page::{Page, Paging};
use super::super::routes::Answer;
use super::{latest_first, sortable};
use crate::flow::orders;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::{Path, Query, State};
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request;
use doorward_core::state::Asked;
use doorward_core::states::RequestState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RequestView {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: RequestId,
    /// Whether it waits for an answer, has one, or can be answered no more.
    #[schema(schema_with = crate::flow::view::states::words::request)]
    pub(crate) state: RequestState,
    /// The registry's name.
    pub(crate) registry: String,
    /// The registry's resource id.
    pub(crate) registry_id: String,
    /// Whether which registry would open is a guess.
    pub(crate) is_guess: bool,
    /// For whom.
    pub(crate) address: String,
    /// What was asked for, in the caller's own words.
    pub(crate) repository: Option<String>,
    /// Its tag or digest, likewise.
    pub(crate) reference: Option<String>,
    /// How long it would open, in seconds.
    pub(crate) ttl_seconds: u64,
    /// When it was asked, where that is still known.
    pub(crate) since: Option<Timestamp>,
    /// Until when it can be answered.
    pub(crate) until: Timestamp,
    /// The source of the denial.
    pub(crate) source: String,
    /// The policy's rule; none where its default asks.
    pub(crate) rule: Option<String>,
    /// Why the rule asks.
    pub(crate) because: Option<String>,
    /// The denial.
    pub(crate) denial: String,
    /// What a person said.
    pub(crate) answer: Option<AnswerView>,
}

/// A person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AnswerView {
    /// What they said.
    pub(crate) answer: Said,
    /// When.
    pub(crate) at: Timestamp,
    /// Who, or by which way it came.
    pub(crate) by: Option<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// It was opened.
    Approved,
    /// It was not.
    Denied,
}

impl From<request::Answer> for Said {
    fn from(answer: request::Answer) -> Self {
        match answer {
            request::Answer::Allow => Self::Approved,
            request::Answer::Deny => Self::Denied,
        }
    }
}

/// Which requests.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Which {
    /// Only those of this registry: its resource id, name or login server.
    registry: Option<String>,
    /// Only those in this state.
    #[param(schema_with = crate::flow::view::states::words::request)]
    state: Option<RequestState>,
}

impl RequestView {
    pub(in crate::http) fn new(asked: &Asked, now: Timestamp) -> Self {
        let request = &asked.request;
        let answer = asked.answer.map(|(at, answer)| AnswerView {
            answer: answer.into(),
            at,
            by: asked.by.as_ref().map(Actor::in_words),
        });
        Self {
            id: request.id,
            state: RequestState::of(asked, now),
            registry: request.registry.name().to_owned(),
            registry_id: request.registry.to_string(),
            is_guess: request.is_guess(),
            address: request.address.to_string(),
            repository: request.repository.clone(),
            reference: request.reference.clone(),
            ttl_seconds: request.ttl_seconds,
            since: asked.decision.as_ref().map(|decision| decision.at),
            until: request.until,
            source: request.source.clone(),
            rule: request.rule.clone(),
            because: request.because.clone(),
            denial: request.denial.to_string(),
            answer,
        }
    }

    /// Those that wait come first, the one that lapses first before the others; then the rest, newest first.
    fn key(&self) -> String {
        match self.state {
            RequestState::Waiting => format!("0{}{}", sortable(self.until), self.id),
            RequestState::Answered | RequestState::Lapsed => {
                format!("1{}{}", latest_first(self.until), self.id)
            }
        }
    }
}

/// List requests: those that wait, soonest end first, then those of the last days.
#[utoipa::path(get, path = "/requests", tag = "requests", params(Which, Paging),
    responses((status = 200, body = Page<RequestView>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(which): Query<Which>,
    Query(paging): Query<Paging>,
) -> Answer<Page<RequestView>> {
    let app = &web.app;
    let registry = which.registry.map(|name| orders::registry(app, &name));
    let registry = registry.transpose()?;
    let now = app.clock.now();
    let mut found: Vec<RequestView> = app.ledger.read(|state| {
        let all = state.requests.values();
        let of = all.filter(|it| {
            registry
                .as_ref()
                .is_none_or(|id| it.request.registry == *id)
        });
        of.map(|asked| RequestView::new(asked, now)).collect()
    });
    found.retain(|it| which.state.is_none_or(|state| it.state == state));
    found.sort_by_cached_key(RequestView::key);
    Ok(Json(paging.cut(found, RequestView::key)?))
}

/// Show a request.
#[utoipa::path(get, path = "/requests/{id}", tag = "requests",
    params(("id" = String, Path, description = "Its id, or the beginning or end of it")),
    responses((status = 200, body = RequestView)))]
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(id): Path<String>,
) -> Answer<RequestView> {
    let found = find(&web, &id)?;
    Ok(Json(found))
}

/// The one request that `name` means: by its id, the beginning or end of it, or the address that it is for: the one
/// that waits, else the latest.
pub(in crate::http) fn find(web: &Web, name: &str) -> Result<RequestView, HttpError> {
    let now = web.app.clock.now();
    meant(web, name).map(|asked| RequestView::new(&asked, now))
}

/// The same as it stands.
pub(in crate::http) fn meant(web: &Web, name: &str) -> Result<Asked, HttpError> {
    let wanted = name.trim().to_ascii_lowercase();
    let now = web.app.clock.now();
    if wanted.len() < 4 {
        let what = "give at least 4 characters of the request's id";
        return Err(HttpError::BadOrder(what.to_owned()));
    }
    let mut found: Vec<Asked> = web.app.ledger.read(|state| {
        let of = |asked: &&Asked| asked.request.address.to_string() == wanted;
        let fits = |asked: &&Asked| {
            let id = asked.request.id.to_string();
            let address = of(asked) && asked.open(now);
            id.starts_with(&wanted) || id.ends_with(&wanted) || address
        };
        let found: Vec<Asked> = state.requests.values().filter(fits).cloned().collect();
        if !found.is_empty() {
            return found;
        }
        let over = state.requests.values().filter(of);
        let latest = over.max_by_key(|asked| asked.request.until);
        latest.cloned().into_iter().collect()
    });
    match (found.pop(), found.len()) {
        (None, _) => Err(HttpError::NoSuch {
            what: "request",
            list: "doorward requests list",
        }),
        (Some(one), 0) => Ok(one),
        (Some(_), _) => Err(HttpError::Several { what: "request" }),
    }
}
