//! Which entries of ours stand past their end, as far as reads tell, and of which nobody can tell.

use super::{GrantRecord, Registry, State};
use crate::ledger::grant::Stage;
use crate::messages::overdue::OVERDUE_AFTER;
use crate::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What a read showed says nothing of now once it is older than this.
const KNOWN_FOR: SignedDuration = SignedDuration::from_secs(60);

/// The same, while a removal of the entry is under way that may have been done since.
const KNOWN_WHILE_REMOVING: SignedDuration = SignedDuration::from_secs(20);

/// What this process knows of a registry's list from its own last read and write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastRead {
    /// When the read was asked for; none before the first.
    pub at: Option<Timestamp>,
    /// The networks that it showed.
    pub networks: BTreeSet<Ipv4Net>,
    /// When a write was last sent.
    pub wrote: Option<Timestamp>,
}

/// A grant that is over for more than a minute, and of which an entry stands or may stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Late<'a> {
    /// The grant.
    pub standing: &'a GrantRecord,
    /// The entry.
    pub entry: Ipv4Net,
    /// When the last grant that needed the entry ended.
    pub due: Timestamp,
    /// What is known of it.
    pub known: Known,
}

/// Whether an entry stands past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A read at this time, past its end, showed it.
    Stands(Timestamp),
    /// It cannot be told. When a read last showed how the list stood, and whether it showed the entry.
    Unknown(Option<(Timestamp, bool)>),
}

impl State {
    /// The grants of a registry that should have been closed for a minute at `now`, and of which an entry
    /// of ours stands, or may stand for all that is known.
    pub fn late(&self, id: &ResourceId, read: &LastRead, now: Timestamp) -> Vec<Late<'_>> {
        let Some(registry) = self.registries.get(id) else {
            return Vec::new();
        };
        let over = self.grants.values().filter(|it| {
            it.grant.registry == *id && it.is_over(now) && it.stage != Stage::CoveredByExisting
        });
        let late = over.filter_map(|standing| {
            let address = standing.grant.address.get();
            let mut all: Vec<Late<'_>> = registry
                .claimed
                .all(now)
                .filter(|(entry, _)| entry.contains(&address))
                .filter_map(|(entry, _)| {
                    let due = self.due(id, entry, now)?;
                    let known = registry.knows(entry, due, read, now)?;
                    Some(Late {
                        standing,
                        entry,
                        due,
                        known,
                    })
                })
                .collect();
            all.sort_by_key(|late| !matches!(late.known, Known::Stands(_)));
            all.into_iter().next()
        });
        late.collect()
    }

    /// When the last grant that needs an entry ended, if that was more than a minute before `now`.
    fn due(&self, id: &ResourceId, entry: Ipv4Net, now: Timestamp) -> Option<Timestamp> {
        let needs = self.grants_of(id).filter(|it| {
            it.stage != Stage::CoveredByExisting && entry.contains(&it.grant.address.get())
        });
        let due = needs.map(|it| it.grant.until).max()?;
        (now.duration_since(due) > OVERDUE_AFTER).then_some(due)
    }
}

impl Registry {
    /// What is known at `now` of an entry that was to go at `due`; none where a read does not show it, or
    /// where too little time has passed for a doubt.
    fn knows(
        &self,
        entry: Ipv4Net,
        due: Timestamp,
        read: &LastRead,
        now: Timestamp,
    ) -> Option<Known> {
        let shown = read.at.map(|at| (at, read.networks.contains(&entry)));
        let Some((at, stood)) = shown.filter(|(at, _)| *at >= due) else {
            return Some(Known::Unknown(shown));
        };
        // What was sent after the read may have done it.
        let removal = self.unsettled.as_ref();
        let removal = removal.filter(|(_, write)| write.remove.contains(&entry));
        let removing = removal.is_some_and(|(begun, _)| read.wrote.max(Some(*begun)) >= Some(at));
        let known_for = match removal {
            Some(_) => KNOWN_WHILE_REMOVING,
            None => KNOWN_FOR,
        };
        let fresh = now.duration_since(at) <= known_for;
        match (stood, fresh) {
            (true, true) if !removing => Some(Known::Stands(at)),
            // One that was seen and is gone does not come back by itself; a write that was lost may land.
            (false, false) if self.claimed.unseen().any(|net| net == entry) => {
                Some(Known::Unknown(shown))
            }
            (true, false) => Some(Known::Unknown(shown)),
            (true | false, _) => None,
        }
    }
}
