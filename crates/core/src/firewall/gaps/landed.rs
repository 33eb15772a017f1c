//! Writes of ours that were given up, or that a read seemed to show: they may land late, and undo what
//! others have done since.

use super::Look;
use crate::firewall::drift::{Key, missing_in};
use crate::firewall::overwritten::Overwritten;
use crate::ledger::event::Write;
use crate::ledger::id::WriteId;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// A write of ours that may land.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lost {
    pub(super) write: Write,
    pub(super) until: Timestamp,
    pub(super) base: Vec<String>,
}

/// What a write of ours undid that landed late, if that is what it looks like.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Landed {
    pub(super) write: WriteId,
    dropped: Vec<String>,
    undone: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
    /// Whether nothing else can have done it.
    pub(super) sure: bool,
    pub(super) reported: bool,
}

impl Lost {
    /// Whether a list is what this write makes of the one that it was made from.
    pub(super) fn is_exactly(&self, entries: &[String]) -> bool {
        let keys = |texts: &[String]| {
            texts
                .iter()
                .map(|text| Key::of(text))
                .collect::<BTreeSet<_>>()
        };
        let removed = |key: &Key| self.write.remove.iter().any(|net| *key == Key::Net(*net));
        let mut made = keys(&self.base);
        made.retain(|key| !removed(key));
        made.extend(self.write.add.iter().map(|net| Key::Net(*net)));
        made.extend(keys(&self.write.restore_entries));
        made == keys(entries)
    }

    /// Whether a read shows what it adds, and the one before showed nothing of it.
    pub(super) fn came(&self, look: &Look<'_>) -> bool {
        !self.write.add.is_empty()
            && self.write.shows_in(look.after)
            && self.write.add.iter().all(|net| !look.before.shows(*net))
    }

    /// What it undid, if it looks as though it had landed between two reads. `kept` is what a write that
    /// one of them shows for the first time was made from, if there is one: that it did not drop.
    pub(super) fn landed(
        &self,
        look: &Look<'_>,
        (gone, new): (&[String], &[String]),
        kept: Option<&Vec<String>>,
    ) -> Option<Landed> {
        let newly = self.came(look);
        if !newly && !self.is_exactly(&look.after.entries) {
            return None;
        }
        let foreign =
            |text: &String| network::parse(text).is_none_or(|net| !look.claimed.contains(&net));
        let mut dropped = missing_in(&self.base, gone);
        dropped.retain(foreign);
        let mut back = both(new, &self.base);
        back.retain(foreign);
        if let Some(kept) = kept {
            dropped = both(&dropped, kept);
            back.clear();
        }
        let mut undone: Vec<String> = back
            .iter()
            .map(|text| format!("removal of {text}"))
            .collect();
        let flipped = look.after.default_deny && !look.before.default_deny;
        if flipped && kept.is_none() {
            undone.push("default action Allow".to_owned());
        }
        (!dropped.is_empty() || !undone.is_empty()).then(|| Landed {
            write: self.write.id,
            dropped,
            undone,
            before: self.base.clone(),
            after: look.after.entries.clone(),
            sure: newly && kept.is_none(),
            reported: false,
        })
    }
}

impl Landed {
    pub(super) fn report(&self, registry: &ResourceId) -> Overwritten {
        Overwritten {
            registry: registry.clone(),
            write: self.write,
            event: None,
            by: None,
            at: None,
            also: Vec::new(),
            before: self.before.clone(),
            after: self.after.clone(),
            dropped: self.dropped.clone(),
            undone: self.undone.clone(),
            restoring: false,
        }
    }
}

/// Those of `texts` that are in `list` as well.
pub(in crate::firewall) fn both(texts: &[String], list: &[String]) -> Vec<String> {
    let only = missing_in(list, texts);
    missing_in(&only, texts)
}
