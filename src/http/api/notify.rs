//! `/api/v1/notify`: what operators' commands ask and order about channels.

use super::operator::Admitted;
use super::routes::{Answer, Body, read};
use super::wire::{Notifications, Resend, Resent, Tested, TryChannel};
use crate::flow::notify::channels;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::State;

/// `GET /api/v1/notify`.
pub(in crate::http) async fn list(State(web): State<Web>) -> Json<Notifications> {
    Json(Notifications {
        channels: channels::health(&web.app),
        undelivered: channels::dead(&web.app),
    })
}

/// `POST /api/v1/notify/test`.
pub(in crate::http) async fn test(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<TryChannel>,
) -> Answer<Tested> {
    let order = read(order)?;
    admitted.by(&order.by, None)?;
    let tried = channels::test(&web.app, &order.channel).await;
    let tried = tried.map_err(HttpError::from)?;
    let taken = tried.is_ok();
    Ok(Json(Tested {
        channel: order.channel,
        taken,
        detail: tried.unwrap_or_else(|why| why),
    }))
}

/// `POST /api/v1/notify/resend`.
pub(in crate::http) async fn resend(
    State(web): State<Web>,
    admitted: Admitted,
    order: Body<Resend>,
) -> Answer<Resent> {
    let order = read(order)?;
    let by = admitted.by(&order.by, None)?;
    let channels = channels::resend(&web.app, &order.id, &by).await;
    Ok(Json(Resent {
        channels: channels.map_err(HttpError::from)?,
    }))
}
