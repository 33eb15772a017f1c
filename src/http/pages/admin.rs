//! `GET /metrics`, for Prometheus.

use crate::flow::notify::channels::{self, ChannelState};
use crate::http::Web;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// `GET /metrics`.
pub(in crate::http) async fn metrics(State(web): State<Web>) -> impl IntoResponse {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    let health = &web.app.metrics.health;
    for channel in channels::health(&web.app) {
        let states = ChannelState::ALL.into_iter().map(ChannelState::name);
        health.channel_state(&channel.name, channel.state.name(), states);
    }
    ([(CONTENT_TYPE, TEXT)], web.app.metrics.render())
}
