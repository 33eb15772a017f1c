//! What others wrote while a write of ours was on its way, and what of it may be lost.
//!
//! A registry's list is one array, replaced whole by PATCH, and Azure Resource Manager knows no
//! condition (`If-Match`) for it. So between the GET that a write is made from and the moment at which
//! its PATCH takes effect lies a gap that cannot be closed. Whatever somebody else writes in there is
//! undone by our PATCH: an entry that they added is gone, an entry that they removed is back, a default
//! action that they set to `Allow` is `Deny` again. The array shows no trace of it, and neither does any
//! later read. What can be known is this, and no more:
//!
//! - An event "registry changed" that is not ours (another correlation id) with a time inside the gap
//!   says that somebody wrote, who and when, but not what. It is reported with the entries before and
//!   after as we saw them. Without a source for these events nothing is reported; the Activity Log,
//!   which says the same, is not asked.
//! - Where the reply to a PATCH was lost, registries are read until it is known, and the PATCH may take
//!   effect late. An entry that such a read showed, that was not in our PATCH, and that is gone in the
//!   very read that shows our PATCH was dropped by it: no read showed that others removed it. (Somebody
//!   may have removed it in the seconds between those two reads; that cannot be told apart.) These, and
//!   only these, are put back where `restore_foreign` is set.
//!
//! `az` makes the same mistake to us: it reads, appends, and writes back what it read. If our write
//! falls between, our entry is gone, which the next read shows
//! ([`OursMissing`](super::Drift::OursMissing)).

use crate::domain::id::WriteId;
use crate::domain::resource_id::ResourceId;
use crate::domain::words;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// How far Azure's clock and ours may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(2);

/// The time in which a write of ours may have undone another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The write.
    pub write: WriteId,
    /// Right before the read that it was made from.
    pub from: Timestamp,
    /// When it was known to have taken effect, or to be able to no more.
    pub to: Timestamp,
    /// The entries as the read before showed them.
    pub before: Vec<String>,
    /// The entries as the first read after showed them.
    pub after: Vec<String>,
}

/// A change of the registry that was not ours, as an event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The event, by a name that is its own.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// Who, where the event names them.
    pub by: Option<String>,
}

/// What others wrote while a write of ours was on its way may be lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwritten {
    /// The registry.
    pub registry: ResourceId,
    /// The write of ours.
    pub write: WriteId,
    /// The event that tells of the other one; none where reads alone show it.
    pub event: Option<String>,
    /// Who wrote, as the event says.
    pub by: Option<String>,
    /// When, as the event says.
    pub at: Option<Timestamp>,
    /// The entries before our write as a read showed them.
    pub before: Vec<String>,
    /// The entries after it as a read showed them.
    pub after: Vec<String>,
    /// Entries of others that a read showed in between and that our write dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Whether these are put back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restoring: bool,
}

impl Gap {
    /// Whether another's write falls into it.
    pub fn holds(&self, other: &Other) -> bool {
        let apart = |at: Timestamp, from: Timestamp| at.duration_since(from);
        apart(other.at, self.from) >= -CLOCKS_APART && apart(self.to, other.at) >= -CLOCKS_APART
    }

    /// What is to be said of another's write that falls into it.
    pub fn report(&self, registry: &ResourceId, other: &Other) -> Overwritten {
        Overwritten {
            registry: registry.clone(),
            write: self.write,
            event: Some(other.event.clone()),
            by: other.by.clone(),
            at: Some(other.at),
            before: self.before.clone(),
            after: self.after.clone(),
            dropped: Vec::new(),
            restoring: false,
        }
    }
}

impl Overwritten {
    /// The code of its message.
    pub const CODE: &str = "possibly_overwritten";

    /// It is reported once.
    pub fn once(&self) -> String {
        let event = self.event.as_deref().unwrap_or("read");
        format!("overwritten:{}:{event}", self.write)
    }

    /// The message.
    pub fn text(&self) -> String {
        let name = self.registry.name();
        let mut text = match (&self.at, &self.by) {
            (Some(at), by) => format!(
                "{} changed `{name}` at {}, while a write of doorward's was between its read and its effect: what was \
                 changed may be lost, and the list does not show what it was (an entry added may be gone, an entry \
                 removed may be back, a default action of `Allow` may be `Deny` again)",
                by.as_ref().map_or_else(
                    || "somebody whom the event does not name".to_owned(),
                    |by| format!("`{}`", words::quoted(by))
                ),
                words::time(*at)
            ),
            (None, _) => format!(
                "a write of doorward's to `{name}` took effect late and dropped what others had added meanwhile: {}",
                words::list(&self.dropped)
            ),
        };
        // Writing into a string does not fail.
        write!(
            text,
            ". Before: {}. After: {}",
            words::list(&self.before),
            words::list(&self.after)
        )
        .ok();
        text.push_str(match (self.restoring, self.dropped.is_empty()) {
            (true, _) => ". They are put back, as `restore_foreign` says",
            (false, false) => ". Add them again by hand if they are needed",
            (false, true) => {
                ". Look it up in the activity log of the registry (`az monitor activity-log list --resource-id`), ask \
                 whoever did it, and have it done again"
            }
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_change_of_others_falls_into_the_gap_or_not() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let gap = Gap {
            write: WriteId(Uuid::nil()),
            from: at(100),
            to: at(110),
            before: Vec::new(),
            after: Vec::new(),
        };
        let falls = |second| {
            let event = "1".to_owned();
            let (at, by) = (at(second), None);
            gap.holds(&Other { event, at, by })
        };
        let seconds = [97, 98, 100, 105, 112, 113];
        let expected = [false, true, true, true, true, false];
        assert_eq!(seconds.map(falls), expected);
    }
}
