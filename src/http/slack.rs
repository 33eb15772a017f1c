//! `POST /slack/interactions`: a press of a button in Slack, proven by Slack's signature of the body.

use super::listener::body;
use super::listener::unauthenticated::{self, ROOM};
use super::{HttpError, Web, auth, caller};
use crate::flow::chat;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use doorward_core::auth::slack::{Press, Signed, press};
use reqwest::Url;
use std::time::Duration;

/// The largest body: Slack sends the whole message along.
const LARGEST: usize = 256 << 10;

/// How long an answer may take: Slack gives up after three seconds, and whoever pressed is told before.
const ANSWER_WITHIN: Duration = Duration::from_millis(1_800);

/// What is answered to whoever is not Slack.
const NOT_SLACK: HttpError = HttpError::Unauthorized {
    challenge: "Signature realm=\"doorward\"",
};

/// Takes a press. Slack is answered once it is written down: one that cannot be is shown to fail, and can be
/// pressed again.
pub(super) async fn interactions(State(web): State<Web>, request: Request) -> Response {
    let pressed = pressed(&web, request).await;
    pressed.unwrap_or_else(IntoResponse::into_response)
}

async fn pressed(web: &Web, request: Request) -> Result<Response, HttpError> {
    let app = &web.app;
    if !chat::is_heard(app) {
        return Err(HttpError::NotFound);
    }
    let (head, sent) = request.into_parts();
    let signed = signed(&head.headers).filter(|signed| signed.is_timely(app.clock.now()));
    let signed = signed.ok_or(NOT_SLACK)?;
    let peer = auth::peer_of(app, &head.headers, &head.extensions);
    let permit = ROOM.seat(peer, &head.headers, LARGEST)?;
    let sent: Bytes = body::whole(&head.headers, sent, LARGEST, unauthenticated::WITHIN).await?;
    drop(permit);
    let channel = chat::channel(app, &signed, &sent).ok_or(NOT_SLACK)?;
    caller::proven(&head.extensions);
    let unreadable = || HttpError::BadOrder("this is no press of a button".to_owned());
    let payload = payload(&sent).ok_or_else(unreadable)?;
    let Some(press) = press(&payload).map_err(|_| unreadable())? else {
        // A button that only opens a page: there is nothing to do.
        return Ok(().into_response());
    };
    let told = answered(web, &press).await?;
    if let Some(text) = told {
        chat::tell(app, channel, &press, &text).await;
    }
    Ok(().into_response())
}

async fn answered(web: &Web, press: &Press) -> Result<Option<String>, HttpError> {
    let answered = tokio::time::timeout(ANSWER_WITHIN, chat::press(&web.app, press)).await;
    answered.map_err(|_| HttpError::Unavailable)
}

/// The JSON in the form that Slack sends.
fn payload(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    let form = Url::parse(&format!("form:?{body}")).ok()?;
    let mut payloads = form.query_pairs().filter(|(name, _)| name == "payload");
    match (payloads.next(), payloads.next()) {
        (Some((_, payload)), None) => Some(payload.into_owned()),
        _ => None,
    }
}

/// What the headers say of the signature; nothing if one is there twice.
fn signed(headers: &HeaderMap) -> Option<Signed<'_>> {
    let single = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    Some(Signed {
        timestamp: single("x-slack-request-timestamp")?,
        signature: single("x-slack-signature")?,
    })
}
