//! Tokens as Microsoft Entra ID issues them: RS256 JWTs, the key set that they verify against, and
//! who a token speaks for.

use crate::wire::lock;
use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::Clock;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// A signing key and its name in the key set.
struct SigningKey {
    id: String,
    pair: RsaKeyPair,
}

/// Signs tokens and verifies its own.
pub(crate) struct Issuer {
    clock: Clock,
    current: Mutex<Arc<SigningKey>>,
}

/// Why a bearer token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// Not a token of this issuer, or changed.
    Invalid,
    /// It was good once: until this Unix time.
    Expired(i64),
}

impl Issuer {
    /// An issuer with the key that all simulated Azures of this process share: making one takes
    /// a noticeable time.
    pub(crate) fn new(clock: Clock) -> anyhow::Result<Self> {
        static SHARED: OnceLock<Arc<SigningKey>> = OnceLock::new();
        let key = if let Some(key) = SHARED.get() {
            Arc::clone(key)
        } else {
            let made = SigningKey::generate()?;
            Arc::clone(SHARED.get_or_init(|| made))
        };
        let current = Mutex::new(key);
        Ok(Self { clock, current })
    }

    /// Signs with a new key from now on; the old one is no longer published or accepted.
    pub(crate) fn rotate(&self) -> anyhow::Result<()> {
        *lock(&self.current) = SigningKey::generate()?;
        Ok(())
    }

    /// Signs `claims` as they are.
    pub(crate) fn mint(&self, claims: &Value) -> String {
        let key = Arc::clone(&lock(&self.current));
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": key.id, "x5t": key.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; key.pair.public_modulus_len()];
        let random = SystemRandom::new();
        // Signing fails only where memory does; an empty signature is then refused by everybody.
        if key
            .pair
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )
            .is_err()
        {
            signature.clear();
        }
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signs `claims` with `iat`, `nbf` and `exp` by the clock.
    pub(crate) fn mint_for(&self, mut claims: Value, lifetime: Duration) -> String {
        let now = self.clock.now().as_second();
        let end = now.saturating_add_unsigned(lifetime.as_secs());
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("iat".to_owned(), now.into());
            claims.insert("nbf".to_owned(), now.into());
            claims.insert("exp".to_owned(), end.into());
        }
        self.mint(&claims)
    }

    /// The claims of a token that this issuer signed and whose time has not run out.
    pub(crate) fn verify(&self, token: &str) -> Result<Value, BadToken> {
        let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Invalid)?;
        let (_, claims) = signed.split_once('.').ok_or(BadToken::Invalid)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Invalid);
        let key = Arc::clone(&lock(&self.current));
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key())
            .verify(signed.as_bytes(), &decode(signature)?)
            .map_err(|_| BadToken::Invalid)?;
        let claims: Value =
            serde_json::from_slice(&decode(claims)?).map_err(|_| BadToken::Invalid)?;
        match claims.get("exp").and_then(Value::as_i64) {
            Some(end) if end > self.clock.now().as_second() => Ok(claims),
            Some(end) => Err(BadToken::Expired(end)),
            None => Err(BadToken::Invalid),
        }
    }

    /// The key set. As Entra's, its keys name no `alg`.
    pub(crate) fn key_set(&self, issuer: &str) -> Value {
        let key = Arc::clone(&lock(&self.current));
        let [n, e] = modulus_and_exponent(key.pair.public_key().as_ref()).unwrap_or_default();
        json!({ "keys": [{
            "kty": "RSA", "use": "sig", "kid": key.id, "x5t": key.id,
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e), "issuer": issuer,
        }] })
    }
}

impl SigningKey {
    fn generate() -> anyhow::Result<Arc<Self>> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).context("no RSA key could be made")?;
        let id = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes());
        Ok(Arc::new(Self { id, pair }))
    }
}

/// The two integers of an `RSAPublicKey` (RFC 8017, A.1.1) in DER.
fn modulus_and_exponent(der: &[u8]) -> Option<[Vec<u8>; 2]> {
    let (inside, _) = element(der, 0x30)?;
    let (modulus, rest) = element(inside, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    let unsigned = |integer: &[u8]| integer.strip_prefix(&[0]).unwrap_or(integer).to_vec();
    Some([unsigned(modulus), unsigned(exponent)])
}

/// Splits the first element with this tag off: its content, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let (length, rest) = match usize::from(length) {
        short @ 0..=0x7f => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long & 0x7f)?;
            let value = digits.iter().try_fold(0_usize, |value, &digit| {
                value.checked_mul(256)?.checked_add(usize::from(digit))
            })?;
            (value, rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};

    fn issuer() -> Issuer {
        Issuer::new(Clock::set_to("2026-03-01T10:00:00Z".parse().unwrap())).unwrap()
    }

    #[test]
    fn an_independent_library_verifies_a_token_against_the_key_set() {
        let issuer = issuer();
        let token = issuer.mint(&json!({ "aud": "us", "exp": 4_102_444_800_u64, "oid": "me" }));
        let keys: JwkSet = serde_json::from_value(issuer.key_set("https://issuer/")).unwrap();
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        let mut wanted = Validation::new(Algorithm::RS256);
        wanted.set_audience(&["us"]);
        let claims = jsonwebtoken::decode::<Value>(&token, &key, &wanted)
            .unwrap()
            .claims;
        assert_eq!(claims["oid"], "me");
    }

    #[test]
    fn a_token_ends_and_cannot_be_changed() {
        let issuer = issuer();
        let token = issuer.mint_for(json!({ "oid": "me" }), Duration::from_hours(1));
        assert_eq!(issuer.verify(&token).unwrap()["oid"], "me");
        let changed = token.replacen('.', ".x", 1);
        assert_eq!(issuer.verify(&changed), Err(BadToken::Invalid));
        issuer.clock.advance(Duration::from_hours(1));
        assert!(matches!(issuer.verify(&token), Err(BadToken::Expired(_))));
        issuer.rotate().unwrap();
        assert_eq!(issuer.verify(&token), Err(BadToken::Invalid));
    }
}
