//! What configuration says to each kind of drift.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kinds of drift, each with an answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// [`Drift::OursMissing`](super::Drift::OursMissing)
    OursMissing,
    /// [`Drift::ForeignNew`](super::Drift::ForeignNew)
    ForeignNew,
    /// [`Drift::ForeignGone`](super::Drift::ForeignGone)
    ForeignGone,
    /// [`Drift::Replaced`](super::Drift::Replaced)
    Replaced,
    /// [`Drift::DefaultAction`](super::Drift::DefaultAction)
    DefaultAction,
    /// [`Drift::PublicAccess`](super::Drift::PublicAccess)
    PublicAccess,
    /// [`Drift::Sku`](super::Drift::Sku)
    Sku,
    /// [`Drift::RegistryGone`](super::Drift::RegistryGone) and [`Drift::RegistryBack`](super::Drift::RegistryBack)
    Registry,
}

/// What is done about drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// People are told.
    #[default]
    Alert,
    /// It is written down, and that is all.
    Accept,
    /// Our entry is written again while its grant is in force. People are told, unless it went with a
    /// list that was replaced and that is accepted.
    Restore,
}

/// The answers of one registry; [`Answer::Alert`] where none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(pub BTreeMap<Class, Answer>);

impl Answers {
    /// The answer to drift of this kind.
    pub fn to(&self, class: Class) -> Answer {
        self.0.get(&class).copied().unwrap_or_default()
    }
}

impl Class {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [Self; 8] = [
        Self::OursMissing,
        Self::ForeignNew,
        Self::ForeignGone,
        Self::Replaced,
        Self::DefaultAction,
        Self::PublicAccess,
        Self::Sku,
        Self::Registry,
    ];

    /// The name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::OursMissing => "ours_missing",
            Self::ForeignNew => "foreign_new",
            Self::ForeignGone => "foreign_gone",
            Self::Replaced => "replaced",
            Self::DefaultAction => "default_action",
            Self::PublicAccess => "public_access",
            Self::Sku => "sku",
            Self::Registry => "registry",
        }
    }
}
