//! Whether a request comes from the sender that its path names. Looked at before anything else.

use super::HttpError;
use crate::auth::SenderAuth;
use crate::auth::{Bearer, TokenError};
use crate::flow::app::{App, Source};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{ConnectInfo, Query};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Uri};
use doorward_core::auth::proof;
use doorward_core::auth::proof::Proof;
use doorward_core::auth::signature;
use doorward_core::auth::signature::Signed;
use doorward_core::auth::token::BadToken;
use doorward_core::net::peer;
use governor::clock::{Clock, DefaultClock};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::caller;
use super::listener::unauthenticated;
use super::listener::unauthenticated::{Permit, ROOM};
use doorward_core::ledger::event::Hash;

/// The header that carries a shared key.
const KEY_HEADER: &str = "x-doorward-key";

/// What a sender is told who is not proven: which kind of proof the source takes, nothing else.
const SHARED_KEY: HttpError = HttpError::Unauthorized {
    challenge: "SharedKey realm=\"doorward\"",
};
const BEARER: HttpError = HttpError::Unauthorized {
    challenge: "Bearer realm=\"doorward\"",
};
const SIGNATURE: HttpError = HttpError::Unauthorized {
    challenge: "Signature realm=\"doorward\"",
};

/// A sender who is proven, or will be once the body is there.
pub(super) struct Sender<'a> {
    /// Who it is.
    pub(super) source: &'a Source,
    /// What else its token proved.
    pub(super) proof: Option<Proof>,
    /// The delivery's own id, where the signature covers one.
    pub(super) delivery_id: Option<String>,
    unproven: Option<(&'a [signature::Key], Permit)>,
}

impl Sender<'_> {
    /// How long its body may take, where one of a proven sender may take `limit`.
    pub(super) fn body_within(&self, limit: Duration) -> Duration {
        match self.unproven {
            Some(_) => limit.min(unauthenticated::WITHIN),
            None => limit,
        }
    }

    /// Proves whoever signs, by the body. To be called before anything is read out of it.
    pub(super) fn with_body(
        &mut self,
        app: &App,
        head: &Parts,
        body: &[u8],
    ) -> Result<(), HttpError> {
        let Some((keys, _seat)) = self.unproven.take() else {
            return Ok(());
        };
        let signed = signed(&head.headers).ok_or(SIGNATURE)?;
        if !signed.is_by(keys, body, app.clock.now()) {
            refused(app, self.source, &"the signature does not fit");
            return Err(SIGNATURE);
        }
        caller::proven_sender(&head.extensions);
        self.delivery_id = Some(signed.id.to_owned());
        within_rate(self.source)
    }
}

/// The sender for the source called `name`: proven by its head and not come too often, or, if it
/// signs, still to be proven by the body.
pub(super) async fn sender<'a>(
    app: &'a App,
    name: &str,
    head: &Parts,
) -> Result<Sender<'a>, HttpError> {
    let source = app.sources.get(name).ok_or(HttpError::UnknownSource)?;
    let mut sender = Sender {
        source,
        proof: None,
        delivery_id: None,
        unproven: None,
    };
    match &source.auth {
        SenderAuth::SharedKey { keys, query } => {
            if !knows_a_key(keys, *query, head) {
                return Err(SHARED_KEY);
            }
        }
        SenderAuth::Bearer(bearer) => {
            let claims = bearer_claims(app, source, bearer, &head.headers).await?;
            sender.proof = bearer.is_job.then(|| Proof {
                claims: proof::kept(&claims),
                peer: peer_of(app, &head.headers, &head.extensions),
            });
        }
        // To whoever sends there is no such source.
        SenderAuth::Feed(_) => return Err(HttpError::UnknownSource),
        SenderAuth::Signature(keys) => {
            let signed = signed(&head.headers);
            if !signed.is_some_and(|signed| signed.is_plausible(app.clock.now())) {
                refused(
                    app,
                    source,
                    &"its headers are missing, or far from our time",
                );
                return Err(SIGNATURE);
            }
            let peer = peer_of(app, &head.headers, &head.extensions);
            let seat = ROOM.seat(peer, &head.headers, source.max_body)?;
            sender.unproven = Some((keys, seat));
            return Ok(sender);
        }
    }
    caller::proven_sender(&head.extensions);
    within_rate(source)?;
    Ok(sender)
}

