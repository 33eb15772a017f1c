//! `POST /events/{source}`: a delivery comes in. `OPTIONS`: CloudEvents asks whether it may.

use super::auth::Sender;
use super::listener::boundary::Of;
use super::listener::unpack::Coding;
use super::listener::{body, readers};
use super::{HttpError, Web, auth, caller};
use crate::flow::app::{App, Source};
use crate::flow::{intake, notice, usage};
use crate::metrics::{DeliveryLabels, SourceLabels};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{ALLOW, CONNECTION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use doorward_core::intake::delivery;
use doorward_core::intake::delivery::uses::Use;
use doorward_core::intake::report::{BadRecord, Delivery, DeliveryError};
use doorward_core::intake::work::WorkBudget;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// How many bad records an answer lists.
const BAD_IN_ANSWER: usize = 100;

/// How many bad records of one delivery the log tells of.
const BAD_IN_LOG: usize = 5;

/// The headers of the CloudEvents handshake
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md>, section 4).
const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// The name of the subscription that delivers
/// (<https://learn.microsoft.com/azure/event-grid/receive-events#message-headers>).
const SUBSCRIPTION: HeaderName = HeaderName::from_static("aeg-subscription-name");

/// What became of a delivery, as its sender is told.
#[derive(Serialize)]
struct Receipt {
    /// How many records it held.
    records: usize,
    /// How many denials were in them.
    denials: usize,
    /// How many of these had not been delivered before.
    new: usize,
    /// Records that could not be read, the first [`BAD_IN_ANSWER`] of them.
    bad: Vec<BadRecord>,
    /// How many more there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    more_bad: Option<usize>,
}

/// Takes in a delivery of a proven sender.
pub(super) async fn deliver(
    State(web): State<Web>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let (head, body) = request.into_parts();
    let taken = async {
        let mut sender = match auth::sender(&web.app, &name, &head).await {
            Ok(sender) => sender,
            Err(error) => {
                caller::refused(&head.extensions);
                return Ok(refuse(error, body).await);
            }
        };
        let most = sender.source.max_body;
        let within = sender.body_within(web.limits.body);
        let sent = body::whole(&head.headers, body, most, within).await?;
        // A signature is over the bytes as they were sent, and nothing is unpacked before it is checked.
        sender.with_body(&web.app, &head, &sent)?;
        expected_subscription(sender.source, &head.headers)?;
        let watched = usage::watched(&web.app, sender.source);
        let read = read(sender.source, &head.headers, sent, watched).await;
        let read = read.inspect_err(|error| tell_of_work(&web.app, sender.source, error))?;
        take(&web.app, sender, read).await
    };
    let response = taken.await.into_response();
    let known = web.app.sources.contains_key(&name);
    match response.status() {
        _ if !known => {}
        status if status.is_success() => web.app.was_heard(&name, true),
        StatusCode::UNAUTHORIZED => web.app.was_heard(&name, false),
        _ => {}
    }
    let labels = DeliveryLabels {
        source: if known {
            name.clone()
        } else {
            "unknown".to_owned()
        },
        status: response.status().as_u16(),
    };
    web.app.metrics.deliveries.get_or_create(&labels).inc();
    marked(response, known.then_some(name))
}

