//! Messages from the outbox to their channels, until each has taken them.

use crate::app::{App, Channel};
use crate::clock;
use crate::domain::alert::Alert;
use crate::domain::excerpt::excerpt;
use crate::domain::id::AlertId;
use crate::domain::ledger::What;
use crate::domain::resource_id::ResourceId;
use crate::domain::words;
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// After this long a message that its channel never took is given up.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long a message is a replica's alone while it delivers it: longer than a channel may take.
const TAKEN_FOR: Duration = Duration::from_secs(90);

/// How soon a message is looked at again that another replica delivers.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// When each message may be tried again, and how often it was. Lost in a restart, on purpose.
pub type Attempts = BTreeMap<(AlertId, String), (u32, Timestamp)>;

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

/// Delivers what is due; when to look again, if something is left.
pub async fn turn(app: &App) -> Result<Option<Timestamp>, StoreError> {
    let waiting: Vec<(Timestamp, Alert)> = app
        .ledger
        .read(|state| state.outbox.values().cloned().collect());
    let mut next: Option<Timestamp> = None;
    for (since, alert) in &waiting {
        for channel in &alert.channels {
            if let Some(again) = deliver(app, *since, alert, channel).await? {
                next = Some(next.map_or(again, |next| next.min(again)));
            }
        }
    }
    app.forget_attempts(|alert| waiting.iter().any(|(_, waits)| waits.id == *alert));
    Ok(next)
}

/// One message to one channel; when to try again, if it was not taken.
async fn deliver(
    app: &App,
    since: Timestamp,
    alert: &Alert,
    name: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let now = app.clock.now();
    let (failures, not_before) = app.attempts(alert.id, name);
    if not_before > now {
        return Ok(Some(not_before));
    }
    if !app.ledger.take_message(alert.id, name, TAKEN_FOR).await? {
        return Ok(Some(clock::add(now, LOOK_AGAIN)));
    }
    let outcome = match app.channels.get(name) {
        Some(channel) => send(app, channel, since, alert).await,
        None => Err("the configuration has no such channel any more".to_owned()),
    };
    let (alert_id, channel) = (alert.id, name.to_owned());
    match outcome {
        Ok(()) => {
            app.ledger
                .append(
                    app.clock.now(),
                    vec![What::Delivered {
                        alert: alert_id,
                        channel,
                    }],
                )
                .await?;
        }
        Err(reason)
            if now.duration_since(since) >= GIVE_UP_AFTER || !app.channels.contains_key(name) =>
        {
            tracing::error!(channel = name, alert = %alert.id, "a message is given up: {reason}");
            app.ledger
                .append(
                    app.clock.now(),
                    vec![What::Undelivered {
                        alert: alert_id,
                        channel,
                        reason,
                    }],
                )
                .await?;
        }
        Err(reason) => {
            tracing::warn!(channel = name, alert = %alert.id, "a message was not taken and will be sent again: {reason}");
            let pause = Duration::from_secs(2)
                .saturating_mul(2_u32.saturating_pow(failures.min(10)))
                .min(LONGEST_PAUSE);
            let again = clock::add(app.clock.now(), pause);
            app.set_attempts(alert.id, name, failures.saturating_add(1), again);
            app.ledger.give_back(alert.id, name).await?;
            return Ok(Some(again));
        }
    }
    Ok(None)
}

async fn send(app: &App, channel: &Channel, since: Timestamp, alert: &Alert) -> Result<(), String> {
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
    let reply = app
        .http
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    if reply.status.is_success() {
        return Ok(());
    }
    if reply.status.is_client_error() {
        // What it says is mostly the only way to learn what is wrong. It stands in the log alone.
        let said = excerpt(&reply.body, secret);
        tracing::warn!(alert = %alert.id, status = reply.status.as_u16(), "a channel refused a message: {said}");
    }
    Err(format!("it answered {}", reply.status))
}

fn message<'a>(app: &App, since: Timestamp, alert: &'a Alert) -> Message<'a> {
    let request = alert
        .request
        .and_then(|id| app.ledger.read(|state| state.requests.get(&id).cloned()));
    let link = request
        .as_ref()
        .and_then(|asked| app.link_to(&asked.request).ok());
    let text = match &link {
        Some(link) => format!("{} {link}", words::sentence(&alert.text)),
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
