//! One message to one channel, and its answer.

use super::Lane;
use crate::azure::retry_after;
use crate::flow::app::App;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::id::AlertId;
use doorward_core::messages::excerpt::excerpt;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::time::Duration;

/// How long a channel may take over one message.
const DELIVERY_WITHIN: Duration = Duration::from_secs(10);

/// Why a message was not taken.
pub(super) struct Refusal {
    /// In words, without the channel's address.
    pub(super) why: String,
    /// How long the channel asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self {
            why,
            retry_after: None,
        }
    }
}

/// What a webhook is sent: one JSON object. `text` alone says all, so that a chat's incoming webhook
/// can show it.
#[derive(Serialize)]
struct Message<'a> {
    id: AlertId,
    code: &'a str,
    text: String,
    at: Timestamp,
    registry: Option<&'a str>,
    address: Option<String>,
    /// Where the request is shown, and answered where links may.
    link: Option<String>,
}

/// Sends a message once.
pub(super) async fn send(
    app: &App,
    lane: &Lane,
    since: Timestamp,
    alert: &Alert,
) -> Result<(), Refusal> {
    let channel = app.channels.get(&lane.channel);
    let channel = channel.ok_or_else(|| "there is no such channel".to_owned())?;
    let message = message(app, since, alert);
    let Some(url) = &channel.url else {
        // Whoever has this channel wants to see its links.
        tracing::info!(code = message.code, "{}", message.text);
        return Ok(());
    };
    let body = serde_json::to_vec(&message).map_err(|error| error.to_string())?;
    // The address is a secret: nothing is told of why it is none.
    let secret = url.expose_secret();
    let url = secret
        .parse()
        .map_err(|_| "its `url` is not a URL".to_owned())?;
    let mut request = Request::new(Method::POST, url);
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(body.into());
    *request.timeout_mut() = Some(DELIVERY_WITHIN);
    let reply = app.http.send(request).await;
    let reply = reply.map_err(|error| error.to_string())?;
    if reply.status.is_success() {
        return Ok(());
    }
    if reply.status.is_client_error() {
        // What it says is mostly the only way to learn what is wrong. It stands in the log alone.
        let said = excerpt(&reply.body, secret);
        tracing::warn!(alert = %alert.id, status = reply.status.as_u16(), "a channel refused a message: {said}");
    }
    Err(Refusal {
        why: format!("it answered {}", reply.status),
        retry_after: retry_after(&reply.headers, app.clock.now()),
    })
}

fn message<'a>(app: &App, since: Timestamp, alert: &'a Alert) -> Message<'a> {
    let request = alert
        .request
        .and_then(|id| app.ledger.read(|state| state.requests.get(&id).cloned()));
    let link = request
        .as_ref()
        .and_then(|asked| app.link_to(&asked.request).ok());
    let text = match &link {
        Some(link) => format!("{} {link}", wording::sentence(&alert.text)),
        None => alert.text.clone(),
    };
    Message {
        id: alert.id,
        code: &alert.code,
        text,
        at: since,
        registry: alert.registry.as_ref().map(ResourceId::name),
        address: alert.address.map(|address| address.to_string()),
        link,
    }
}
