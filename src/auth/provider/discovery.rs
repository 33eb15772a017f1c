//! A provider's configuration document.

use super::{EXCHANGE, Provider, ProviderError, error_code, refused, unavailable};
use crate::azure::http::keeps_secrets;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Request, StatusCode, Url};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// How long the document is used before it is read again.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How long after a document that could not be read none is asked for.
const PAUSE: Duration = Duration::from_secs(5);

/// The parts of the configuration document that matter
/// (<https://openid.net/specs/openid-connect-discovery-1_0.html>, section 3).
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The document as it was read.
pub(super) struct Known {
    pub(super) at: Timestamp,
    /// The provider, as its tokens name it.
    pub(super) issuer: String,
    /// Where people sign in.
    pub(super) authorization: Url,
    /// Where codes are taken to.
    pub(super) token: Url,
    /// Whether our secret goes into a header there, not into the form.
    pub(super) basic: bool,
}

impl Provider {
    /// The configuration document, read again where it is old. One that was read stays in use while the
    /// provider does not answer.
    pub(super) async fn known(&self) -> Result<Arc<Known>, ProviderError> {
        let fresh = |known: &Arc<Known>| self.clock.now().duration_since(known.at) < FRESH_FOR;
        if let Some(known) = self.known.load_full().filter(fresh) {
            return Ok(known);
        }
        let mut not_before = self.not_before.lock().await;
        let known = self.known.load_full();
        if let Some(known) = known.clone().filter(fresh) {
            return Ok(known);
        }
        let now = self.clock.now();
        if now < *not_before {
            let what = "it did not answer a moment ago".to_owned();
            return known.ok_or(ProviderError::Unavailable(what));
        }
        match self.read(now).await {
            Ok(read) => {
                let read = Arc::new(read);
                self.known.store(Some(Arc::clone(&read)));
                Ok(read)
            }
            Err(error) => {
                *not_before = clock::add(self.clock.now(), PAUSE);
                tracing::warn!(issuer = %self.client.issuer, %error, "Cannot read the identity provider's configuration");
                known.ok_or(error)
            }
        }
    }

    async fn read(&self, at: Timestamp) -> Result<Known, ProviderError> {
        let issuer = self.client.issuer.as_str().trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let url = url.parse().map_err(|_| refused(&"its issuer is no URL"))?;
        let mut request = Request::new(Method::GET, url);
        *request.timeout_mut() = Some(EXCHANGE);
        let reply = self.http.send(request).await;
        let reply = reply.map_err(|error| unavailable("configuration", &error))?;
        let unusable = |what: String| ProviderError::Unavailable(what);
        if reply.status != StatusCode::OK {
            return Err(unusable(format!(
                "its configuration is answered with {}",
                reply.status
            )));
        }
        let document: Document = serde_json::from_slice(&reply.body)
            .map_err(|error| unusable(format!("its configuration cannot be read: {error}")))?;
        if document.issuer.trim_end_matches('/') != issuer {
            let other = error_code(&document.issuer);
            return Err(unusable(format!("its configuration is that of `{other}`")));
        }
        // Passwords, codes and our secret go there.
        let endpoint = |text: &str| {
            let url = Url::parse(text).ok().filter(keeps_secrets);
            url.ok_or_else(|| unusable("one of its endpoints is not https".to_owned()))
        };
        let methods = document.token_endpoint_auth_methods_supported.as_ref();
        Ok(Known {
            at,
            authorization: endpoint(&document.authorization_endpoint)?,
            token: endpoint(&document.token_endpoint)?,
            // Where the document says nothing, it is the header.
            basic: methods.is_none_or(|all| all.iter().any(|one| one == "client_secret_basic")),
            issuer: document.issuer,
        })
    }
}
