//! `/api/v1/feeds`: what operators ask about feeds.

use crate::flow::feeds::{self, FeedView};
use crate::http::Web;
use axum::Json;
use axum::extract::State;

/// `GET /api/v1/feeds`.
pub(in crate::http) async fn list(State(web): State<Web>) -> Json<Vec<FeedView>> {
    Json(feeds::list(&web.app))
}
