//! `/api/v1/sets`: what operators' commands ask and order about address sets.

use super::operator::Admitted;
use super::page::{Page, Paging};
use super::routes::{Answer, Body, read};
use super::wire::Confirm;
use crate::flow::sets::{self, Confirmed, Listed};
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::{Path, Query, State};

/// List the address sets, by name.
#[utoipa::path(get, path = "/sets", tag = "sets", params(Paging),
    responses((status = 200, body = Page<Listed>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(paging): Query<Paging>,
) -> Answer<Page<Listed>> {
    let key = |it: &Listed| format!("{} {}", it.name, it.from);
    let mut all = sets::list(&web.app);
    all.sort_by_cached_key(key);
    Ok(Json(paging.cut(all, key)?))
}

/// Show an address set.
#[utoipa::path(get, path = "/sets/{name}", tag = "sets",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = Listed)))]
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(name): Path<String>,
) -> Answer<Listed> {
    let found = sets::list(&web.app).into_iter().find(|it| it.name == name);
    found.map(Json).ok_or(HttpError::NoSuch {
        what: "set",
        list: "doorward sets list",
    })
}

/// Confirm what a set may become.
#[utoipa::path(post, path = "/sets/confirm", tag = "sets", request_body = Confirm,
    responses((status = 200, body = Confirmed)))]
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
