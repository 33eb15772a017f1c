//! An identity provider at which people sign in: `OpenID` Connect, authorization code with PKCE.
//!
//! Nothing is fetched before somebody signs in, and every exchange has a time limit: a provider that is
//! down or hangs costs whoever signs in, and nobody else.

mod discovery;
mod exchange;

use super::{KeyError, KeySet, signature_only};
use crate::azure::http::{Http, SendError};
use arc_swap::ArcSwapOption;
use clock::Clock;
use discovery::Known;
use doorward_core::auth::sign_in::{NotSignedIn, Question};
use doorward_core::auth::token::{BadToken, key_id};
use jiff::Timestamp;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// How long each exchange with the provider may take.
const EXCHANGE: Duration = Duration::from_secs(8);

/// The longest authorization code that is passed on, in bytes.
const LONGEST_CODE: usize = 4096;

/// What a sign-in asks for: who somebody is, and their name.
const SCOPE: &str = "openid profile";

/// A sign-in that failed.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider cannot be asked. The reason is for the log.
    #[error("the identity provider cannot be asked: {0}")]
    Unavailable(String),
    /// The provider refuses. The reason is for the log.
    #[error("the identity provider refused the sign-in: {0}")]
    Refused(String),
    /// What it answered proves nothing.
    #[error(transparent)]
    NotSignedIn(#[from] NotSignedIn),
}

/// We, as the provider knows us.
#[derive(Debug)]
pub struct Client {
    /// The provider: where its configuration document is found.
    pub issuer: Url,
    /// Our id there.
    pub id: String,
    /// Our secret there; none for a public client.
    pub secret: Option<SecretString>,
    /// Where it sends people back to.
    pub redirect_uri: String,
}

/// An identity provider.
pub struct Provider {
    client: Client,
    http: Http,
    clock: Clock,
    keys: Arc<KeySet>,
    known: ArcSwapOption<Known>,
    /// Until when no document is asked for. Held while one is.
    not_before: tokio::sync::Mutex<Timestamp>,
}

impl Provider {
    /// The provider of `client`; nothing is asked of it yet.
    pub fn new(client: Client, http: Http, clock: Clock) -> Self {
        let keys = KeySet::of_provider(client.issuer.clone(), http.clone(), clock.clone());
        Self {
            client,
            http,
            clock,
            keys,
            known: ArcSwapOption::empty(),
            not_before: tokio::sync::Mutex::new(Timestamp::MIN),
        }
    }

    /// The issuer as its configuration names it, for what it vouched for.
    pub fn issuer(&self) -> &str {
        self.client.issuer.as_str()
    }

    /// Where somebody goes to sign in.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub async fn sign_in_url(
        &self,
        state: &str,
        nonce: &str,
        challenge: &str,
    ) -> Result<Url, ProviderError> {
        let known = self.known().await?;
        let mut url = known.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("client_id", &self.client.id)
            .append_pair("redirect_uri", &self.client.redirect_uri)
            .append_pair("scope", SCOPE)
            .append_pair("state", state)
            .append_pair("nonce", nonce)
            .append_pair("code_challenge", challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Whether `issuer`, which came with an answer (RFC 9207), is this provider.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub async fn is_issuer(&self, issuer: &str) -> Result<bool, ProviderError> {
        Ok(self.known().await?.issuer == issuer)
    }

    /// What the ID token says that is had for `code`: its signature is good, and it answers the question that
    /// `nonce` was sent with.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        nonce: &str,
    ) -> Result<Map<String, Value>, ProviderError> {
        if code.is_empty() || code.len() > LONGEST_CODE {
            return Err(ProviderError::Refused("its code is no code".to_owned()));
        }
        let known = self.known().await?;
        let token = self.exchange(&known, code, verifier).await?;
        let id = key_id(&token).map_err(NotSignedIn::Token)?;
        let key = self.keys.key(&id).await.map_err(|error| match error {
            KeyError::Unknown => NotSignedIn::Token(BadToken::UnknownKey).into(),
            KeyError::Unavailable { .. } => {
                ProviderError::Unavailable("its keys cannot be had".to_owned())
            }
        })?;
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(&token, &key, &signature_only());
        let claims = decoded
            .map_err(|_| NotSignedIn::Token(BadToken::Signature))?
            .claims;
        let question = Question {
            issuer: &known.issuer,
            client_id: &self.client.id,
            nonce,
        };
        question.is_answered_by(&claims, self.clock.now())?;
        Ok(claims)
    }
}

/// A code as it may stand in a log.
pub fn error_code(code: &str) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "_-.:/".contains(*letter);
    code.chars().filter(plain).take(100).collect()
}

fn refused(what: &dyn Display) -> ProviderError {
    ProviderError::Refused(what.to_string())
}

fn unavailable(what: &str, error: &SendError) -> ProviderError {
    ProviderError::Unavailable(format!("its {what}: {error}"))
}
