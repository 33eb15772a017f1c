//! One message to one channel, and its answer.

use super::mail;
use crate::azure::retry_after;
use crate::config::ChannelKind;
use crate::flow::app::{App, Channel};
use crate::flow::chat;
use doorward_core::ledger::alert::Alert;
use doorward_core::messages::channels::{escape, pagerduty, slack, teams, webhook};
use doorward_core::messages::excerpt::excerpt;
use doorward_core::messages::message::{Message, Now, Phase};
use doorward_core::messages::routing::deliveries::ACCEPTED;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// How long a channel may take over one message.
pub(super) const DELIVERY_WITHIN: Duration = Duration::from_secs(10);

/// Why a message was not taken.
pub(super) struct Refusal {
    /// In words, without the channel's address.
    pub(super) why: String,
    /// The beginning of what the receiver said, without secrets.
    pub(super) said: Option<String>,
    /// How long the channel asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self {
            why,
            said: None,
            retry_after: None,
        }
    }
}

impl Refusal {
    /// Why, with what the receiver said: for those who may see it.
    pub(super) fn whole(&self) -> String {
        match &self.said {
            Some(said) if !said.is_empty() => format!("{}: {said}", self.why),
            _ => self.why.clone(),
        }
    }
}

/// A request that is to be sent, before it has a URL.
struct Post<'a> {
    url: &'a str,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

/// The message that stands for these alerts now.
pub(super) fn message(app: &App, alerts: &[(Timestamp, Alert)]) -> Option<Message> {
    let each = alerts.iter().map(|(since, alert)| one(app, *since, alert));
    let mut each: Vec<Message> = each.collect();
    if each.is_empty() {
        return None;
    }
    let first = each.remove(0);
    Some(Message::merged(first, &each))
}

fn one(app: &App, since: Timestamp, alert: &Alert) -> Message {
    let (asked, repeats) = app.ledger.read(|state| {
        let asked = alert.request.and_then(|id| state.requests.get(&id));
        let denial = alert.denial;
        let repeats = denial.and_then(|id| state.repeats.get(&id).copied());
        (asked.cloned(), repeats.unwrap_or_default())
    });
    let request = asked.as_ref().map(|asked| &asked.request);
    let link = request.and_then(|request| app.link_to(request).ok());
    let now = Now {
        link,
        until: request.map(|request| request.until),
        repeats,
        buttons: asked.as_ref().and_then(|asked| chat::buttons(app, asked)),
    };
    Message::of(alert, since, now)
}

/// Sends a message once. `receipt` names an earlier one of the same matter, which this one updates where
/// the channel can; what comes back names the message for those that follow.
pub(super) async fn send(
    app: &App,
    channel: &Channel,
    message: &Message,
    receipt: Option<&str>,
) -> Result<Option<String>, Refusal> {
    match &channel.kind {
        ChannelKind::Log => {
            // Whoever has this channel wants to see its links.
            let text = escape::terminal(&webhook::whole_text(message));
            tracing::info!(code = message.code, "{text}");
            Ok(None)
        }
        ChannelKind::Webhook { template } => {
            let body = match template {
                Some(template) => template
                    .render(message)
                    .map_err(|error| error.to_string())?,
                None => webhook::body(message),
            };
            let mut headers = Vec::new();
            if let Some(key) = &channel.sign {
                let id = message.id.to_string();
                headers.extend(webhook::signed(key, &id, app.clock.now(), &body));
            }
            let proof = channel.secret("authorization");
            headers.extend(proof.map(|it| ("authorization", it.expose_secret().to_owned())));
            let url = channel.url()?;
            post(app, channel, Post { url, body, headers }).await?;
            Ok(None)
        }
        ChannelKind::SlackHook => {
            let post_it = Post::json(channel.url()?, &slack::webhook(message));
            post(app, channel, post_it).await?;
            Ok(None)
        }
        ChannelKind::Teams => {
            let post_it = Post::json(channel.url()?, &teams::workflow(message));
            post(app, channel, post_it).await?;
            Ok(Some(ACCEPTED.to_owned()))
        }
        ChannelKind::PagerDuty { url } => {
            let key = channel.secret("routing_key");
            let key = key.map_or("", ExposeSecret::expose_secret);
            let post_it = Post::json(url, &pagerduty::event(message, key));
            post(app, channel, post_it).await?;
            Ok(None)
        }
        ChannelKind::SlackBot {
            channel: place,
            api,
        } => {
            // A press that nobody could verify is not asked for.
            let verifies = channel.secret("signing_secret").is_some();
            let shown = Message {
                buttons: message.buttons.clone().filter(|_| verifies),
                ..message.clone()
            };
            bot(app, (channel, place, api), &shown, receipt).await
        }
        ChannelKind::Email(email) => {
            let password = channel.secret("password");
            mail::send(app, email, password, message).await?;
            Ok(None)
        }
    }
}

