//! `/api/v1/notify`: what operators' commands ask and order about channels.

use super::operator::Admitted;
use super::routes::{Answer, Body, read};
use super::wire::{Notifications, Resend, Resent, Tested, TryChannel};
use crate::flow::notify::channels;
use crate::http::{HttpError, Web};
use axum::Json;
use axum::extract::State;

/// Show how channels fare, and what they never took.
#[utoipa::path(get, path = "/notify", tag = "messages", responses((status = 200, body = Notifications)))]
pub(in crate::http) async fn list(State(web): State<Web>) -> Json<Notifications> {
    Json(Notifications {
        channels: channels::health(&web.app),
        undelivered: channels::dead(&web.app),
    })
}

/// Send a test message to a channel now.
#[utoipa::path(post, path = "/notify/test", tag = "messages", request_body = TryChannel,
    responses((status = 200, body = Tested)))]
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

/// Send a message again that was never delivered.
#[utoipa::path(post, path = "/notify/resend", tag = "messages", request_body = Resend,
    responses((status = 200, body = Resent)))]
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
