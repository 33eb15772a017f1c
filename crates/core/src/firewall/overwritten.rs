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
//!   says that somebody wrote, who and when, but not what. Unless later reads show what they did, it is
//!   reported, once for each gap, with the entries before and after as we saw them. Where reads say when
//!   the registry was changed last (`systemData.lastModifiedAt`), the gap is what lies between that of the read
//!   before and that of the read after; else our own clock tells. Without a source for these events nothing is
//!   reported; the Activity Log, which says the same, is not asked.
//! - Where the reply to a PATCH was lost, registries are read until it is known, and the PATCH may take
//!   effect late. An entry that such a read showed, that was not in our PATCH, and that is gone in the
//!   very read that shows our PATCH was dropped by it: no read showed that others removed it. (Somebody
//!   may have removed it in the seconds between those two reads; that cannot be told apart.) These, and
//!   only these, are put back where `restore_foreign` is set.
//!
//! `az` makes the same mistake to us: it reads, appends, and writes back what it read. If our write
//! falls between, our entry is gone, which the next read shows
//! ([`OursMissing`](super::Drift::OursMissing)).

use crate::ledger::id::WriteId;
use crate::messages::wording;
use crate::net::resource_id::ResourceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How far Azure's clock and ours may be apart.
pub(super) const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(2);

/// The time in which a write of ours may have undone another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The write.
    pub(super) write: WriteId,
    /// Right before the read that it was made from.
    pub(super) from: Timestamp,
    /// When it was known to have taken effect, or to be able to no more.
    pub(super) to: Timestamp,
    /// When the registry had been changed last before that read, by Azure's clock.
    pub(super) modified: Option<Timestamp>,
    /// When it had been changed last, by the read that showed the write.
    pub(super) by: Option<Timestamp>,
    /// The entries as the read before showed them.
    pub(super) before: Vec<String>,
    /// The entries as the first read after showed them; as before, where none did.
    pub(super) after: Vec<String>,
    /// Whether a read showed that it took effect.
    pub(super) shown: bool,
    /// Whether people were told of it.
    pub(super) reported: bool,
}

/// A change of the registry that was not ours, as an event tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Further changes of others in the same gap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Other>,
    /// The entries before our write as a read showed them.
    pub before: Vec<String>,
    /// The entries after it as a read showed them.
    pub after: Vec<String>,
    /// Entries of others that a read showed in between and that our write dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// What else of others it took back, as reads show: removals of entries, a default action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<String>,
    /// Whether the entries are put back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restoring: bool,
}

impl Gap {
    /// Whether another's write falls into it, where clocks are so far `off`. What the read that the write was
    /// made from had in it does not; nor does what the first read after it says was done last.
    pub(super) fn holds(&self, other: &Other, off: SignedDuration) -> bool {
        let known = self.modified.is_some_and(|modified| other.at <= modified);
        let to = self.by.unwrap_or(self.to);
        !known
            && self.by != Some(other.at)
            && self.from.duration_since(other.at) <= off
            && other.at.duration_since(to) <= off
    }

    /// What is to be said of others' writes that fall into it, latest first.
    pub(super) fn report(&self, registry: &ResourceId, others: &[&Other]) -> Option<Overwritten> {
        let (latest, also) = others.split_first()?;
        Some(Overwritten {
            registry: registry.clone(),
            write: self.write,
            event: Some(latest.event.clone()),
            by: latest.by.clone(),
            at: Some(latest.at),
            also: also.iter().map(|other| (*other).clone()).collect(),
            before: self.before.clone(),
            after: self.after.clone(),
            dropped: Vec::new(),
            undone: Vec::new(),
            restoring: false,
        })
    }
}

impl Overwritten {
    /// The code of its message.
    pub const CODE: &str = "possibly_overwritten";

    /// It is reported once for each gap, and once where reads show it.
    pub fn idempotency_key(&self) -> String {
        let by = self.event.as_ref().map_or("read", |_| "events");
        format!("overwritten:{}:{by}", self.write)
    }

    /// Whether it is about this event.
    pub fn names(&self, event: &str) -> bool {
        let also = self.also.iter().map(|other| &other.event);
        self.event.iter().chain(also).any(|named| named == event)
    }

    /// Who changed it, as the events say.
    fn who(&self) -> String {
        let also = self.also.iter().filter_map(|other| other.by.as_ref());
        let by: BTreeSet<&String> = self.by.iter().chain(also).collect();
        let by: Vec<String> = by
            .iter()
            .map(|by| format!("`{}`", wording::quoted(by)))
            .collect();
        if by.is_empty() {
            "somebody whom the event does not name".to_owned()
        } else {
            by.join(" and ")
        }
    }

    /// The message.
    pub fn text(&self) -> String {
        let name = self.registry.name();
        let mut text = match &self.at {
            Some(at) => format!(
                "{} changed `{name}` at {}{}, while a write of doorward's was between its read and its effect: what was \
                 changed may be lost, and the list does not show what it was (an entry added may be gone, an entry \
                 removed may be back, a default action of `Allow` may be `Deny` again)",
                self.who(),
                wording::time(*at),
                match self.also.len() {
                    0 => String::new(),
                    more => format!(" and {more} more times shortly before"),
                }
            ),
            None => format!(
                "a write of doorward's to `{name}` took effect late and undid what others had done meanwhile: {}",
                wording::list(&[self.dropped.as_slice(), self.undone.as_slice()].concat())
            ),
        };
        // Writing into a string does not fail.
        write!(
            text,
            ". Before: {}. After: {}",
            wording::list(&self.before),
            wording::list(&self.after)
        )
        .ok();
        text.push_str(match (self.restoring, self.at.is_some()) {
            (true, _) if self.undone.is_empty() => ". They are put back, as `restore_foreign` says",
            (true, _) => {
                ". The entries are put back, as `restore_foreign` says. Have the rest done again by hand if it is needed"
            }
            (false, false) => ". Have it done again by hand if it is needed",
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
            modified: None,
            by: None,
            before: Vec::new(),
            after: Vec::new(),
            shown: true,
            reported: false,
        };
        let falls = |gap: &Gap, second| {
            let event = "1".to_owned();
            let (at, by) = (at(second), None);
            gap.holds(&Other { event, at, by }, CLOCKS_APART)
        };
        let seconds = [97, 98, 100, 105, 112, 113];
        let expected = [false, true, true, true, true, false];
        assert_eq!(seconds.map(|second| falls(&gap, second)), expected);
        let known = Gap {
            modified: Some(at(98)),
            by: Some(at(105)),
            ..gap
        };
        let seconds = [98, 99, 104, 105, 107, 108];
        let expected = [false, true, true, false, true, false];
        assert_eq!(seconds.map(|second| falls(&known, second)), expected);
    }
}