impl<'a> Post<'a> {
    fn json(url: &'a str, body: &serde_json::Value) -> Self {
        Self {
            url,
            body: body.to_string().into_bytes(),
            headers: Vec::new(),
        }
    }
}

/// By Slack's Web API: the end of a matter updates the message that `receipt` names, a reminder replies to
/// it, everything else is a new message.
async fn bot(
    app: &App,
    (channel, place, api): (&Channel, &str, &str),
    message: &Message,
    receipt: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let token = channel.secret("token");
    let token = token.map_or("", ExposeSecret::expose_secret);
    let call = async |method: &str, body: &serde_json::Value| {
        let url = format!("{}/{method}", api.trim_end_matches('/'));
        let mut post_it = Post::json(&url, body);
        post_it
            .headers
            .push(("authorization", format!("Bearer {token}")));
        let answer = post(app, channel, post_it).await?;
        // Slack answers 200 to what it refuses.
        slack::posted(&answer).map_err(|said| {
            let said = channel.masked(said.as_bytes(), "");
            Refusal::from(format!("Slack answered {said}"))
        })
    };
    let first = receipt.and_then(|receipt| receipt.split_once('/'));
    if let (Some((place, ts)), Phase::Ends) = (first, message.phase) {
        let updated = call("chat.update", &slack::update(message, place, ts)).await;
        let gone = |why: &str| {
            let known = [
                "message_not_found",
                "cant_update_message",
                "edit_window_closed",
            ];
            known.iter().any(|code| why.contains(code))
        };
        match updated {
            Ok(_) => return Ok(receipt.map(str::to_owned)),
            Err(refusal) if !gone(&refusal.why) => return Err(refusal),
            Err(_) => {}
        }
    }
    let body = match (first, message.phase) {
        (Some((_, ts)), Phase::GoesOn) => slack::reply(message, place, ts),
        _ => slack::post(message, place),
    };
    let posted = call("chat.postMessage", &body).await?;
    Ok(posted.map(|(place, ts)| format!("{place}/{ts}")))
}

/// Tells one user of a Slack channel something that nobody else sees.
pub(in crate::flow) async fn whisper(
    app: &App,
    channel: &Channel,
    (place, user): (&str, &str),
    text: &str,
) -> Result<(), String> {
    let ChannelKind::SlackBot { api, .. } = &channel.kind else {
        return Ok(());
    };
    let token = channel.secret("token");
    let token = token.map_or("", ExposeSecret::expose_secret);
    let url = format!("{}/chat.postEphemeral", api.trim_end_matches('/'));
    let mut post_it = Post::json(&url, &slack::ephemeral(text, place, user));
    post_it
        .headers
        .push(("authorization", format!("Bearer {token}")));
    let answer = post(app, channel, post_it).await;
    let answer = answer.map_err(|refusal| refusal.whole())?;
    let said = slack::posted(&answer).err();
    said.map_or(Ok(()), |said| Err(channel.masked(said.as_bytes(), "")))
}

/// Posts a body, and gives what a receiver that took it answered.
async fn post(app: &App, channel: &Channel, post: Post<'_>) -> Result<Vec<u8>, Refusal> {
    // The address may be a secret: nothing is told of why it is none.
    let url = post.url.parse();
    let url = url.map_err(|_| "its `url` is not a URL".to_owned())?;
    let mut request = Request::new(Method::POST, url);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in post.headers {
        let value = HeaderValue::from_str(&value);
        let mut value = value.map_err(|_| format!("its `{name}` cannot stand in a header"))?;
        value.set_sensitive(name == AUTHORIZATION.as_str());
        headers.insert(HeaderName::from_static(name), value);
    }
    *request.body_mut() = Some(post.body.into());
    *request.timeout_mut() = Some(DELIVERY_WITHIN);
    let reply = app.http.send(request).await;
    let reply = reply.map_err(|error| error.to_string())?;
    if reply.status.is_success() {
        return Ok(reply.body);
    }
    // What it says is mostly the only way to learn what is wrong.
    let said = reply.status.is_client_error();
    Err(Refusal {
        why: format!("it answered {}", reply.status),
        said: said.then(|| channel.masked(&reply.body, post.url)),
        retry_after: retry_after(&reply.headers, app.clock.now()),
    })
}

impl Channel {
    pub(in crate::flow) fn secret(&self, name: &str) -> Option<&SecretString> {
        self.secrets.get(name)
    }

    fn url(&self) -> Result<&str, Refusal> {
        let url = self.secret("url");
        let url = url.ok_or_else(|| "it has no `url`".to_owned())?;
        Ok(url.expose_secret())
    }

    /// The beginning of an answer, without this channel's secrets.
    fn masked(&self, body: &[u8], url: &str) -> String {
        let mut text = String::from_utf8_lossy(body).into_owned();
        for secret in self.secrets.values() {
            let secret = secret.expose_secret();
            if secret.len() >= 4 {
                text = text.replace(secret, "***");
            }
        }
        excerpt(text.as_bytes(), url)
    }
}
