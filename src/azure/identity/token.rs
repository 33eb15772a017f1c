//! Tokens for Azure Resource Manager: had once, shared, renewed before they end.
//!
//! Every fetch sets the credential up afresh: so a secret or token file that was changed is read
//! again, and a token that ARM refuses is not handed out again by a cache further down.

use super::credential::Credential;
use super::token_error::TokenError;
use crate::azure::http::Http;
use crate::azure::settings::Endpoints;
use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long getting a token may take: `az` starts slowly, and a machine's identity endpoint asks
/// its callers for patience.
const FETCH_TIMEOUT: Duration = Duration::from_secs(45);

/// How long before its end a token is renewed.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// The tokens of one credential for one scope.
#[derive(Debug)]
pub(in crate::azure) struct Tokens {
    credential: Credential,
    endpoints: Endpoints,
    http: Http,
    clock: Clock,
    /// Counts the fetches that have ended, so that who waited for one shares its failure.
    fetches: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    failure: Option<TokenError>,
}

#[derive(Clone, Debug)]
struct Held {
    token: Token,
    ends: Option<Timestamp>,
}

/// A token, ready to be sent. Its `Debug` form does not show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::azure) struct Token {
    /// `Bearer …`
    pub(in crate::azure) authorization: HeaderValue,
    fetch: u64,
}

impl Tokens {
    pub(in crate::azure) fn new(
        credential: Credential,
        endpoints: Endpoints,
        http: Http,
        clock: Clock,
    ) -> Self {
        Self {
            credential,
            endpoints,
            http,
            clock,
            fetches: AtomicU64::new(0),
            state: Mutex::new(State::default()),
        }
    }

    /// Sets the credential up without asking anybody, so that a missing variable or file is told
    /// at the start.
    pub(in crate::azure) fn check(&self) -> Result<(), TokenError> {
        match &self.credential {
            Credential::StaticToken(token) => token.read().map(drop).map_err(|e| self.refused(&e)),
            _ => self.set_up().map(drop),
        }
    }

