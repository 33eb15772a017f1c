//! What a bearer token says of its sender, and whether that is whom we wait for. Its signature is
//! checked elsewhere; nothing in here is believed before.

use super::proof::{ClaimIs, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest token that is looked at, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// How far the issuer's clock and ours may be apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// What a token must say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// `iss` is one of these.
    pub issuers: Vec<String>,
    /// `aud` is, or holds, one of these, whatever the case.
    pub audiences: Vec<String>,
    /// `tid` is this, where it is asked for.
    pub tenant: Option<String>,
    /// `appid` (v1) or `azp` (v2) is this, where it is asked for.
    pub app: Option<String>,
    /// `roles` holds this, where it is asked for.
    pub role: Option<String>,
    /// Each of these claims is there and matches.
    pub claims: Vec<ClaimIs>,
}

/// Why a token is not good. For the log; the sender is told none of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// No token, or several.
    #[error("there is no single `Authorization: Bearer` header")]
    Missing,
    /// Longer than [`LONGEST`].
    #[error("the token is longer than {LONGEST} bytes")]
    Oversized,
    /// Not a token.
    #[error("the token is no signed JWT")]
    Malformed,
    /// Another algorithm than RS256.
    #[error("the token is not signed with RS256")]
    Algorithm,
    /// No published key has its `kid`.
    #[error("the issuer publishes no key with the token's `kid`")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature is not the issuer's")]
    Signature,
    /// A claim that must be there is not.
    #[error("the token has no `{0}`, or none that can be read")]
    NoClaim(&'static str),
    /// A claim says something else.
    #[error("the token's `{0}` is another than the source expects")]
    Other(String),
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    Early,
}

/// The part of a token's header that matters.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// The `kid` of a token that could be good: of a bearable length, in three parts, RS256.
pub fn key_id(token: &str) -> Result<String, BadToken> {
    if token.len() > LONGEST {
        return Err(BadToken::Oversized);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(BadToken::Malformed);
    };
    let header = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| BadToken::Malformed)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| BadToken::Malformed)?;
    // An extension that must be understood (RFC 7515, section 4.1.11) is not understood here.
    if header.alg != "RS256" || header.crit.is_some() {
        return Err(BadToken::Algorithm);
    }
    if signature.is_empty() {
        return Err(BadToken::Malformed);
    }
    header.kid.ok_or(BadToken::UnknownKey)
}

impl Expected {
    /// Whether the claims of a token whose signature is good are what is expected, now.
    pub fn check(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), BadToken> {
        let text = |name: &'static str| claims.get(name).and_then(Value::as_str);
        let issuer = text("iss").ok_or(BadToken::NoClaim("iss"))?;
        if !self.issuers.iter().any(|known| known == issuer) {
            return Err(other("iss"));
        }
        let known = |audience: &str| {
            let same = |known: &String| known.eq_ignore_ascii_case(audience);
            self.audiences.iter().any(same)
        };
        match claims.get("aud") {
            Some(Value::String(audience)) if known(audience) => {}
            Some(Value::Array(all)) if all.iter().filter_map(Value::as_str).any(known) => {}
            Some(Value::String(_) | Value::Array(_)) => return Err(other("aud")),
            _ => return Err(BadToken::NoClaim("aud")),
        }
        within_its_time(claims, now)?;
        self.sender(claims)?;
        self.job(claims)
    }

    /// The tenant, the application and its role.
    fn sender(&self, claims: &Map<String, Value>) -> Result<(), BadToken> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if let Some(tenant) = &self.tenant {
            let tid = text("tid").ok_or(BadToken::NoClaim("tid"))?;
            if !tid.eq_ignore_ascii_case(tenant) {
                return Err(other("tid"));
            }
        }
        if let Some(app) = &self.app {
            let named = ["appid", "azp"].map(|name| claims.get(name));
            if named.iter().all(Option::is_none) {
                return Err(BadToken::NoClaim("appid"));
            }
            let is_it = |value: &&Value| {
                value
                    .as_str()
                    .is_some_and(|id| id.eq_ignore_ascii_case(app))
            };
            if !named.iter().flatten().all(is_it) {
                return Err(other("appid"));
            }
        }
        if let Some(role) = &self.role {
            let roles = claims.get("roles").and_then(Value::as_array);
            let roles = roles.ok_or(BadToken::NoClaim("roles"))?;
            if !roles.iter().any(|one| one == role) {
                return Err(other("roles"));
            }
        }
        Ok(())
    }

    /// What the configuration wants to know of a CI job.
    fn job(&self, claims: &Map<String, Value>) -> Result<(), BadToken> {
        for wanted in &self.claims {
            let value = claims.get(&wanted.name).and_then(text);
            if !value.is_some_and(|value| wanted.holds(&value)) {
                return Err(BadToken::Other(wanted.name.clone()));
            }
        }
        Ok(())
    }
}

fn other(claim: &str) -> BadToken {
    BadToken::Other(claim.to_owned())
}

fn within_its_time(claims: &Map<String, Value>, now: Timestamp) -> Result<(), BadToken> {
    let end = seconds(claims, "exp")?.ok_or(BadToken::NoClaim("exp"))?;
    if now.as_second() >= end.saturating_add(LEEWAY.as_secs()) {
        return Err(BadToken::Expired);
    }
    // Nobody can have issued it in the future, either.
    for begins in ["nbf", "iat"] {
        let start = seconds(claims, begins)?.unwrap_or(i64::MIN);
        if now.as_second() < start.saturating_sub(LEEWAY.as_secs()) {
            return Err(BadToken::Early);
        }
    }
    Ok(())
}

/// A time since the Unix epoch, fractions cut off (RFC 7519, `NumericDate`). One that no calendar has is
/// none that can be read.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, BadToken> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let whole = match value.as_i64() {
        Some(whole) => Some(whole),
        None => value.as_f64().and_then(whole_seconds),
    };
    let at = whole.and_then(|whole| Timestamp::from_second(whole).ok());
    at.map(|at| Some(at.as_second()))
        .ok_or(BadToken::NoClaim(name))
}

/// The whole seconds of a number with a fraction or an exponent.
fn whole_seconds(seconds: f64) -> Option<i64> {
    let seconds = SignedDuration::try_from_secs_f64(seconds.floor()).ok()?;
    Some(seconds.as_secs())
}

#[cfg(test)]
mod tests;
