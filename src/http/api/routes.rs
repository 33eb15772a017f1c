//! `/api/v1`: what operators' commands ask of a running doorward. `GET` changes nothing; a `POST` is an
//! order, and stands in the ledger with who gave it, as they say.

use super::operator::Admitted;
use super::page::{Page, Paging};
use super::wire::{
    ClearVerdicts, Cleared, Extend, Extended, GrantView, Keep, PauseOrder, PauseView, Pauses,
    Refused, Revoke, Revoked, StoppedView,
};
use crate::flow::app::App;
use crate::flow::orders::{self, By, OrderError};
use crate::flow::view::states;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use doorward_core::state::{GrantRecord, State as Stands};
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

pub(in crate::http) type Body<T> = Result<Json<T>, JsonRejection>;
pub(in crate::http) type Answer<T> = Result<Json<T>, HttpError>;

/// Which registry is asked about.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Of {
    /// Only those of this registry: its resource id, name or login server.
    registry: Option<String>,
}

/// A grant as programs see it.
fn view(app: &App, standing: &GrantRecord) -> GrantView {
    let now = app.clock.now();
    GrantView::new(standing, states::grant(app, standing, now), now)
}

/// List the grants that have not ended, soonest end first.
#[utoipa::path(get, path = "/grants", tag = "grants", params(Of, Paging),
    responses((status = 200, body = Page<GrantView>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(of): Query<Of>,
    Query(paging): Query<Paging>,
) -> Answer<Page<GrantView>> {
    let app = &web.app;
    let registry = of.registry.map(|name| orders::registry(app, &name));
    let registry = registry.transpose()?;
    let standing = orders::standing(app, registry.as_ref());
    let views = standing.iter().map(|it| view(app, it)).collect();
    let key = |it: &GrantView| format!("{:020}{}", it.until.as_microsecond(), it.id);
    Ok(Json(paging.cut(views, key)?))
}

/// Show what is paused, and what has stopped by itself.
#[utoipa::path(get, path = "/pauses", tag = "pauses", responses((status = 200, body = Pauses)))]
pub(in crate::http) async fn pauses(State(web): State<Web>) -> Json<Pauses> {
    Json(Pauses {
        paused: paused(&web.app),
        stopped: stopped(&web.app),
    })
}

/// Show a grant.
#[utoipa::path(get, path = "/grants/{id}", tag = "grants",
    params(("id" = String, Path, description = "Its id, the beginning or end of it, or its address")),
    responses((status = 200, body = GrantView)))]
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(id): Path<String>,
) -> Answer<GrantView> {
    let standing = orders::find(&web.app, &id)?;
    Ok(Json(view(&web.app, &standing)))
}

/// End grants now. Each by itself: one that cannot be revoked holds up none.
#[utoipa::path(post, path = "/grants/revoke", tag = "grants", request_body = Revoke,
    responses((status = 200, body = Revoked)))]
pub(in crate::http) async fn revoke(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<Revoke>,
) -> Answer<Revoked> {
    let (app, order) = (&web.app, read(order)?);
    let by = admitted.by(&order.by, order.because.as_deref())?;
    let registry = order.registry.map(|name| orders::registry(app, &name));
    let registry = registry.transpose()?;
    if order.all != order.grants.is_empty() {
        let what = "name the grants, or say `all`, and not both";
        return Err(HttpError::BadOrder(what.to_owned()));
    }
    let mut done = Revoked {
        revoked: Vec::new(),
        refused: Vec::new(),
    };
    let names = if order.all {
        let now = app.clock.now();
        let standing = orders::standing(app, registry.as_ref());
        let in_force = standing.iter().filter(|standing| !standing.is_over(now));
        in_force
            .map(|standing| standing.grant.id.to_string())
            .collect()
    } else {
        order.grants
    };
    for name in names {
        match revoke_named(app, &name, &by).await {
            Ok(ended) => {
                let views = ended.iter().map(|standing| view(app, standing));
                done.revoked.extend(views);
            }
            Err(OrderError::Store(error)) => return Err(error.into()),
            Err(error) => done.refused.push(Refused {
                grant: name,
                error: error.to_string(),
            }),
        }
    }
    Ok(Json(done))
}

/// Revokes the grant of this id, or all that stand for this address, on whatever registry.
async fn revoke_named(app: &App, name: &str, by: &By) -> Result<Vec<GrantRecord>, OrderError> {
    if name.trim().parse::<IpAddr>().is_err() {
        let standing = orders::find(app, name)?;
        return Ok(vec![orders::revoke(app, standing.grant.id, by).await?]);
    }
    let now = app.clock.now();
    let mut found = orders::find_all(app, name)?;
    found.retain(|standing| !standing.is_over(now));
    if found.is_empty() {
        return Err(OrderError::Over);
    }
    let mut ended = Vec::new();
    for standing in found {
        ended.push(orders::revoke(app, standing.grant.id, by).await?);
    }
    Ok(ended)
}

