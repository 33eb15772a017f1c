//! Whether the process is up, and whether it can do its work.

use super::Web;
use crate::app::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

/// `GET /healthz`: the process answers. Nothing that a restart would not mend is looked at.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    missing: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<&'static str>,
}

/// `GET /readyz`: 200, or 503 with what is missing.
pub(super) async fn ready(State(web): State<Web>) -> impl IntoResponse {
    let missing = missing(&web.app).await;
    let status = if missing.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let ready = missing.is_empty();
    let degraded = degraded(&web.app);
    (
        status,
        Json(Readiness {
            ready,
            missing,
            degraded,
        }),
    )
}

/// What somebody should mend while `app` does its work. Why is in the log.
fn degraded(app: &App) -> Vec<&'static str> {
    let refused = crate::flow::policy::is_refused(app);
    let told = "the policy files cannot be used; the last good policy is in force";
    let candidate = crate::flow::shadow::is_refused(app)
        .then_some("the candidate policy's files cannot be used; its last good version is asked");
    refused
        .then_some(told)
        .into_iter()
        .chain(candidate)
        .collect()
}

/// What stands between `app` and its work. Why is in the log.
async fn missing(app: &App) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if let Err(error) = app.ledger.ping().await {
        tracing::error!(%error, "the ledger does not answer");
        missing.push("the ledger's database does not answer");
    }
    missing
}
