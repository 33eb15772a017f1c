//! What is asked of an answer: as configuration and rules write it, and what both together come to.

use crate::yaml::duration;
use crate::yaml::duration::Show;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// What proves an answer, the weakest first. A stronger proof is good where a weaker one is asked for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Whoever has the request's signed link.
    Link,
    /// A listed approver's signed press of a button in a chat.
    Chat,
    /// A person who is signed in at the identity provider.
    SignIn,
    /// Nothing does: requests only inform. Above all others, so that a rule may raise to it.
    #[default]
    None,
}

impl Strength {
    /// Every strength by its name.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("none", Self::None),
        ("link", Self::Link),
        ("chat", Self::Chat),
        ("sign_in", Self::SignIn),
    ];

    /// Its name in configuration and policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Chat => "chat",
            Self::SignIn => "sign_in",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `approvals:` as a registry or a rule writes it; what is not written asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Approvals {
    /// What must prove an answer.
    pub strength: Option<Strength>,
    /// How many people must say yes.
    pub count: Option<u32>,
    /// The groups of which each of them must be in one; empty for any.
    pub by: BTreeSet<String>,
    /// Whether a reason must be given; `Some(false)` is a written `optional`.
    pub reason: Option<bool>,
    /// The longest that a yes may open.
    pub max: Option<Duration>,
}

/// The two ways to write it: one word, or a mapping.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(Strength),
    Map(Map),
}

#[derive(Serialize, Deserialize)]
struct Map {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strength: Option<Strength>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    by: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "duration::optional"
    )]
    max: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Required,
    Optional,
}

impl From<Written> for Approvals {
    fn from(written: Written) -> Self {
        match written {
            Written::Word(strength) => strength.into(),
            Written::Map(map) => Self {
                strength: map.strength,
                count: map.count,
                by: map.by,
                reason: map.reason.map(|reason| matches!(reason, Reason::Required)),
                max: map.max,
            },
        }
    }
}

impl From<Approvals> for Written {
    fn from(approvals: Approvals) -> Self {
        if let Some(word) = approvals.as_word() {
            return Self::Word(word);
        }
        let reason = |required| {
            if required {
                Reason::Required
            } else {
                Reason::Optional
            }
        };
        Self::Map(Map {
            strength: approvals.strength,
            count: approvals.count,
            by: approvals.by,
            reason: approvals.reason.map(reason),
            max: approvals.max,
        })
    }
}

impl From<Strength> for Approvals {
    fn from(strength: Strength) -> Self {
        Self {
            strength: Some(strength),
            ..Self::default()
        }
    }
}

impl Approvals {
    /// Nobody can answer: what holds where nothing is written on a registry.
    pub fn none() -> Self {
        Strength::None.into()
    }

    /// The one word that says it all, if one does.
    pub fn as_word(&self) -> Option<Strength> {
        let strength = self.strength?;
        (*self == Self::from(strength)).then_some(strength)
    }

    /// Whether it needs to be known who answers: several people, or a group.
    pub fn needs_a_person(&self) -> bool {
        self.count.is_some_and(|count| count > 1) || !self.by.is_empty()
    }
}

/// What is asked of the answers to a request: the registry's own demand and all that was added to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What must prove an answer.
    pub strength: Strength,
    /// How many people must say yes; at least one.
    pub count: u32,
    /// Whoever answers is, for each of these, in one of its groups.
    pub by: BTreeSet<BTreeSet<String>>,
    /// Whether a yes needs a reason.
    pub reason: bool,
    /// The longest that a yes may open; none for no bound of its own.
    pub max: Option<Duration>,
}

impl Default for Terms {
    /// What asks for least.
    fn default() -> Self {
        Self {
            strength: Strength::Link,
            count: 1,
            by: BTreeSet::new(),
            reason: false,
            max: None,
        }
    }
}

impl Terms {
    /// What a registry asks for; one that does not say how strong an answer must be takes none.
    pub fn of(registry: &Approvals) -> Self {
        let strength = Strength::None;
        let named = registry.strength.unwrap_or(strength);
        Self::default().raised_by(&Approvals {
            strength: Some(named),
            ..registry.clone()
        })
    }

    /// These, and all that a rule asks for besides. Whatever it says, nothing that was asked for is
    /// asked for less.
    #[must_use]
    pub fn raised_by(mut self, rule: &Approvals) -> Self {
        self.strength = self.strength.max(rule.strength.unwrap_or(Strength::Link));
        if rule.needs_a_person() {
            // Nobody knows who has a link.
            self.strength = self.strength.max(Strength::Chat);
        }
        self.count = self.count.max(rule.count.unwrap_or(1));
        if !rule.by.is_empty() {
            self.by.insert(rule.by.clone());
        }
        self.reason |= rule.reason == Some(true);
        self.max = [self.max, rule.max].into_iter().flatten().min();
        self
    }

    /// Whether a link is enough for an answer.
    pub fn takes_links(&self) -> bool {
        self.strength == Strength::Link
    }

    /// Whether anybody can answer at all.
    pub fn can_be_answered(&self) -> bool {
        self.strength != Strength::None
    }

    /// What of a rule's demand has no effect, since these ask for more: each in words.
    pub fn outweigh(&self, rule: &Approvals) -> Vec<String> {
        let mut without = Vec::new();
        if let Some(strength) = rule.strength.filter(|it| *it < self.strength) {
            let asked = self.strength;
            without.push(format!("`{strength}` is weaker than `{asked}`"));
        }
        if let Some(count) = rule.count.filter(|it| *it < self.count) {
            without.push(format!("`count: {count}` is fewer than {}", self.count));
        }
        if rule.reason == Some(false) && self.reason {
            without.push("`reason: optional` where one is required".to_owned());
        }
        if let (Some(longer), Some(most)) = (rule.max, self.max)
            && longer > most
        {
            let (longer, most) = (Show(longer), Show(most));
            without.push(format!("`max: {longer}` is longer than {most}"));
        }
        without
    }
}
