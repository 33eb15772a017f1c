//! A person whose identity is proven: signed in at an identity provider, or known by a signed press in
//! a chat. Who it is, is the [`PersonId`] alone; the name is for reading.

use crate::messages::invisible::is_hidden;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 80;

/// Who a person is, for good. Two are the same person if, and only if, both parts are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonId {
    /// Who vouches: the `iss` of an ID token. With Microsoft Entra ID it carries the tenant:
    /// `https://login.microsoftonline.com/<tid>/v2.0`. A chat is `https://slack.com`.
    pub issuer: String,
    /// Whom it vouches for: `oid` with Microsoft Entra ID, `sub` elsewhere, a Slack user's id.
    pub subject: String,
}

/// A person whose identity is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What people call them. For display only: it can be changed by its owner, and nothing is decided on it.
    pub name: String,
    /// Who it is.
    pub id: PersonId,
    /// The application's roles that the provider gave them (`roles` of the ID token).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    /// The groups that they are in: those of the ID token, and those that the configuration gives them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
}

impl PersonId {
    /// The issuer that stands for Slack.
    pub const SLACK: &str = "https://slack.com";

    /// A Slack user, by the id that Slack signs: `U0123`.
    pub fn slack(user: &str) -> Self {
        Self {
            issuer: Self::SLACK.to_owned(),
            subject: user.to_owned(),
        }
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.subject, self.issuer)
    }
}

/// A name as it is shown: one line, without what cannot be seen, and not too long. One of which nothing
/// is left becomes `subject`.
pub fn display_name(name: &str, subject: &str) -> String {
    let clean = |text: &str| {
        let seen = text.chars().filter(|letter| !is_hidden(*letter));
        let short: String = seen.take(LONGEST_NAME).collect();
        short.trim().to_owned()
    };
    let name = clean(name);
    if name.is_empty() {
        clean(subject)
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_one_visible_line_or_the_subject() {
        assert_eq!(display_name("Ana\u{202e} Lima\n", "s"), "Ana Lima");
        assert_eq!(display_name(" \u{200b}\n", "oid-1"), "oid-1");
        assert_eq!(display_name(&"x".repeat(500), "s").len(), LONGEST_NAME);
    }

    #[test]
    fn same_subject_at_another_issuer_is_another_person() {
        let id = |issuer: &str| PersonId {
            issuer: issuer.to_owned(),
            subject: "U1".to_owned(),
        };
        assert_ne!(id("https://issuer.example"), PersonId::slack("U1"));
        assert_eq!(id("https://slack.com"), PersonId::slack("U1"));
    }
}