    /// The kind of the credential.
    pub(in crate::azure) fn credential(&self) -> &'static str {
        self.credential.kind()
    }

    /// A token that is good for a while. Callers at the same time share one fetch.
    pub(in crate::azure) async fn get(&self) -> Result<Token, TokenError> {
        let before = self.fetches.load(Ordering::SeqCst);
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        let left = |held: &Held| held.ends.map(|ends| ends.duration_since(now));
        if let Some(held) = &state.held
            && left(held).is_none_or(|left| left > RENEW_BEFORE)
        {
            return Ok(held.token.clone());
        }
        let fetches = self.fetches.load(Ordering::SeqCst);
        if let Some(failure) = &state.failure
            && fetches != before
        {
            return Err(failure.clone());
        }
        let outcome = self.fetch(fetches).await;
        self.fetches
            .store(fetches.wrapping_add(1), Ordering::SeqCst);
        match outcome {
            Ok(held) => {
                tracing::debug!(credential = %self.credential, ends = ?held.ends, "got a token");
                state.failure = None;
                Ok(state.held.insert(held).token.clone())
            }
            Err(error) => {
                if let Some(held) = &state.held
                    && left(held).is_some_and(|left| left.is_positive())
                {
                    tracing::warn!(%error, "the token could not be renewed; the one at hand is still good");
                    return Ok(held.token.clone());
                }
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Forgets `token`, which ARM has refused; one fetched since stays.
    pub(in crate::azure) async fn forget(&self, token: &Token) {
        let mut state = self.state.lock().await;
        if state.held.as_ref().is_some_and(|held| held.token == *token) {
            state.held = None;
        }
    }

    async fn fetch(&self, fetch: u64) -> Result<Held, TokenError> {
        let (secret, ends) = match &self.credential {
            Credential::StaticToken(token) => {
                let token = token.read().map_err(|error| self.refused(&error))?;
                (token.expose_secret().trim().to_owned(), None)
            }
            Credential::ManagedIdentity { .. }
            | Credential::WorkloadIdentity { .. }
            | Credential::AzureCli
            | Credential::ClientSecret { .. } => self.ask().await?,
        };
        let mut authorization = HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| self.refused(&"it holds a character that no token has"))?;
        authorization.set_sensitive(true);
        Ok(Held {
            token: Token {
                authorization,
                fetch,
            },
            ends,
        })
    }

    async fn ask(&self) -> Result<(String, Option<Timestamp>), TokenError> {
        let kind = self.credential.kind();
        let credential = self.set_up()?;
        let scopes = [self.endpoints.scope.as_str()];
        let token = tokio::time::timeout(FETCH_TIMEOUT, credential.get_token(&scopes, None))
            .await
            .map_err(|_| TokenError::Unavailable {
                kind,
                why: format!("nothing came within {} s", FETCH_TIMEOUT.as_secs()),
            })?
            .map_err(|error| TokenError::read(kind, &error))?;
        let ends = self.end(token.expires_on.unix_timestamp());
        Ok((token.token.secret().to_owned(), Some(ends)))
    }

    /// When a token ends, by our clock. Entra says how long a token lasts, and `azure_identity`
    /// adds that to the machine's time; the other endpoints name the time itself.
    fn end(&self, expires_on: i64) -> Timestamp {
        let ends = Timestamp::from_second(expires_on).unwrap_or(Timestamp::MAX);
        match self.credential {
            Credential::WorkloadIdentity { .. } | Credential::ClientSecret { .. } => {
                let lasts = ends.duration_since(Clock::system().now());
                clock::add(
                    self.clock.now(),
                    Duration::try_from(lasts).unwrap_or_default(),
                )
            }
            _ => ends,
        }
    }

    fn set_up(&self) -> Result<Arc<dyn TokenCredential>, TokenError> {
        self.credential_of_azure().map_err(|error| {
            match TokenError::read(self.credential.kind(), &error) {
                TokenError::Unavailable { kind, why } => TokenError::Refused { kind, why },
                refused @ TokenError::Refused { .. } => refused,
            }
        })
    }

    fn credential_of_azure(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let client_options = self.client_options();
        Ok(match &self.credential {
            Credential::ManagedIdentity { client_id } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                }))?
            }
            Credential::WorkloadIdentity {
                tenant_id,
                client_id,
                token_file,
            } => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                client_id: client_id.clone(),
                tenant_id: tenant_id.clone(),
                token_file_path: token_file.clone(),
            }))?,
            Credential::ClientSecret {
                tenant_id,
                client_id,
                secret,
            } => {
                let secret = secret.read().map_err(credential_error)?;
                ClientSecretCredential::new(
                    tenant_id,
                    client_id.clone(),
                    Secret::new(secret.expose_secret().to_owned()),
                    Some(ClientSecretCredentialOptions { client_options }),
                )?
            }
            Credential::AzureCli => AzureCliCredential::new(None)?,
            Credential::StaticToken(_) => {
                return Err(credential_error("a static token is not asked for"));
            }
        })
    }

    /// Our client as the transport, our authority, and no retries: who needs the token tries again.
    /// (For a virtual machine's identity `azure_identity` keeps the retries that Azure asks for.)
    fn client_options(&self) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.endpoints.authority.to_string();
        ClientOptions {
            transport: Some(Transport::new(Arc::new(self.http.clone()))),
            cloud: Some(Arc::new(cloud.into())),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        }
    }

    fn refused(&self, why: &dyn std::fmt::Display) -> TokenError {
        TokenError::Refused {
            kind: self.credential.kind(),
            why: why.to_string(),
        }
    }
}

fn credential_error<E>(error: E) -> azure_core::Error
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    azure_core::Error::new(azure_core::error::ErrorKind::Credential, error)
}
