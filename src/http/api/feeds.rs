//! `/api/v1/feeds`: what operators ask about feeds.

use super::page::{Page, Paging};
use super::routes::Answer;
use crate::flow::feeds::{self, FeedView};
use crate::http::Web;
use axum::Json;
use axum::extract::{Query, State};

/// List the parts of feeds, each of one source and one registry, queue or container.
#[utoipa::path(get, path = "/feeds", tag = "sources", params(Paging),
    responses((status = 200, body = Page<FeedView>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(paging): Query<Paging>,
) -> Answer<Page<FeedView>> {
    let key = |it: &FeedView| format!("{} {}", it.source, it.partition);
    let mut all = feeds::list(&web.app);
    all.sort_by_cached_key(key);
    Ok(Json(paging.cut(all, key)?))
}