/// The answer to somebody who is not heard.
async fn refuse(error: HttpError, body: Body) -> Response {
    let all_read = body::thrown_away(body).await;
    let mut response = error.into_response();
    if !all_read {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

async fn take(
    app: &App,
    sender: Sender<'_>,
    (mut delivery, used): (Delivery, Vec<Use>),
) -> Result<Response, HttpError> {
    let source = sender.source;
    if let Some(code) = delivery.validation_code.take() {
        // Event Grid takes exactly 200 for consent
        // (<https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema>).
        let consent = serde_json::json!({ "validationResponse": code });
        return Ok(Json(consent).into_response());
    }
    intake::count(app, source, &delivery);
    notice::of(app, source, &delivery);
    let records = delivery.records;
    let mut bad = std::mem::take(&mut delivery.bad);
    for BadRecord { record, error } in bad.iter().take(BAD_IN_LOG) {
        tracing::warn!(
            source = source.name,
            record,
            error,
            "a record could not be read"
        );
    }
    for report in &mut delivery.reports {
        // The same signed delivery again is the same event, where the event has no id of its own.
        report.event_id = report.event_id.take().or(sender.delivery_id.clone());
    }
    let accepted = intake::accept(app, source, delivery, sender.proof).await?;
    usage::take_in(app, source, &used).await?;
    let more = bad.len().saturating_sub(BAD_IN_ANSWER);
    bad.truncate(BAD_IN_ANSWER);
    let receipt = Receipt {
        records,
        denials: accepted.denials,
        new: accepted.new,
        bad,
        more_bad: (more > 0).then_some(more),
    };
    Ok((StatusCode::ACCEPTED, Json(receipt)).into_response())
}

/// The one place where bytes become a delivery, and signs that the `watched` addresses are at work.
async fn read(
    source: &Source,
    headers: &HeaderMap,
    sent: Bytes,
    watched: BTreeSet<Ipv4Addr>,
) -> Result<(Delivery, Vec<Use>), HttpError> {
    let most = source.max_body;
    let coding = Coding::of(headers).ok_or(HttpError::Encoded)?;
    let named = headers.iter();
    let readable = named.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let head = delivery::Head::of(readable);
    let dimensions = source.options.dimensions.clone();
    // Nobody knows how much is in a packed body.
    let size = match coding {
        Coding::Identity => sent.len(),
        Coding::Gzip | Coding::Zstd => most,
    };
    let work = move |abandoned: &readers::Abandoned| {
        let bytes = body::unpacked(coding, sent, most)?;
        let work = WorkBudget::for_body(bytes.len()).unless(abandoned.flag());
        let delivery = delivery::read_within((&head, &dimensions), &bytes, work)?;
        let used = delivery::uses::read(&head, &bytes, &watched);
        Ok((delivery, used))
    };
    readers::read(&source.name, size, work).await?
}

/// Tells of a body that takes too much work to read, and of who sent it.
fn tell_of_work(app: &App, source: &Source, error: &HttpError) {
    if !matches!(
        error,
        HttpError::Unreadable(DeliveryError::TooMuchWork | DeliveryError::OverBound { .. })
    ) {
        return;
    }
    let labels = SourceLabels {
        source: source.name.clone(),
    };
    app.metrics.over_budget.get_or_create(&labels).inc();
    tracing::warn!(
        source = source.name,
        %error,
        "a body takes too much work to read, and was refused"
    );
}

/// Event Grid names the subscription that delivers, in capitals. Another one's events are refused for
/// good: a 403 is not retried, so that they are dropped, or kept where dead letters are kept.
fn expected_subscription(source: &Source, headers: &HeaderMap) -> Result<(), HttpError> {
    let Some(expected) = &source.options.subscription else {
        return Ok(());
    };
    let named = headers.get(SUBSCRIPTION);
    if named.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(expected.as_bytes())) {
        return Ok(());
    }
    tracing::warn!(
        source = source.name,
        expected,
        "a delivery of another Event Grid subscription was refused"
    );
    Err(HttpError::OtherSubscription)
}

/// The CloudEvents handshake: a proven sender may deliver. The callback that it may offer is never
/// fetched; the answer here is enough.
pub(super) async fn handshake(
    State(web): State<Web>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let (head, _) = request.into_parts();
    let proven = async {
        let mut sender = auth::sender(&web.app, &name, &head).await?;
        sender.with_body(&web.app, &head, &[])?;
        Ok::<_, HttpError>(sender.source)
    };
    match proven.await {
        Ok(source) => marked(consent(source, &head.headers).into_response(), Some(name)),
        Err(error) => error.into_response(),
    }
}

fn consent(source: &Source, asked: &HeaderMap) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    headers.insert(ALLOW, HeaderValue::from_static("POST"));
    let Some(origin) = asked.get(REQUEST_ORIGIN) else {
        return Ok(headers);
    };
    let known =
        |known: &String| known == "*" || origin.as_bytes().eq_ignore_ascii_case(known.as_bytes());
    if !source.options.allowed_origins.iter().any(known) {
        return Err(HttpError::OtherOrigin);
    }
    headers.insert(ALLOWED_ORIGIN, origin.clone());
    let rate = asked.get(REQUEST_RATE).and_then(|rate| rate.to_str().ok());
    if let Some(rate) = rate {
        // In requests per minute, and no more than were asked for.
        let lasting = source.per_second.get().saturating_mul(60);
        let most = source.options.allowed_rate.unwrap_or(lasting);
        let allowed = rate.trim().parse().map_or(most, |rate: u32| rate.min(most));
        headers.insert(ALLOWED_RATE, allowed.max(1).into());
    }
    Ok(headers)
}

/// Tells the log whose delivery it was.
fn marked(mut response: Response, source: Option<String>) -> Response {
    if let Some(source) = source {
        response.extensions_mut().insert(Of(source));
    }
    response
}
