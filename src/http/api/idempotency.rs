//! `Idempotency-Key`: an order that is sent again with the same key is not carried out again; what came of it is
//! answered again. Kept for a day by the process that took the order.

use crate::http::HttpError;
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The header that names the key.
pub(crate) const KEY: &str = "idempotency-key";

/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long an answer is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many are kept, and how long one may be, in bytes.
const MOST: usize = 1_000;
const LONGEST_ANSWER: usize = 1 << 20;

/// The longest key, in characters.
const LONGEST_KEY: usize = 128;

/// What came of orders with a key.
#[derive(Clone)]
pub(in crate::http) struct Kept {
    clock: Clock,
    largest: usize,
    orders: Arc<Mutex<BTreeMap<Name, Order>>>,
}

/// Whose key it is, and the key: two callers may choose the same.
type Name = (Vec<u8>, String);

struct Order {
    /// A hash of what was ordered.
    sum: Vec<u8>,
    at: Timestamp,
    /// What came of it; none while it is under way.
    answer: Option<(StatusCode, Option<HeaderValue>, Bytes)>,
}

impl Kept {
    /// Nothing yet; orders of at most `largest` bytes.
    pub(in crate::http) fn new(clock: Clock, largest: usize) -> Self {
        Self {
            clock,
            largest,
            orders: Arc::default(),
        }
    }

    fn orders(&self) -> MutexGuard<'_, BTreeMap<Name, Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of the order before; none where it is new, and is under way from now on.
    fn before(&self, name: &Name, order: &[u8]) -> Option<Response> {
        let now = self.clock.now();
        let mut orders = self.orders();
        orders.retain(|_, it| now.duration_since(it.at) < KEPT_FOR);
        if let Some(known) = orders.get(name) {
            return Some(match &known.answer {
                _ if known.sum != order => HttpError::KeyReused.into_response(),
                None => HttpError::KeyInUse.into_response(),
                Some((status, kind, body)) => replayed(*status, kind.as_ref(), body),
            });
        }
        if orders.len() >= MOST {
            let done = orders.iter().filter(|(_, it)| it.answer.is_some());
            let oldest = done.min_by_key(|(_, it)| it.at);
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.and_then(|name| orders.remove(&name));
        }
        let order = Order {
            sum: order.to_vec(),
            at: now,
            answer: None,
        };
        orders.insert(name.clone(), order);
        None
    }
}

fn replayed(status: StatusCode, kind: Option<&HeaderValue>, body: &Bytes) -> Response {
    let mut answer = (status, body.clone()).into_response();
    let headers = answer.headers_mut();
    headers.remove(CONTENT_TYPE);
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, kind.clone());
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// Forgets an order that did not come to an answer.
struct UnderWay<'a> {
    kept: &'a Kept,
    name: Name,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut orders = self.kept.orders();
        let open = |it: &Order| it.answer.is_none();
        if orders.get(&self.name).is_some_and(open) {
            orders.remove(&self.name);
        }
    }
}

/// Lets each order with a key pass once.
pub(in crate::http) async fn once(
    State(kept): State<Kept>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let Some(key) = key(request.headers()) else {
        return HttpError::BadKey.into_response();
    };
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, kept.largest).await else {
        return HttpError::TooLarge { most: kept.largest }.into_response();
    };
    let caller = head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let name = (sum(&[caller.unwrap_or_default()]), key);
    let order = sum(&[head.uri.path().as_bytes(), &body]);
    if let Some(before) = kept.before(&name, &order) {
        return before;
    }
    let under_way = UnderWay { kept: &kept, name };
    let answer = next.run(Request::from_parts(head, Body::from(body))).await;
    // What failed on this side may be tried again.
    if answer.status().is_server_error() {
        return answer;
    }
    let (head, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_ANSWER).await else {
        return HttpError::Internal.into_response();
    };
    let kind = head.headers.get(CONTENT_TYPE).cloned();
    if let Some(order) = kept.orders().get_mut(&under_way.name) {
        order.answer = Some((head.status, kind, body.clone()));
    }
    Response::from_parts(head, Body::from(body))
}

fn key(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(KEY).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return None;
    };
    let key = value.to_str().ok()?;
    let good = (1..=LONGEST_KEY).contains(&key.len());
    good.then(|| key.to_owned())
}

fn sum(parts: &[&[u8]]) -> Vec<u8> {
    let parts = parts.iter().map(|part| digest(&SHA256, part));
    let sums: Vec<u8> = parts.flat_map(|part| part.as_ref().to_vec()).collect();
    digest(&SHA256, &sums).as_ref().to_vec()
}
