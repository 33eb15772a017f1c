//! Approval links: a signed token that names one request, for one purpose, until its end.

use crate::ledger::id::RequestId;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// For whom a token is meant; pinned, so that no other token of the same key passes.
const AUDIENCE: &str = "doorward:requests";

/// What a token is for; pinned likewise.
const PURPOSE: &str = "answer";

/// The fewest bytes a key may have: as long as the hash (RFC 7518, section 3.2).
pub const SHORTEST_KEY: usize = 32;

/// A token that is longer than this is none of ours.
const LONGEST_TOKEN: usize = 1024;

/// The key that signs links, HS256.
pub struct LinkKey {
    sign: EncodingKey,
    verify: DecodingKey,
}

/// A link that does not lead anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not ours, or changed.
    #[error("This link is invalid or incomplete. Open it from the original message.")]
    Invalid,
    /// Its time is over.
    #[error(
        "This link has expired and is no longer valid. The next denial of the same address raises a new request."
    )]
    Over,
}

/// A key that is too short to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key has {0} bytes and needs at least {SHORTEST_KEY}: make one with `openssl rand -base64 32`"
)]
pub struct ShortKey(usize);

impl ShortKey {
    /// A key of so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    sub: String,
    purpose: String,
    exp: i64,
}

impl LinkKey {
    /// A key from its secret.
    pub fn new(secret: &SecretString) -> Result<Self, ShortKey> {
        let bytes = secret.expose_secret().as_bytes();
        if bytes.len() < SHORTEST_KEY {
            return Err(ShortKey(bytes.len()));
        }
        Ok(Self {
            sign: EncodingKey::from_secret(bytes),
            verify: DecodingKey::from_secret(bytes),
        })
    }

    /// The token that names `request` until `until`.
    pub fn sign(&self, request: RequestId, until: Timestamp) -> Result<String, LinkError> {
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: request.to_string(),
            purpose: PURPOSE.to_owned(),
            exp: until.as_second(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign)
            .map_err(|_| LinkError::Invalid)
    }

    /// The request that `token` names, if it is ours, meant for this, and not over at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<RequestId, LinkError> {
        if token.len() > LONGEST_TOKEN {
            return Err(LinkError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.required_spec_claims =
            HashSet::from(["aud".to_owned(), "sub".to_owned(), "exp".to_owned()]);
        // The library would ask the machine's clock; the end is compared below.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verify, &validation)
            .map_err(|_| LinkError::Invalid)?
            .claims;
        if claims.purpose != PURPOSE {
            return Err(LinkError::Invalid);
        }
        if claims.exp <= now.as_second() {
            return Err(LinkError::Over);
        }
        claims.sub.parse().map_err(|_| LinkError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(text: &str) -> LinkKey {
        LinkKey::new(&SecretString::from(text)).unwrap()
    }

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_link_names_its_request_until_its_end() {
        let request = RequestId(Uuid::from_u128(7));
        let token = key(KEY).sign(request, at(100)).unwrap();
        assert_eq!(key(KEY).verify(&token, at(99)), Ok(request));
        assert_eq!(key(KEY).verify(&token, at(100)), Err(LinkError::Over));
    }

    #[test]
    fn a_link_of_another_key_or_purpose_or_algorithm_is_none() {
        let token = key(KEY).sign(RequestId(Uuid::nil()), at(100)).unwrap();
        assert_eq!(
            key("another key that is long enough!!").verify(&token, at(1)),
            Err(LinkError::Invalid)
        );
        let forge = |alg, aud: &str, purpose: &str| {
            let claims = Claims {
                aud: aud.to_owned(),
                sub: Uuid::nil().to_string(),
                purpose: purpose.to_owned(),
                exp: 100,
            };
            jsonwebtoken::encode(
                &Header::new(alg),
                &claims,
                &EncodingKey::from_secret(KEY.as_bytes()),
            )
            .unwrap()
        };
        assert!(
            key(KEY)
                .verify(&forge(Algorithm::HS256, AUDIENCE, PURPOSE), at(1))
                .is_ok()
        );
        assert!(
            key(KEY)
                .verify(&forge(Algorithm::HS384, AUDIENCE, PURPOSE), at(1))
                .is_err()
        );
        assert!(
            key(KEY)
                .verify(&forge(Algorithm::HS256, "doorward:session", PURPOSE), at(1))
                .is_err()
        );
        assert!(
            key(KEY)
                .verify(&forge(Algorithm::HS256, AUDIENCE, "show"), at(1))
                .is_err()
        );
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(
            LinkKey::new(&SecretString::from("short")).err(),
            Some(ShortKey(5))
        );
    }
}
