//! `GET /sets` tells operators of the address sets; `POST /sets/confirm` confirms what one may become.

use super::{HttpError, Web, origin};
use crate::flow::sets::{self, Confirmed, Listed};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

/// What is confirmed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The set's name.
    pub name: String,
    /// The hash of what it may become, or the first digits of it.
    pub hash: String,
}

/// `GET /sets`.
pub(super) async fn list(State(web): State<Web>) -> Json<Vec<Listed>> {
    Json(sets::list(&web.app))
}

/// `POST /sets/confirm`, of a program or of a page from here. JSON is what keeps pages of other sites
/// away: no form can send it, and a script must ask first, which nobody answers.
pub(super) async fn confirm(
    State(web): State<Web>,
    headers: HeaderMap,
    body: Result<Json<Confirm>, JsonRejection>,
) -> Result<Json<Confirmed>, HttpError> {
    if !origin::own_or_none(&headers) {
        return Err(HttpError::ForeignCommand);
    }
    let Json(Confirm { name, hash }) = body.map_err(|_| HttpError::NoCommand)?;
    Ok(Json(sets::confirm(&web.app, &name, &hash).await?))
}
