//! `/api/v1/sets`: what operators' commands ask and order about address sets.

use super::operator::Admitted;
use super::routes::{Answer, Body, read};
use super::wire::Confirm;
use crate::flow::sets::{self, Confirmed, Listed};
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::State;

/// `GET /api/v1/sets`.
pub(in crate::http) async fn list(State(web): State<Web>) -> Json<Vec<Listed>> {
    Json(sets::list(&web.app))
}

/// `POST /api/v1/sets/confirm`.
pub(in crate::http) async fn confirm(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<Confirm>,
) -> Answer<Confirmed> {
    let order = read(order)?;
    let by = admitted.by(&order.by, None)?;
    let confirmed = sets::confirm(&web.app, &order.name, &order.hash, &by).await;
    Ok(Json(confirmed.map_err(HttpError::from)?))
}
