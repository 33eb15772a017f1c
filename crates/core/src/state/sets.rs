//! What is remembered of address sets: so that a source's answer after a restart is measured by what it
//! said before, and the last good value is there even if it does not answer.

use crate::sets::Snapshot;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What sets held last, by where their addresses come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownSets(BTreeMap<String, KnownSet>);

/// What is remembered of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownSet {
    /// What it holds, and since when.
    pub accepted: Option<(Timestamp, Snapshot)>,
    /// What its source says now and would change it too much; when it first said so, and what changes.
    pub refused: Option<(Timestamp, Snapshot, String)>,
    /// The hash that a person confirmed.
    pub confirmed: Option<String>,
}

impl KnownSets {
    /// What is remembered of the set whose addresses come from there.
    pub fn get(&self, set: &str) -> Option<&KnownSet> {
        self.0.get(set)
    }

    pub(super) fn loaded(&mut self, at: Timestamp, snapshot: &Snapshot) {
        let known = KnownSet {
            accepted: Some((at, snapshot.clone())),
            ..KnownSet::default()
        };
        self.0.insert(snapshot.set.clone(), known);
    }

    pub(super) fn refused(&mut self, at: Timestamp, candidate: &Snapshot, reason: &str) {
        let known = self.0.entry(candidate.set.clone()).or_default();
        known.refused = Some((at, candidate.clone(), reason.to_owned()));
    }

    pub(super) fn confirmed(&mut self, set: &str, hash: &str) {
        let known = self.0.entry(set.to_owned()).or_default();
        known.confirmed = Some(hash.to_owned());
    }
}
