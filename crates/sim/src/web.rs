//! Pages of the web: sites that publish addresses, over HTTPS.

use super::start::Shared;
use super::wire::{Incoming, empty, set};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;

/// Answers with a page that a test has published.
pub(super) fn answer(shared: &Shared, request: &Incoming, path: &str) -> Response {
    if request.method != Method::GET {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let model = shared.settled();
    let Some(page) = model.page(path) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let mut response = Response::new(Body::from(page.to_owned()));
    set(&mut response, "content-type", "text/plain; charset=utf-8");
    response
}
