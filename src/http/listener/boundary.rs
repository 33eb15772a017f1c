//! What every request passes on its way in and out: an id, a time limit, a line in the log, and the
//! headers that keep browsers careful.

use crate::http::caller::Caller;
use crate::http::pages::assets;
use crate::http::{HttpError, Web, auth};
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{self, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Instant;
use tracing::Instrument;

/// The header that carries a request's id; ours, so that log and answer can be brought together.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer that does not say otherwise.
const CAREFUL: [(HeaderName, HeaderValue); 8] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Routes that machines ask every few seconds: an answer that is well is not worth a line.
const ROUTINE: [&str; 5] = [
    "/healthz",
    "/readyz",
    "/metrics",
    assets::STYLE_PATH,
    assets::SCRIPT_PATH,
];

/// Put into an answer's extensions by a handler that knows whose delivery it was, for the log.
#[derive(Clone)]
pub(in crate::http) struct Of(pub(in crate::http) String);

/// Put into an answer's extensions where a request is refused: why, for the log and the metrics.
#[derive(Clone, Copy)]
pub(in crate::http) struct Reason(pub(in crate::http) &'static str);

/// Runs the request. Its URI is not logged: it may hold a key or a link's token. The route's pattern is.
/// What callers who are not known are refused is told in full a few times only, and then summed up.
pub(in crate::http) async fn around(
    State(web): State<Web>,
    mut request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions_mut();
    let caller = extensions.get_or_insert_default::<Caller>().clone();
    let peer = auth::peer_of(&web.app, request.headers(), request.extensions());
    let id = web.app.clock.id();
    let span = tracing::info_span!("request", %id);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let started = Instant::now();
    let limited = tokio::time::timeout(
        web.limits.answer,
        next.run(request).instrument(span.clone()),
    );
    let mut response = limited
        .await
        .unwrap_or_else(|_| HttpError::Unavailable.into_response());
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let is_told = if caller.is_proven() || response.status().is_success() {
        !(ROUTINE.contains(&route) && response.status().is_success())
    } else {
        let refusals = &web.app.memory.refusals;
        let reason = reason(&response);
        web.app.metrics.refused(reason);
        refusals.count(reason, peer);
        let of = response.extensions().get::<Of>();
        refusals.may_tell(of.map(|of| of.0.as_str()), reason)
    };
    if is_told {
        tracing::info!(
            parent: &span,
            %method,
            route,
            status = response.status().as_u16(),
            ms = started.elapsed().as_millis(),
            source = response.extensions().get::<Of>().map(|of| of.0.as_str()),
            "answered"
        );
    }
    let headers = response.headers_mut();
    for (name, value) in CAREFUL {
        headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Why a request was refused.
fn reason(response: &Response) -> &'static str {
    if let Some(Reason(reason)) = response.extensions().get::<Reason>() {
        return reason;
    }
    match response.status().as_u16() {
        405 => "method_not_allowed",
        400..500 => "bad_request",
        _ => "failed",
    }
}
