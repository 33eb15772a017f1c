//! What a sender's token proved beyond who it is, and what it takes to be believed about an address.

use crate::policy::{GLOB_HINT, Glob, Style};
use crate::yaml::Item;
use crate::yaml::problem::Sink;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The most claims of a token that are kept.
const MOST_CLAIMS: usize = 64;

/// The longest name and the longest value of a claim that are kept, in bytes.
const LONGEST: usize = 256;

/// Claims that say nothing about the job: the token's own, and personal data.
const LEFT_OUT: [&str; 8] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "nonce",
    "user_email",
];

/// What the token of a CI job proved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What its provider says about the job, by the claims' names.
    pub claims: BTreeMap<String, String>,
    /// Where the job's connection came from; `None` where the proxies in front do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
}

impl Proof {
    /// Whether the job speaks from this address itself.
    pub fn is_from(&self, address: IpAddr) -> bool {
        let peer = self.peer.map(|peer| peer.to_canonical());
        peer == Some(address.to_canonical())
    }

    /// A claim's value.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).map(String::as_str)
    }
}

/// The claims that are worth keeping: texts, numbers and truths of a bounded size. One that is longer
/// is left out whole, since a part of it would be another claim.
pub fn kept(claims: &Map<String, Value>) -> BTreeMap<String, String> {
    let named = claims
        .iter()
        .filter(|(name, _)| name.len() <= LONGEST && !LEFT_OUT.contains(&name.as_str()));
    let texts = named.filter_map(|(name, value)| Some((name.clone(), text(value)?)));
    texts.take(MOST_CLAIMS).collect()
}

/// A claim's value as text.
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (text.len() <= LONGEST).then_some(text)
}

/// A claim and what it may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimIs {
    /// The claim's name: `repository`.
    pub name: String,
    /// Patterns, one of which it must match.
    pub any: Vec<Glob>,
}

impl ClaimIs {
    /// Whether any value at all will do.
    pub fn is_anything(&self) -> bool {
        self.any.iter().any(Glob::is_anything)
    }

    /// Whether this value will do.
    pub fn holds(&self, value: &str) -> bool {
        self.any.iter().any(|glob| glob.matches(value))
    }
}

/// Reads a mapping of claims to the patterns that they must match: `{ repository: contoso/api }`.
pub fn read_claims(item: &Item<'_>, sink: &mut Sink<'_>) -> Vec<ClaimIs> {
    let mut claims = Vec::new();
    for (name, item) in item.entries(sink) {
        let patterns = item.each();
        if patterns.is_empty() {
            let help = "write at least one value, or leave the claim out";
            item.error("this list is empty", help, sink);
        }
        let mut any = Vec::new();
        for pattern in patterns {
            let text = pattern.text(sink);
            match text.map(|text| Glob::parse(text, Style::Path)) {
                Some(Ok(glob)) => any.push(glob),
                Some(Err(error)) => pattern.error(error.to_string(), GLOB_HINT, sink),
                None => {}
            }
        }
        if let Some(name) = name.text(sink) {
            let name = name.to_owned();
            claims.push(ClaimIs { name, any });
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_are_bounded_and_never_cut() {
        let mut claims = json!({
            "repository": "contoso/api", "run_attempt": 2, "ref_protected": true, "exp": 1, "user_email": "a@b.example",
            "long": "x".repeat(LONGEST + 1), "groups": ["a"],
        });
        let kept_claims = kept(claims.as_object().unwrap());
        let expected = [
            ("ref_protected", "true"),
            ("repository", "contoso/api"),
            ("run_attempt", "2"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(kept_claims, expected.into());
        for number in 0..100 {
            claims[format!("n{number}")] = number.into();
        }
        assert_eq!(kept(claims.as_object().unwrap()).len(), MOST_CLAIMS);
    }

    #[test]
    fn an_address_is_the_jobs_own_however_it_is_written() {
        let proof = Proof {
            peer: Some("::ffff:20.1.2.3".parse().unwrap()),
            ..Proof::default()
        };
        assert!(proof.is_from("20.1.2.3".parse().unwrap()));
        assert!(!proof.is_from("20.1.2.4".parse().unwrap()));
        assert!(!Proof::default().is_from("20.1.2.3".parse().unwrap()));
    }
}
