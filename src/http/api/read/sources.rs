//! `/api/v1/sources`: who may report denials.

use super::super::page::{Page, Paging};
use super::super::routes::Answer;
use crate::auth::SenderAuth;
use crate::flow::app::{App, Source};
use crate::flow::feeds;
use crate::flow::view::states;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::{Path, Query, State};
use doorward_core::states::SourceState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A configured source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceView {
    /// Its name.
    pub(crate) name: String,
    /// How it is.
    #[schema(schema_with = states::words::source)]
    pub(crate) state: SourceState,
    /// When it was last heard.
    pub(crate) heard_at: Option<Timestamp>,
    /// How its sender proves itself, or `feed`.
    pub(crate) kind: String,
    /// The hosts of registries that it may name; empty for all that are enrolled.
    pub(crate) registries: Vec<String>,
    /// Whether its status-403 rows count as denials.
    pub(crate) trust_status_403: bool,
    /// How many deliveries a second it may make.
    pub(crate) rate_per_second: u32,
    /// How large a body it may send, in bytes.
    pub(crate) max_body_bytes: usize,
    /// Of a feed: how each part of it fares. `/feeds` has the rest.
    pub(crate) feed: Vec<FeedPart>,
}

/// A part of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FeedPart {
    /// The name of the registry, queue or container.
    pub(crate) partition: String,
    /// How it fares, by a stable name.
    pub(crate) state: String,
    /// Whether it cannot be relied on.
    pub(crate) failing: bool,
}

impl SourceView {
    fn new(app: &App, source: &Source) -> Self {
        let facts = states::source_facts(app, source);
        let parts = feeds::list(app).into_iter();
        let parts = parts.filter(|part| part.source == source.name);
        Self {
            name: source.name.clone(),
            state: SourceState::of(&facts, app.clock.now()),
            heard_at: facts.heard,
            kind: match &source.auth {
                SenderAuth::SharedKey { .. } => "shared_key",
                SenderAuth::Bearer(_) => "token",
                SenderAuth::Signature(_) => "signature",
                SenderAuth::Feed(_) => "feed",
            }
            .to_owned(),
            registries: source.scope.registries.clone(),
            trust_status_403: source.trust_status_403,
            rate_per_second: source.per_second.get(),
            max_body_bytes: source.max_body,
            feed: parts
                .map(|part| FeedPart {
                    partition: part.partition,
                    state: part.state,
                    failing: part.failing,
                })
                .collect(),
        }
    }
}

/// List the sources, by name.
#[utoipa::path(get, path = "/sources", tag = "sources", params(Paging),
    responses((status = 200, body = Page<SourceView>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(paging): Query<Paging>,
) -> Answer<Page<SourceView>> {
    let all = web.app.sources.values();
    let all = all
        .map(|source| SourceView::new(&web.app, source))
        .collect();
    Ok(Json(paging.cut(all, |it: &SourceView| it.name.clone())?))
}

/// Show a source.
#[utoipa::path(get, path = "/sources/{name}", tag = "sources",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = SourceView)))]
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Answer<SourceView> {
    let none = HttpError::NoSuch {
        what: "source",
        list: "doorward get sources",
    };
    let found = web.app.sources.get(&name).ok_or(none)?;
    Ok(Json(SourceView::new(&web.app, found)))
}
