//! What an answer is bound to: a digest over all that the person was shown.

use super::approver::Approvers;
use super::terms::Terms;
use crate::firewall::Effect;
use crate::ledger::event::Hash;
use crate::ledger::request::Request;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What the digest is of; another version of it is another digest.
const VERSION: &str = "doorward request v1";

/// A part of what was shown, by which people are told what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The request: who, where, what for, until when.
    Request,
    /// What is asked of an answer, and how long it may open.
    Terms,
    /// The policy in force.
    Policy,
    /// The registry, as far as it bears on whether anything would open.
    Registry,
    /// The change to the firewall.
    Plan,
}

impl Part {
    /// Every part, in the order of the digest.
    pub const ALL: [Self; 5] = [
        Self::Request,
        Self::Terms,
        Self::Policy,
        Self::Registry,
        Self::Plan,
    ];

    /// What it is called in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "the request",
            Self::Terms => "who has to approve it, or for how long it may be opened",
            Self::Policy => "the policy",
            Self::Registry => "the registry",
            Self::Plan => "the change to the firewall",
        }
    }
}

/// How the registry bears on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// An entry would be added.
    Opens,
    /// The registry has not been read.
    Unknown,
    /// Nothing would be added, for this reason.
    Not(String),
}

/// All that a person is shown before they answer, as far as it can change.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// The request.
    pub request: &'a Request,
    /// What is asked of an answer.
    pub terms: &'a Terms,
    /// Who may give one.
    pub approvers: &'a Approvers,
    /// How long a yes opens that does not say, in seconds.
    pub lasts_seconds: u64,
    /// The hash of the policy in force.
    pub policy: &'a str,
    /// How the registry bears on it.
    pub outlook: &'a Outlook,
    /// What would change on the list.
    pub effect: &'a Effect,
}

/// What somebody has seen: the digest, and a few bytes for each part, by which it can be told what
/// changed. As text: the digest, then each part's eight digits after a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    digest: Hash,
    parts: Option<[u32; 5]>,
}

/// A text that is no such digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the digest of what was shown")]
pub struct NotSeen;

impl Shown<'_> {
    /// The digest of all of it.
    pub fn digest(&self) -> Seen {
        let parts = [
            of(&self.request),
            of(&(self.terms, self.approvers, self.lasts_seconds)),
            of(&self.policy),
            of(&self.outlook),
            of(&self.effect),
        ];
        let all: Vec<String> = parts.iter().map(ToString::to_string).collect();
        Seen {
            digest: Hash::of(format!("{VERSION}\n{}", all.join("\n")).as_bytes()),
            parts: Some(parts.map(|part| part.prefix())),
        }
    }
}

/// The hash of a part. These are plain data with texts for keys, in the order of their fields: they have
/// one form as JSON.
fn of(part: &impl Serialize) -> Hash {
    // Writing plain data to memory does not fail.
    Hash::of(&serde_json::to_vec(part).unwrap_or_default())
}

impl Seen {
    /// SHA-256 over all that was shown.
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// Whether both have seen the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// The parts in which this is not the same as `now`; all that may be where that cannot be told.
    pub fn differs_in(&self, now: &Self) -> Vec<Part> {
        if self.is_same(now) {
            return Vec::new();
        }
        let (Some(before), Some(after)) = (&self.parts, &now.parts) else {
            return Part::ALL.to_vec();
        };
        let both = before.iter().zip(after);
        let parts = Part::ALL.into_iter().zip(both);
        let differ = parts.filter(|(_, (before, after))| before != after);
        let differ: Vec<Part> = differ.map(|(part, _)| part).collect();
        if differ.is_empty() {
            return Part::ALL.to_vec();
        }
        differ
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.digest)?;
        for part in self.parts.iter().flatten() {
            write!(f, ".{part:08x}")?;
        }
        Ok(())
    }
}

impl FromStr for Seen {
    type Err = NotSeen;

    fn from_str(text: &str) -> Result<Self, NotSeen> {
        let mut pieces = text.split('.');
        let digest = pieces.next().and_then(Hash::from_hex).ok_or(NotSeen)?;
        let parts: Vec<u32> = pieces
            .map(|piece| match piece.len() {
                8 => u32::from_str_radix(piece, 16).map_err(|_| NotSeen),
                _ => Err(NotSeen),
            })
            .collect::<Result<_, _>>()?;
        let parts = match parts.len() {
            0 => None,
            _ => Some(<[u32; 5]>::try_from(parts).map_err(|_| NotSeen)?),
        };
        Ok(Self { digest, parts })
    }
}
