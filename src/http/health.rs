//! Whether the process is up, and whether it can do its work.

use super::Web;
use crate::flow::{readiness, supervise};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

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

/// `GET /readyz`: 200, or 503 with what is missing.
pub(super) async fn ready(State(web): State<Web>) -> impl IntoResponse {
    let readiness = readiness::of(&web.app).await;
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}
