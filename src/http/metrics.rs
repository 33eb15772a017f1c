//! `GET /metrics`, for Prometheus.

use super::Web;
use crate::flow::measure;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse;

const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// In the form that is asked for; Prometheus' own where none is.
pub(super) async fn show(State(web): State<Web>, headers: HeaderMap) -> impl IntoResponse {
    measure::take(&web.app).await;
    let accepted = headers.get_all(ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    let metrics = &web.app.metrics;
    if accepted.any(|value| value.contains("application/openmetrics-text")) {
        ([(CONTENT_TYPE, OPEN_METRICS)], metrics.open_metrics())
    } else {
        ([(CONTENT_TYPE, CLASSIC)], metrics.render())
    }
}
