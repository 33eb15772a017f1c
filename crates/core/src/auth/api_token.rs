//! API tokens: what programs show to the API, and what each may do there.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What every token begins with, so that scanners of code find one that was committed by mistake.
pub const PREFIX: &str = "doorward_";

/// The longest text that is looked at as a token, in bytes.
const LONGEST: usize = 128;

/// The longest name of a token, in characters.
const LONGEST_NAME: usize = 64;

/// What a token may do. None of them includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See what there is: grants, requests, channels, sets, metrics.
    Read,
    /// Answer requests, where the strength of an answer that a policy asks for allows that.
    Answer,
    /// Give orders: revoke, extend, pause.
    Operate,
}

/// Everything that a token may do; at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(BTreeSet<Scope>);

/// Scopes that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write at least one of `read`, `answer` and `operate`")]
pub struct NoScope;

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Answer, Self::Operate];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Answer => "answer",
            Self::Operate => "operate",
        }
    }
}

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or(NoScope)
    }
}

impl Scopes {
    /// Whether this is among them.
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl TryFrom<Vec<Scope>> for Scopes {
    type Error = NoScope;

    fn try_from(scopes: Vec<Scope>) -> Result<Self, NoScope> {
        let scopes: BTreeSet<Scope> = scopes.into_iter().collect();
        if scopes.is_empty() {
            return Err(NoScope);
        }
        Ok(Self(scopes))
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.0.into_iter().collect()
    }
}

/// As they are stored: names with a space between them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.name()).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        let scopes = text.split_whitespace().map(Scope::from_str);
        scopes.collect::<Result<Vec<_>, _>>()?.try_into()
    }
}

/// Whether a text could be a token of ours.
pub fn looks_like_one(offered: &[u8]) -> bool {
    offered.len() <= LONGEST && offered.starts_with(PREFIX.as_bytes())
}

/// Whether a token may have this name: it stands in the ledger and in tables.
pub fn is_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_as_they_were_written() {
        let scopes: Scopes = "operate read".parse().unwrap();
        assert_eq!(scopes.to_string(), "read operate");
        assert!(scopes.has(Scope::Read) && !scopes.has(Scope::Answer));
        for bad in ["", "admin", "read,operate", "READ"] {
            assert_eq!(bad.parse::<Scopes>(), Err(NoScope), "{bad}");
        }
    }

    #[test]
    fn name_stays_in_one_plain_word() {
        assert!(is_name("ci-bot_1.prod"));
        for bad in ["", "a b", "a\u{202e}", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
