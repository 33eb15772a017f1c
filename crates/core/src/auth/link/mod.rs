//! Approval links: a signed token that names one request, for one purpose, until its end. Keys change: a
//! token names its key, and several keys count at once.

#[cfg(test)]
mod tests;

use crate::ledger::id::RequestId;
use aws_lc_rs::hmac;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
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

/// How many hexadecimal digits name a key.
const KEY_ID: usize = 16;

/// A key of links, HS256.
pub struct LinkKey {
    /// What links that it signed call it: a part of a hash that says nothing of the key.
    id: String,
    sign: EncodingKey,
    verify: DecodingKey,
}

/// The keys of links: the first one signs, and all of them count.
pub struct LinkKeys {
    first: LinkKey,
    older: Vec<LinkKey>,
}

/// A link that does not lead anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not a token at all.
    #[error("This link is invalid or incomplete. Open it from the original message.")]
    Invalid,
    /// A token that says something else than what was signed.
    #[error(
        "This link was changed on its way: its signature does not fit. Open it from the original message."
    )]
    Tampered,
    /// Signed with a key that is not, or no longer, among ours.
    #[error(
        "This link was signed with a key that is not in use here, or no longer. The next denial of the same address raises a new request."
    )]
    OtherKey,
    /// Signed by us, for something else.
    #[error("This link is for something else, and neither shows nor answers a request.")]
    OtherPurpose,
    /// Its time is over.
    #[error(
        "This link has expired and is no longer valid. The next denial of the same address raises a new request."
    )]
    Over,
}

/// A token could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link cannot be signed")]
pub struct NotSigned;

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

#[derive(Debug, PartialEq, Serialize, Deserialize)]
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
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let tag = hmac::sign(&key, b"doorward link key id");
        let id = hex(tag.as_ref());
        Ok(Self {
            id: id.chars().take(KEY_ID).collect(),
            sign: EncodingKey::from_secret(bytes),
            verify: DecodingKey::from_secret(bytes),
        })
    }

    /// What `token` says, if this key signed it.
    fn claims(&self, token: &str) -> Result<Claims, LinkError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.required_spec_claims =
            HashSet::from(["aud".to_owned(), "sub".to_owned(), "exp".to_owned()]);
        // The library would ask the machine's clock; the end is compared by whoever asks.
        validation.validate_exp = false;
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.verify, &validation);
        match decoded {
            Ok(decoded) if decoded.claims.purpose != PURPOSE => Err(LinkError::OtherPurpose),
            Ok(decoded) => Ok(decoded.claims),
            Err(error) => Err(why(&error)),
        }
    }
}

/// What is wrong with a token that cannot be decoded.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's errors may become more"
)]
fn why(error: &jsonwebtoken::errors::Error) -> LinkError {
    match error.kind() {
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => LinkError::Tampered,
        ErrorKind::InvalidAudience => LinkError::OtherPurpose,
        _ => LinkError::Invalid,
    }
}

impl LinkKeys {
    /// Keys of which `first` signs, and all count.
    pub fn new(first: LinkKey, older: Vec<LinkKey>) -> Self {
        Self { first, older }
    }

    /// The token that names `request` until `until`.
    pub fn sign(&self, request: RequestId, until: Timestamp) -> Result<String, NotSigned> {
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: request.to_string(),
            purpose: PURPOSE.to_owned(),
            exp: until.as_second(),
        };
        let header = Header {
            kid: Some(self.first.id.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, &claims, &self.first.sign).map_err(|_| NotSigned)
    }

    /// The request that `token` names, if it is ours, meant for this, and not over at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<RequestId, LinkError> {
        if token.len() > LONGEST_TOKEN {
            return Err(LinkError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| LinkError::Invalid)?;
        if header.alg != Algorithm::HS256 {
            return Err(LinkError::Tampered);
        }
        let claims = self.claims(token, header.kid.as_deref())?;
        if claims.exp <= now.as_second() {
            return Err(LinkError::Over);
        }
        claims.sub.parse().map_err(|_| LinkError::Invalid)
    }

    /// What a token says that is signed with the key that it names; one that names none, as links once did
    /// not, may be of any.
    fn claims(&self, token: &str, id: Option<&str>) -> Result<Claims, LinkError> {
        let mut all = std::iter::once(&self.first).chain(&self.older);
        let Some(id) = id else {
            let tried = all.map(|key| key.claims(token));
            let other = |claims: &Result<Claims, LinkError>| *claims != Err(LinkError::Tampered);
            let mut known = tried.filter(other);
            return known.next().unwrap_or(Err(LinkError::Tampered));
        };
        let named = all.find(|key| key.id == id);
        named.ok_or(LinkError::OtherKey)?.claims(token)
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    digits.collect()
}
