//! Tokens of doorward's identity for other services than Azure Resource Manager: storage accounts.

use super::token::Tokens;
use super::token_error::TokenError;
use crate::azure::Credential;
use crate::azure::http::Http;
use crate::azure::settings::Endpoints;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::time::OffsetDateTime;
use clock::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long whoever asks for a token may keep it. We keep it ourselves, and renew it in time.
const KEEP_SECONDS: i64 = 600;

/// The tokens of one credential for any service.
#[derive(Debug)]
pub(in crate::azure) struct Audiences {
    credential: Credential,
    endpoints: Endpoints,
    http: Http,
    clock: Clock,
    known: Mutex<BTreeMap<String, Arc<Tokens>>>,
}

impl Audiences {
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
            known: Mutex::default(),
        }
    }

    /// The client that services are asked with.
    pub(in crate::azure) fn http(&self) -> &Http {
        &self.http
    }

    /// The tokens for a scope such as `https://storage.azure.com/.default`.
    pub(in crate::azure) fn of(&self, scope: &str) -> ForAudience {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let endpoints = Endpoints {
                scope: scope.to_owned(),
                ..self.endpoints.clone()
            };
            let (credential, http) = (self.credential.clone(), self.http.clone());
            Arc::new(Tokens::new(credential, endpoints, http, self.clock.clone()))
        };
        let tokens = known.entry(scope.to_owned()).or_insert_with(make);
        ForAudience(Arc::clone(tokens))
    }

    /// Forgets the token of a scope, which its service has refused.
    pub(in crate::azure) fn forget(&self, scope: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(scope);
    }
}

/// The tokens for one service.
#[derive(Clone, Debug)]
pub(in crate::azure) struct ForAudience(Arc<Tokens>);

impl ForAudience {
    /// A token, without `Bearer`.
    pub(in crate::azure) async fn token(&self) -> Result<String, TokenError> {
        let token = self.0.get().await?;
        let text = token.authorization.to_str().unwrap_or_default();
        Ok(text.strip_prefix("Bearer ").unwrap_or_default().to_owned())
    }
}

#[async_trait::async_trait]
impl TokenCredential for ForAudience {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.token().await;
        let token = token.map_err(|error| Error::new(ErrorKind::Credential, error))?;
        let until = Clock::system()
            .now()
            .as_second()
            .saturating_add(KEEP_SECONDS);
        let until = OffsetDateTime::from_unix_timestamp(until);
        let until = until.map_err(|error| Error::new(ErrorKind::Other, error))?;
        Ok(AccessToken::new(token, until))
    }
}
