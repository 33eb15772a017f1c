//! The listeners: one for senders and people with a link, one for operators, one for Prometheus. Every
//! route is on this screen.

pub mod api;
mod auth;
mod caller;
mod error;
mod events;
mod health;
pub mod listener;
mod metrics;
pub mod pages;
mod slack;
mod viewer;

pub use error::HttpError;
pub use listener::gate::Gate;
pub use listener::server::{Front, Known, Limits, serve};

use crate::flow::app::App;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// What every handler is given.
#[derive(Clone)]
struct Web {
    app: Arc<App>,
    limits: Limits,
}

/// The largest form that answers a request: one word.
const LARGEST_FORM: usize = 1024;

/// The largest order: some thousands of ids.
const LARGEST_ORDER: usize = 256 << 10;

/// The routes for senders and for people who hold a link.
pub fn public_router(app: Arc<App>) -> Router {
    public_router_within(app, Limits::default())
}

/// The same with other limits.
pub fn public_router_within(app: Arc<App>, limits: Limits) -> Router {
    let web = Web { app, limits };
    let routes = requests().route(
        "/events/{source}",
        post(events::deliver).options(events::handshake),
    );
    let routes = routes.route("/slack/interactions", post(slack::interactions));
    bounded(with_common_parts(routes), web)
}

/// What links lead to, and how people sign in.
fn requests() -> Router<Web> {
    let pages = Router::new()
        .route(
            "/requests/{token}",
            get(pages::answers::show).post(pages::answers::answer),
        )
        .route("/sign-in", get(pages::sign_in::begin))
        .route("/sign-in/callback", get(pages::sign_in::callback))
        .route("/sign-out", post(pages::sign_in::sign_out))
        .route("/account", get(pages::sign_in::account))
        .route("/status/{registry}", get(pages::status::show));
    pages.layer(DefaultBodyLimit::max(LARGEST_FORM))
}

/// The same, where ids lead to operators' pages.
fn requests_and_operators() -> Router<Web> {
    Router::new().route(
        "/requests/{token}",
        get(pages::operator::by_id_or_link)
            .post(pages::answers::answer)
            .layer(DefaultBodyLimit::max(LARGEST_FORM)),
    )
}

/// The routes for operators. `address` is what the listener is bound to: only requests that name it,
/// or a loopback address with its port, are answered, and where there is a token, only those who know
/// it. Only orders change anything: commands give them, and pages that ask for confirmation.
pub fn admin_router(app: Arc<App>, address: SocketAddr) -> Router {
    let web = Web {
        app,
        limits: Limits::default(),
    };
    // Where nobody listens elsewhere, requests are answered here.
    let listens = web.app.listens;
    let links = if listens {
        Router::new()
    } else {
        requests_and_operators()
    };
    let routes = links
        .merge(pages::operator::routes(!listens))
        .route("/metrics", get(metrics::show))
        .nest(api::wire::API, api_routes(&web))
        .route("/api/openapi.json", get(api::openapi::show));
    let problems = from_fn(api::problem::around);
    let known = from_fn_with_state(web.clone(), api::operator::known);
    let named = from_fn(move |request, next| listener::hosts::only(address, request, next));
    let routes = with_common_parts(routes).layer(known).layer(named);
    bounded(routes.layer(problems), web)
}

/// The routes for Prometheus: nothing here gives an order. On loopback, only requests that name it are
/// answered, as on the listener for operators.
pub fn metrics_router(app: Arc<App>, address: SocketAddr) -> Router {
    let web = Web {
        app,
        limits: Limits::default(),
    };
    let routes = with_common_parts(Router::new().route("/metrics", get(metrics::show)));
    let named = from_fn(move |request, next| listener::hosts::only(address, request, next));
    let routes = if address.ip().is_loopback() {
        routes.layer(named)
    } else {
        routes
    };
    bounded(routes, web)
}

/// What operators' commands ask and order. All but who may come in is described in `api/openapi.rs`, and its
/// orders may have a key; a token that was created is answered once.
fn api_routes(web: &Web) -> Router<Web> {
    let kept = api::idempotency::Kept::new(web.app.clock.clone(), LARGEST_ORDER);
    Router::from(api::openapi::routes())
        .layer(from_fn_with_state(kept, api::idempotency::once))
        .route("/sessions", get(api::access::list_sessions))
        .route("/sessions/end", post(api::access::end_session))
        .route(
            "/tokens",
            get(api::access::tokens).post(api::access::create_token),
        )
        .route("/tokens/revoke", post(api::access::revoke_token))
        .fallback(async || HttpError::NotFound)
        .layer(DefaultBodyLimit::max(LARGEST_ORDER))
        .layer(from_fn(api::operator::commands_only))
}

/// What both listeners have: health, what pages load, and an answer for every other path.
fn with_common_parts(routes: Router<Web>) -> Router<Web> {
    routes
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route(pages::assets::STYLE_PATH, get(pages::assets::get_style))
        .route(pages::assets::SCRIPT_PATH, get(pages::assets::get_script))
        .fallback(async || HttpError::NotFound)
}

/// What is around every route; the last is the outermost.
fn bounded(routes: Router<Web>, web: Web) -> Router {
    routes
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| {
            tracing::error!("a handler panicked; its request was answered with 503");
            HttpError::Internal.into_response()
        }))
        .layer(from_fn_with_state(web.clone(), listener::boundary::around))
        .with_state(web)
}
