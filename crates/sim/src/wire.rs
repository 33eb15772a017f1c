//! What all of the simulated services share on the wire: a request taken in whole, a reply.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Which listener a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// Plain HTTP: Resource Manager for the static token, managed identity, the data plane.
    Plain,
    /// HTTPS: Resource Manager.
    ResourceManager,
    /// HTTPS: the authority.
    Authority,
}

/// A request, read whole.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) door: Listener,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The host that the caller named, without its port, lower-case.
    pub(super) host: String,
    /// Scheme, host and port as the caller named them: `http://127.0.0.1:8180`. Links are made of it.
    pub(super) origin: String,
    pub(super) peer: IpAddr,
}

impl Incoming {
    /// A query parameter; names are compared without case, as Resource Manager does.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A header's value, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The bearer token, if one was sent.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    }

    /// The form that the body is.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }
}

/// Decodes `application/x-www-form-urlencoded`, a query string included.
pub(super) fn pairs(encoded: &str) -> Vec<(String, String)> {
    reqwest::Url::parse(&format!("http://x/?{encoded}"))
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

/// A reply of JSON.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    set(
        &mut response,
        header::CONTENT_TYPE.as_str(),
        "application/json; charset=utf-8",
    );
    response
}

/// A reply without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Sets a header; a value that cannot stand in one is left out.
pub(super) fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Locks; whoever panicked while holding the lock left a model that is still good to look at.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