/// Let the next denial of an address be decided anew; how many verdicts stood for it.
#[utoipa::path(post, path = "/verdicts/clear", tag = "denials", request_body = ClearVerdicts,
    responses((status = 200, body = Cleared)))]
pub(in crate::http) async fn clear_verdicts(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<ClearVerdicts>,
) -> Answer<Cleared> {
    let (app, order) = (&web.app, read(order)?);
    let by = admitted.by(&order.by, order.because.as_deref())?;
    let registry = order.registry.map(|name| orders::registry(app, &name));
    let cleared = orders::clear_verdicts(app, order.address, registry.transpose()?, &by).await?;
    Ok(Json(Cleared { cleared }))
}

/// Put a grant's end off, within `max_ttl` of its start.
#[utoipa::path(post, path = "/grants/{id}/extend", tag = "grants", request_body = Extend,
    params(("id" = String, Path, description = "Its id, the beginning or end of it, or its address")),
    responses((status = 200, body = Extended)))]
pub(in crate::http) async fn extend(
    State(web): State<Web>,
    admitted: Admitted,
    Path(id): Path<String>,
    order: Body<Extend>,
) -> Answer<Extended> {
    let (app, order) = (&web.app, read(order)?);
    let by = admitted.by(&order.by, order.because.as_deref())?;
    let grant = orders::find(app, &id)?.grant.id;
    let time = Duration::from_secs(order.seconds);
    let standing = orders::extend(app, grant, time, &by).await?;
    let now = app.clock.now();
    let wanted = clock::add(now, time);
    // A moment passes between the order and this: only an end at the limit was cut.
    let latest = clock::add(standing.since, app.max_ttl);
    let cut = standing.grant.until >= latest && latest < wanted;
    Ok(Json(Extended {
        grant: view(app, &standing),
        max_ttl_seconds: cut.then(|| app.max_ttl.as_secs()),
    }))
}

/// Hand a grant's entry over to people: it stays.
#[utoipa::path(post, path = "/grants/{id}/keep", tag = "grants", request_body = Keep,
    params(("id" = String, Path, description = "Its id, the beginning or end of it, or its address")),
    responses((status = 200, body = GrantView)))]
pub(in crate::http) async fn keep(
    State(web): State<Web>,
    admitted: Admitted,
    Path(id): Path<String>,
    order: Body<Keep>,
) -> Answer<GrantView> {
    let (app, order) = (&web.app, read(order)?);
    let by = admitted.by(&order.by, order.because.as_deref())?;
    let grant = orders::find(app, &id)?.grant.id;
    let standing = orders::keep(app, grant, &by).await?;
    Ok(Json(view(app, &standing)))
}

/// Open nothing more; what is paused then.
#[utoipa::path(post, path = "/pause", tag = "pauses", request_body = PauseOrder,
    responses((status = 200, body = Vec<PauseView>)))]
pub(in crate::http) async fn pause(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<PauseOrder>,
) -> Answer<Vec<PauseView>> {
    let (app, order) = (&web.app, read(order)?);
    let by = admitted.by(&order.by, order.because.as_deref())?;
    let registry = order.registry.map(|name| orders::registry(app, &name));
    orders::pause(app, registry.transpose()?, order.until, &by).await?;
    Ok(Json(paused(app)))
}

/// Let opening go on; what is paused still.
#[utoipa::path(post, path = "/resume", tag = "pauses", request_body = PauseOrder,
    responses((status = 200, body = Vec<PauseView>)))]
pub(in crate::http) async fn resume(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<PauseOrder>,
) -> Answer<Vec<PauseView>> {
    let (app, order) = (&web.app, read(order)?);
    let by = admitted.by(&order.by, order.because.as_deref())?;
    let registry = order.registry.map(|name| orders::registry(app, &name));
    orders::resume(app, registry.transpose()?, &by).await?;
    Ok(Json(paused(app)))
}

/// The order, or what is wrong with it.
pub(in crate::http) fn read<T>(order: Body<T>) -> Result<T, HttpError> {
    let Json(order) = order.map_err(|error| match error {
        JsonRejection::MissingJsonContentType(_) => HttpError::NotACommand,
        error => HttpError::BadOrder(error.body_text()),
    })?;
    Ok(order)
}

/// What is paused.
pub(in crate::http) fn paused(app: &App) -> Vec<PauseView> {
    app.ledger.read(|state| {
        let all = state.pauses.all();
        let all = all.map(|pause| PauseView::new(None, pause));
        let each = state.pauses.registries();
        let each = each.map(|(id, pause)| PauseView::new(Some(id.name()), pause));
        all.into_iter().chain(each).collect()
    })
}

/// What has stopped by itself.
fn stopped(app: &App) -> Vec<StoppedView> {
    let now = app.clock.now();
    let views = |state: &Stands| {
        let throttled = app.registries.keys().filter_map(|id| {
            let throttle = state.throttled(id, now)?;
            Some(StoppedView::throttled(id, throttle))
        });
        let stopped = state.stopped().map(StoppedView::networks_lost);
        stopped.chain(throttled).collect()
    };
    app.ledger.read(views)
}
