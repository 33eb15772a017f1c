//! The way of a request through the simulated Azure: record, hold, fault, answer, hold, reply.

use super::calls::Route;
use super::holds::Moment;
use super::knobs::Fault;
use super::recorded::Recorded;
use super::start::Shared;
use super::wire::{Incoming, empty, lock, set};
use super::{arm, data_plane, web};
use crate::identity::{authority, managed};
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::Value;

/// The reply was lost: the connection ends without one.
#[derive(Debug, thiserror::Error)]
#[error("the simulated Azure was told to lose this reply")]
pub(super) struct Lost;

/// The largest body that a fault pads a reply to, and the size of the pieces it is sent in.
const PIECE: usize = 64 * 1024;

/// Answers one request. It runs to its end whether or not the caller is still there, as a service
/// that has the bytes would.
pub(super) async fn answer(shared: &Shared, mut request: Incoming) -> Result<Response, Lost> {
    let route = Route::of(&request);
    let call = route.call(&request.method);
    let path = request.path.clone();
    let index = shared.record(Recorded::new(shared.clock.now(), call, &request));
    shared.holds.pass(call, &path, Moment::Before).await;
    let fault = lock(&shared.knobs).take(call, &path);
    let mut response = match &fault {
        Some(Fault::LostBefore) => return Err(Lost),
        Some(Fault::Throttled { retry_after }) => {
            let mut response = arm::injected(429);
            let seconds = retry_after.as_secs().to_string();
            set(&mut response, "retry-after", &seconds);
            response
        }
        Some(Fault::ThrottledUntil(moment)) => {
            let mut response = arm::injected(429);
            let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
            let date = printer.timestamp_to_rfc9110_string(moment);
            set(&mut response, "retry-after", &date.unwrap_or_default());
            response
        }
        Some(Fault::Status {
            status,
            retry_after,
        }) => {
            let mut response = arm::injected(*status);
            if let Some(wait) = retry_after {
                set(&mut response, "retry-after", &wait.as_secs().to_string());
            }
            response
        }
        Some(Fault::Redirect(origin)) => redirect(&request, origin),
        Some(Fault::ForeignLinks(origin)) => {
            origin.trim_end_matches('/').clone_into(&mut request.origin);
            respond(shared, &request, &route)
        }
        Some(Fault::LostAfter | Fault::Oversized(_) | Fault::Garbled) | None => {
            respond(shared, &request, &route)
        }
    };
    if route.is_resource_manager() && !response.headers().contains_key("x-ms-request-id") {
        arm::add_headers(shared, &request, &mut response);
    }
    shared.holds.pass(call, &path, Moment::After).await;
    match fault {
        Some(Fault::LostAfter) => return Err(Lost),
        Some(Fault::Oversized(size)) => response = oversized(response, size).await,
        Some(Fault::Garbled) => response = garbled(response).await,
        _ => {}
    }
    shared.recorded_status(index, response.status().as_u16());
    Ok(response)
}

fn respond(shared: &Shared, request: &Incoming, route: &Route) -> Response {
    match route {
        Route::Identity => managed::answer(shared, request),
        Route::DataPlane(segments) => data_plane::answer(shared, request, segments),
        Route::Token(_) | Route::OpenId { .. } | Route::InstanceDiscovery | Route::KeySet(_) => {
            authority::answer(shared, request, route)
        }
        Route::WebPage(path) => web::answer(shared, request, path),
        Route::CloudMetadata => authority::cloud(shared, &request.origin),
        Route::Nothing => empty(StatusCode::NOT_FOUND),
        _ => arm::answer(shared, request, route),
    }
}

fn redirect(request: &Incoming, origin: &str) -> Response {
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    let version = request.parameter("api-version").unwrap_or_default();
    let origin = origin.trim_end_matches('/');
    let target = format!("{origin}{}?api-version={version}", request.path);
    set(&mut response, "location", &target);
    response
}

/// The same reply with blanks behind it, which JSON allows, up to `size` bytes, in pieces.
async fn oversized(response: Response, size: usize) -> Response {
    let (mut head, whole) = taken_apart(response).await;
    let missing = size.saturating_sub(whole.len());
    let blanks = Bytes::from(vec![b' '; PIECE]);
    let pieces = (0..missing.div_ceil(PIECE)).map(move |_| blanks.clone());
    let all = std::iter::once(whole)
        .chain(pieces)
        .map(Ok::<_, std::convert::Infallible>);
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from_stream(futures_util::stream::iter(all)))
}

/// The same reply, but its JSON breaks off in the middle.
async fn garbled(response: Response) -> Response {
    let (mut head, whole) = taken_apart(response).await;
    let half = whole.slice(..whole.len() / 2);
    debug_assert!(serde_json::from_slice::<Value>(&half).is_err());
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(half))
}

async fn taken_apart(response: Response) -> (axum::http::response::Parts, Bytes) {
    let (head, body) = response.into_parts();
    // Our own bodies are in memory, so that reading them cannot fail.
    let body = axum::body::to_bytes(body, usize::MAX).await;
    (head, body.unwrap_or_default())
}
