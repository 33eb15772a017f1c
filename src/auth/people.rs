//! How people sign in, as configured.

use super::provider::{Client, Provider};
use crate::azure::http::Http;
use crate::config::{self, Config, SignInWay};
use aws_lc_rs::{constant_time, hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::Clock;
use doorward_core::approvals::Approvers;
use doorward_core::auth::sign_in::Admission;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use std::num::NonZeroU32;

/// What the key of forms is derived for, and nothing else.
const PURPOSE: &[u8] = b"doorward forms v1";

/// How many codes are taken to the provider in a second, and at once after a pause: anybody can invent one.
const EXCHANGES: (u32, u32) = (5, 20);

/// A sign-in that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The issuer is no URL.
    #[error("`sign_in.issuer` is not a URL")]
    Issuer,
    /// The key of forms cannot be derived.
    #[error("no key for forms can be derived from the key of links")]
    FormKey,
}

/// How people sign in.
pub struct SignIn {
    /// Where.
    pub way: Way,
    /// Who may.
    pub admission: Admission,
    /// How long a session lasts that is not used.
    pub idle: SignedDuration,
    /// How long it lasts in any case.
    pub longest: SignedDuration,
    /// How often codes are taken to the provider.
    pub exchanges: DefaultDirectRateLimiter,
    forms: hmac::Key,
}

/// Where people sign in.
pub enum Way {
    /// At an identity provider, and doorward keeps the session.
    Provider(Box<Provider>),
    /// At the platform in front of doorward, whose headers say who somebody is.
    EasyAuth {
        /// The tenant whose people are heard, a GUID in lower case.
        tenant_id: String,
    },
}

impl SignIn {
    /// Whoever may sign in may approve, without being listed.
    pub fn approvers(&self) -> Approvers {
        Approvers {
            roles: self.admission.roles.clone(),
            groups: self.admission.groups.clone(),
            ..Approvers::default()
        }
    }

    /// The token that a form carries which is shown to `whom`: a session's id, or who somebody is. A page of
    /// another site cannot read it.
    pub fn form_token(&self, whom: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.forms, whom.as_bytes()))
    }

    /// Whether a form carries the token of `whom`.
    pub fn is_form_token(&self, whom: &str, token: &str) -> bool {
        let own = self.form_token(whom);
        constant_time::verify_slices_are_equal(own.as_bytes(), token.as_bytes()).is_ok()
    }
}

/// How people sign in, if the configuration says so.
///
/// # Errors
/// [`PeopleError`].
pub fn of_people(
    config: &Config,
    (client_secret, link_key): (Option<SecretString>, &SecretString),
    (http, clock): (&Http, &Clock),
) -> Result<Option<SignIn>, PeopleError> {
    let Some(configured) = &config.sign_in else {
        return Ok(None);
    };
    let way = match &configured.way {
        SignInWay::Provider {
            issuer, client_id, ..
        } => {
            let client = Client {
                issuer: issuer.parse().map_err(|_| PeopleError::Issuer)?,
                id: client_id.clone(),
                secret: client_secret,
                redirect_uri: format!("{}/sign-in/callback", config.public_url),
            };
            Way::Provider(Box::new(Provider::new(client, http.clone(), clock.clone())))
        }
        SignInWay::EasyAuth { tenant_id } => Way::EasyAuth {
            tenant_id: tenant_id.clone(),
        },
    };
    Ok(Some(SignIn {
        way,
        admission: configured.admission.clone(),
        idle: span(configured),
        longest: longest(configured),
        exchanges: RateLimiter::direct(quota()),
        forms: form_key(link_key)?,
    }))
}

fn span(configured: &config::SignIn) -> SignedDuration {
    SignedDuration::try_from(configured.idle).unwrap_or(SignedDuration::MAX)
}

fn longest(configured: &config::SignIn) -> SignedDuration {
    SignedDuration::try_from(configured.longest).unwrap_or(SignedDuration::MAX)
}

fn quota() -> Quota {
    let [often, burst] =
        [EXCHANGES.0, EXCHANGES.1].map(|it| NonZeroU32::new(it).unwrap_or(NonZeroU32::MIN));
    Quota::per_second(often).allow_burst(burst)
}

/// A key of its own, derived from one that serves other purposes too (HKDF, RFC 5869).
fn form_key(secret: &SecretString) -> Result<hmac::Key, PeopleError> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
    let secret = salt.extract(secret.expose_secret().as_bytes());
    let derived = secret.expand(&[PURPOSE], hmac::HMAC_SHA256);
    derived
        .map(hmac::Key::from)
        .map_err(|_| PeopleError::FormKey)
}
