//! A signed delivery in the form of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

/// How far the sender's clock and ours may be apart.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// How many signatures of one delivery are looked at.
const MOST_SIGNATURES: usize = 16;

/// The longest id of a delivery, in bytes.
const LONGEST_ID: usize = 256;

/// The shortest secret, in bytes.
const SHORTEST_KEY: usize = 16;

/// What marks a secret that is written in base64.
const PREFIX: &str = "whsec_";

/// A secret that deliveries are signed with. Cheap to check with, and it does not print itself.
pub struct Key {
    forms: Vec<hmac::Key>,
}

/// A secret that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The prefix promises what does not follow.
    #[error("what follows `whsec_` is not base64: copy the secret whole, as the sender shows it")]
    NotBase64,
    /// Anybody could guess it.
    #[error("it is shorter than {SHORTEST_KEY} bytes: make another with `openssl rand -base64 32`")]
    Short,
}

/// What the headers of a delivery say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// `webhook-id`: the same id is the same delivery.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since the Unix epoch.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more of `v1,<base64>`, divided by blanks.
    pub signatures: &'a str,
}

impl Key {
    /// Reads a secret: `whsec_` and base64, or any text. A text that happens to be base64 is tried as
    /// both, since senders' libraries differ in that.
    pub fn new(secret: &str) -> Result<Self, KeyError> {
        let forms: Vec<Vec<u8>> = match secret.strip_prefix(PREFIX) {
            Some(coded) => vec![STANDARD.decode(coded).map_err(|_| KeyError::NotBase64)?],
            None => [
                Some(secret.as_bytes().to_vec()),
                STANDARD.decode(secret).ok(),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        let forms: Vec<hmac::Key> = forms
            .iter()
            .filter(|bytes| bytes.len() >= SHORTEST_KEY)
            .map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, bytes))
            .collect();
        if forms.is_empty() {
            return Err(KeyError::Short);
        }
        Ok(Self { forms })
    }

    /// The signature of a delivery of one's own. Of a secret that is base64 too the bytes that this
    /// means are taken, as receivers' libraries do.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp}.");
        let content = [head.as_bytes(), body].concat();
        let tags = self.forms.last().map(|key| hmac::sign(key, &content));
        tags.map_or_else(String::new, |tag| {
            format!("v1,{}", STANDARD.encode(tag.as_ref()))
        })
    }
}

impl Signed<'_> {
    /// Whether this could be a good signature at all: looked at before the body is read.
    pub fn is_plausible(&self, now: Timestamp) -> bool {
        // A dot in the id would let a signature be read in two ways.
        let id = !self.id.is_empty() && self.id.len() <= LONGEST_ID && !self.id.contains('.');
        let digits = self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at = self.timestamp.parse().ok();
        let at = at.and_then(|second| Timestamp::from_second(second).ok());
        let timely = at.is_some_and(|at| now.duration_since(at).abs() <= TOLERANCE);
        id && digits && timely && self.candidates().next().is_some()
    }

    /// Whether one of the keys signed this body at a time that is near. Every key is tried with every
    /// signature, whichever fits, and each comparison takes the same time.
    pub fn is_by(&self, keys: &[Key], body: &[u8], now: Timestamp) -> bool {
        if !self.is_plausible(now) {
            return false;
        }
        let head = format!("{}.{}.", self.id, self.timestamp);
        let content = [head.as_bytes(), body].concat();
        let candidates: Vec<Vec<u8>> = self.candidates().collect();
        let mut fits = false;
        for key in keys.iter().flat_map(|key| &key.forms) {
            let tag = hmac::sign(key, &content);
            for candidate in &candidates {
                let same =
                    aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), candidate);
                fits |= same.is_ok();
            }
        }
        fits
    }

    fn candidates(&self) -> impl Iterator<Item = Vec<u8>> {
        let parts = self
            .signatures
            .split_ascii_whitespace()
            .take(MOST_SIGNATURES);
        parts.filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const EXAMPLE: Signed<'_> = Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn is_good(signed: Signed<'_>, secret: &str, body: &[u8], later: i64) -> bool {
        let now = Timestamp::from_second(1_614_265_330 + later).unwrap();
        signed.is_by(&[Key::new(secret).unwrap()], body, now)
    }

    #[test]
    fn the_published_example_is_good_within_five_minutes() {
        for (later, good) in [
            (0, true),
            (300, true),
            (-300, true),
            (301, false),
            (-301, false),
        ] {
            assert_eq!(is_good(EXAMPLE, SECRET, BODY, later), good, "{later}");
        }
        let bare = SECRET.strip_prefix(PREFIX).unwrap();
        assert!(is_good(EXAMPLE, bare, BODY, 0));
    }

    #[test]
    fn any_change_makes_it_bad() {
        assert!(!is_good(EXAMPLE, SECRET, br#"{"test": 2432232315}"#, 0));
        assert!(!is_good(
            EXAMPLE,
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            BODY,
            0
        ));
        for changed in [
            Signed {
                id: "msg_other",
                ..EXAMPLE
            },
            Signed { id: "", ..EXAMPLE },
            Signed {
                timestamp: "1614265331",
                ..EXAMPLE
            },
            Signed {
                timestamp: "+1614265330",
                ..EXAMPLE
            },
            Signed {
                signatures: "",
                ..EXAMPLE
            },
            Signed {
                signatures: "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                ..EXAMPLE
            },
            Signed {
                signatures: "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                ..EXAMPLE
            },
            Signed {
                signatures: "v1,",
                ..EXAMPLE
            },
        ] {
            assert!(!is_good(changed, SECRET, BODY, 0), "{changed:?}");
        }
    }

    #[test]
    fn one_good_signature_of_several_and_one_good_key_of_several_will_do() {
        let several = Signed {
            signatures: "v1,AAAA v1a,b64 v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ..EXAMPLE
        };
        let keys = ["a text of sixteen bytes", SECRET].map(|key| Key::new(key).unwrap());
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        assert!(several.is_by(&keys, BODY, now));
    }

    #[test]
    fn a_dot_cannot_move_between_the_parts() {
        let shifted = Signed {
            id: "msg.1614265330",
            ..EXAMPLE
        };
        assert!(!shifted.is_plausible(Timestamp::from_second(1_614_265_330).unwrap()));
    }

    #[test]
    fn secrets_that_cannot_be_used_say_why() {
        assert_eq!(Key::new("whsec_???").err(), Some(KeyError::NotBase64));
        assert_eq!(Key::new("whsec_AAAA").err(), Some(KeyError::Short));
        assert_eq!(Key::new("short").err(), Some(KeyError::Short));
    }
}
