//! Proofs: bearer tokens with the published keys of their issuers, and the provider at which people sign in.

mod keys;
mod links;
mod people;
mod provider;
mod random;
mod sources;

pub use keys::{KeyError, KeySet};
pub use links::link_keys;
pub use people::{PeopleError, SignIn, Way, of_people};
pub use provider::{Provider, ProviderError, error_code};
pub use random::{NoRandomness, secret_text};
pub use sources::{AuthError, of_sources};

use clock::Clock;
use doorward_core::auth::signature;
use doorward_core::auth::token::{BadToken, Expected, key_id};
use jsonwebtoken::{Algorithm, Validation};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// Who may show a token, and where its issuer's keys are.
pub struct Bearer {
    /// The issuer's keys; several sources may share them.
    pub keys: Arc<KeySet>,
    /// What the token must say.
    pub expected: Expected,
    /// Whether it is a CI job's: then what it proves goes along with what is reported.
    pub is_job: bool,
}

/// A token that proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not good.
    #[error(transparent)]
    Bad(#[from] BadToken),
    /// Nobody can tell, since the issuer's keys cannot be had. That is not the sender's fault.
    #[error("the issuer's keys cannot be had at the moment")]
    Unavailable {
        /// When it is worth trying again.
        retry: Duration,
    },
}

impl Bearer {
    /// The claims of a good token.
    pub async fn verify(
        &self,
        token: &str,
        clock: &Clock,
    ) -> Result<Map<String, Value>, TokenError> {
        let id = key_id(token)?;
        let key = self.keys.key(&id).await.map_err(|error| match error {
            KeyError::Unknown => TokenError::Bad(BadToken::UnknownKey),
            KeyError::Unavailable { retry } => TokenError::Unavailable { retry },
        })?;
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &signature_only());
        let claims = decoded.map_err(|_| BadToken::Signature)?.claims;
        self.expected.check(&claims, clock.now())?;
        Ok(claims)
    }
}

/// The library checks the signature, by the algorithm that we name. Everything else is checked by
/// [`Expected::check`]: the library leaves out what a token does not mention, and has a clock of its
/// own.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// How a sender proves itself.
pub enum SenderAuth {
    /// A key that both know.
    SharedKey {
        /// All that are valid: several during a rotation.
        keys: Vec<SecretString>,
        /// Whether it may stand in the query parameter `key`, for senders that cannot set a header.
        query: bool,
    },
    /// A token that Microsoft Entra ID or a CI provider issued.
    Bearer(Box<Bearer>),
    /// A signature of the body, by any of these keys.
    Signature(Vec<signature::Key>),
    /// Nobody sends: doorward fetches.
    Feed(Box<crate::config::Feed>),
}
