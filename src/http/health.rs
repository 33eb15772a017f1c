//! Whether the process is up, and whether it can do its work.

use super::Web;
use crate::flow::notify::channels::{self, ChannelState};
use crate::flow::supervise;
use crate::flow::view::readiness;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use doorward_core::state::readiness::Readiness;
use jiff::Timestamp;
use serde::Serialize;

/// `GET /healthz`: the process answers, and its loops go on; else 503 with those that hang. Nothing that a
/// restart would not mend is looked at.
pub(super) async fn alive(State(web): State<Web>) -> (StatusCode, String) {
    let stuck = supervise::stuck(&web.app);
    if stuck.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let stuck = format!("stuck: {}\n", stuck.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, stuck)
}

/// What `/readyz` says. Anybody may read it: what receivers answered is not in it.
#[derive(Serialize)]
struct Ready {
    #[serde(flatten)]
    readiness: Readiness,
    channels: Vec<ChannelReady>,
}

/// How a channel fares.
#[derive(Serialize)]
struct ChannelReady {
    name: String,
    state: ChannelState,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

/// `GET /readyz`: 200, or 503 with what is missing.
pub(super) async fn ready(State(web): State<Web>) -> impl IntoResponse {
    let readiness = readiness::of(&web.app).await;
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let channels = channels::health(&web.app).into_iter();
    let channels = channels.map(|it| ChannelReady {
        name: it.name,
        state: it.state,
        since: it.since,
    });
    let channels = channels.collect();
    let ready = Ready {
        readiness,
        channels,
    };
    (status, Json(ready))
}