fn within_rate(source: &Source) -> Result<(), HttpError> {
    // Standard Webhooks asks senders to heed 429, and the HTTP clients of CI jobs do. Azure's own senders
    // and forwarders of logs wait after 503.
    let heeds_429 = match &source.auth {
        SenderAuth::Signature(_) => true,
        SenderAuth::Bearer(bearer) => bearer.is_job,
        SenderAuth::SharedKey { .. } | SenderAuth::Feed(_) => false,
    };
    source.limiter.check().map_err(|early| HttpError::TooMany {
        wait: early.wait_time_from(DefaultClock::default().now()),
        heeds_429,
    })
}

/// Tells operators, not the sender, why somebody is not heard.
fn refused(app: &App, source: &Source, why: &dyn Display) {
    let refusals = &app.memory.refusals;
    if refusals.may_tell(Some(&source.name), "sender_not_proven") {
        tracing::info!(source = source.name, %why, "Sender authentication failed");
    }
}

async fn bearer_claims(
    app: &App,
    source: &Source,
    bearer: &Bearer,
    headers: &HeaderMap,
) -> Result<Map<String, Value>, HttpError> {
    let verified = match bearer_token(headers) {
        Some(token) => bearer.verify(token, &app.clock).await,
        None => Err(TokenError::Bad(BadToken::Missing)),
    };
    verified.map_err(|error| {
        refused(app, source, &error);
        match error {
            TokenError::Bad(_) => BEARER,
            TokenError::Unavailable { retry } => HttpError::NoKeys { wait: retry },
        }
    })
}

/// The token of the one `Authorization` header (RFC 6750, section 2.1).
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = single(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start_matches(' '))
}

/// A header's value; none if it stands there twice.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn signed(headers: &HeaderMap) -> Option<Signed<'_>> {
    Some(Signed {
        id: single(headers, "webhook-id")?,
        timestamp: single(headers, "webhook-timestamp")?,
        signatures: single(headers, "webhook-signature")?,
    })
}

/// Where the connection comes from, as far as trusted proxies tell.
pub(super) fn peer_of(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(direct) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    // A value that is no text counts as one that says nothing.
    let values = headers.get_all("x-forwarded-for").iter();
    let values: Vec<&str> = values.map(|value| value.to_str().unwrap_or("?")).collect();
    let entries = values.iter().flat_map(|value| value.split(','));
    peer::peer(direct.ip(), entries, &app.trusted_proxies)
}

fn knows_a_key(keys: &[SecretString], query: bool, head: &Parts) -> bool {
    let offered = in_header(&head.headers)
        .or_else(|| query.then(|| in_query(&head.uri)).flatten())
        .unwrap_or_default();
    one_of(keys, &offered)
}

/// Compares with every key, to the end, whichever fits: neither the time nor the length of what was
/// offered tells anything about the keys.
pub(super) fn one_of(keys: &[SecretString], offered: &[u8]) -> bool {
    let offered_hash = Hash::of(offered);
    let fits = keys.iter().fold(false, |fits, key| {
        let key = Hash::of(key.expose_secret().as_bytes());
        fits | verify_slices_are_equal(key.as_bytes(), offered_hash.as_bytes()).is_ok()
    });
    fits && !offered.is_empty()
}

/// The key in the header; none if the header stands there twice.
fn in_header(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes().to_vec()),
        _ => None,
    }
}

#[derive(Deserialize)]
struct KeyParameter {
    key: String,
}

/// The query parameter `key`; none if it stands there twice. A plus sign means itself: keys made by
/// `openssl rand -base64` have them, and no key has a space.
fn in_query(uri: &Uri) -> Option<Vec<u8>> {
    let query = uri.query()?.replace('+', "%2B");
    let uri: Uri = format!("/?{query}").parse().ok()?;
    let Query(parameter) = Query::<KeyParameter>::try_from_uri(&uri).ok()?;
    Some(parameter.key.into_bytes())
}

#[cfg(test)]
mod tests;
