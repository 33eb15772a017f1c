//! What reads have shown of one registry, what events have told of it, and where our own writes left
//! gaps: all that drift is judged by.

use super::differences::Differences;
use super::drift::{Ours, Seen, missing_in};
use super::gaps::{Gaps, Look, both};
use super::overwritten::{Other, Overwritten};
use super::patch::Patch;
use super::{Drift, compare};
use crate::ledger::event::Write;
use crate::ledger::id::WriteId;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How much earlier than the first read that shows it a change of others may have been made, beside
/// the time between two reads.
const BEFORE: SignedDuration = SignedDuration::from_mins(2);

/// What is known of a registry from reading it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedState {
    /// What the last read showed.
    pub seen: Option<Seen>,
    /// What others' changes are compared with: what was believed last, with our own writes in it.
    pub settled: Option<Seen>,
    /// Whether the last read found no such registry.
    pub gone: bool,
    /// How many changes of others events have told of.
    pub heard: u64,
    /// Entries of others that a write of ours dropped, and that are to be put back.
    pub restore_entries: Vec<String>,
    /// In what both differ, and since when.
    differences: Differences,
    gaps: Gaps,
}

/// A read, and what it is to be compared with.
#[derive(Debug)]
pub struct Glance<'a> {
    /// When it was asked for, and when the one before it was, if this process made one.
    pub asked: (Option<Timestamp>, Timestamp),
    /// When the registry had been changed last, as the one before and this one say.
    pub modified: (Option<Timestamp>, Option<Timestamp>),
    /// The entries that we claim.
    pub claimed: &'a BTreeSet<Ipv4Net>,
    /// The write of ours of which the outcome is not known.
    pub hanging: Option<&'a Write>,
}

impl ObservedState {
    /// Takes in a read that shows something else than the one before it.
    pub fn record_read(&mut self, at: Timestamp, seen: Option<&Seen>, glance: &Glance<'_>) {
        let Glance {
            asked,
            modified,
            claimed,
            hanging,
        } = *glance;
        self.gone = seen.is_none();
        let Some(seen) = seen else {
            self.differences.forget();
            return;
        };
        if let Some(before) = &self.seen {
            self.gaps.record_read(&Look {
                before,
                after: seen,
                from: asked.0,
                to: asked.1,
                modified,
                claimed,
                hanging,
            });
        }
        let settled = self.settled.get_or_insert_with(|| seen.clone());
        // A write that seemed lost may land late: that is no drift, now or when it goes again.
        let landed = claimed.iter().copied().filter(|net| seen.shows(*net));
        settled.write(&landed.collect::<Vec<_>>(), &[]);
        self.differences.read(at, settled, seen);
        self.restore_entries = missing_in(&seen.entries, &self.restore_entries);
        self.seen = Some(seen.clone());
    }

    /// A write of ours begins; the registry had been changed last at `modified`.
    pub fn begun(&mut self, at: Timestamp, write: WriteId, modified: Option<Timestamp>) {
        self.gaps.begun(at, write, modified);
    }

    /// What a write was made from, where its reply was lost.
    pub fn based_on(&mut self, write: WriteId, seen: &Seen, modified: Option<Timestamp>) {
        self.gaps.based_on(write, seen.entries.clone(), modified);
    }

    /// A write of ours was not done.
    pub fn not_applied(&mut self, write: WriteId) {
        self.gaps.not_applied(write);
    }

    /// What others changed has been told, or written down.
    pub fn conclude(&mut self, drift: &Drift) {
        if let (Some(settled), Some(seen)) = (&mut self.settled, &self.seen) {
            settled.drift(drift);
            self.differences.settle(settled, seen);
        }
    }

    /// A read shows a write of ours, begun at `begun`, with these entries in the list, which was changed last
    /// at `modified`.
    pub fn applied(
        &mut self,
        (begun, at): (Timestamp, Timestamp),
        write: &Write,
        after: &[String],
        modified: Option<Timestamp>,
    ) {
        if let Some(seen) = &mut self.seen {
            seen.entries = after.to_vec();
        }
        if let (Some(settled), Some(seen)) = (&mut self.settled, &self.seen) {
            settled.write(&write.add, &write.remove);
            self.differences.read(at, settled, seen);
        }
        self.restore_entries = missing_in(after, &self.restore_entries);
        self.gaps.applied(write, (begun, at), after, modified);
    }

    /// A grant for `net` is over: an entry of it that does not stand is missed by nobody.
    pub fn over(&mut self, net: Ipv4Net) {
        if let (Some(settled), Some(seen)) = (&mut self.settled, &self.seen)
            && !seen.shows(net)
        {
            settled.write(&[], &[net]);
            self.differences.settle(settled, seen);
        }
    }

    /// A write of ours, begun at `begun`, is given up, and may change the list yet.
    pub fn lost(&mut self, write: &Write, begun: Timestamp) {
        self.gaps.lost(write, begun);
    }

    /// An event tells of a change by others.
    pub fn record_external_change(&mut self, at: Timestamp, other: Other) {
        self.heard = self.heard.saturating_add(1);
        self.gaps.record_external_change(at, other);
    }

    /// What was said is not said again, and what a write of ours undid was not others' doing.
    pub fn mark_reported(&mut self, overwritten: &Overwritten) {
        self.gaps.mark_reported(overwritten);
        if overwritten.restoring {
            self.restore_entries.extend_from_slice(&overwritten.dropped);
        }
        if let (Some(settled), Some(seen)) = (&mut self.settled, &self.seen) {
            let gone = missing_in(&seen.entries, &overwritten.dropped);
            settled.entries = missing_in(&gone, &settled.entries);
            self.differences.settle(settled, seen);
        }
    }

    /// What a write of ours may have undone and was not told, as far as it was known at `until`.
    pub fn overwritten(&self, registry: &ResourceId, until: Timestamp) -> Vec<Overwritten> {
        self.gaps.overwritten(registry, until)
    }

    /// What `write`, which `after` shows for the first time, undid: entries of others that a read since it
    /// was made has shown, and that it dropped; and what else such a read has shown, in words. Nothing where it
    /// is not known what it was made from.
    pub fn undone(&self, write: &Write, after: &Seen, ours: &Ours) -> (Vec<String>, Vec<String>) {
        let nothing = (Vec::new(), Vec::new());
        let (Some(base), Some(seen)) = (self.gaps.base_of(write), &self.seen) else {
            return nothing;
        };
        let mut made = base.clone();
        made.retain(|text| network::parse(text).is_none_or(|net| !write.remove.contains(&net)));
        let others = !missing_in(&after.entries, &made).is_empty();
        // Tags alone undo nothing; and where others put a list in place, what it was to take away may be gone by
        // theirs.
        if write.patch() == Patch::default() || (write.add.is_empty() && others) {
            return nothing;
        }
        let known: Vec<String> = base.iter().chain(&after.entries).cloned().collect();
        let mut dropped = missing_in(&known, &seen.entries);
        dropped.retain(|text| !ours.has(text));
        let mut back = missing_in(&seen.entries, &both(&after.entries, &made));
        back.retain(|text| network::parse(text).is_none_or(|net| !write.add.contains(&net)));
        let back = back.iter().map(|text| format!("removal of {text}"));
        let closed = after.default_deny && !seen.default_deny;
        let closed = closed.then(|| "default action Allow".to_owned());
        (dropped, back.chain(closed).collect())
    }

    /// Whether the last read shows a change of others that is not concluded.
    pub fn differs(&self, ours: &Ours) -> bool {
        let both = self.settled.as_ref().zip(self.seen.as_ref());
        both.is_some_and(|(settled, seen)| !compare(settled, seen, ours).is_empty())
    }

    /// What others changed and is not concluded, of that which all reads since `until` or before have
    /// shown; each with since when.
    pub fn drift(&self, ours: &Ours, until: Timestamp) -> Vec<(Timestamp, Drift)> {
        let Some((settled, seen)) = self.settled.as_ref().zip(self.seen.as_ref()) else {
            return Vec::new();
        };
        let believed = self.differences.believed(settled, seen, until);
        let drifts = compare(settled, &believed, ours).into_iter();
        let since = |drift: &Drift| self.differences.since(drift).unwrap_or(until);
        drifts.map(|drift| (since(&drift), drift)).collect()
    }

    /// Who changed the registry, as events tell, so that reads `every` so often would first show it at
    /// `since`.
    pub fn by(&self, since: Timestamp, every: SignedDuration) -> Vec<String> {
        let about_then = |other: &&Other| {
            let before = since.duration_since(other.at);
            before <= every.saturating_add(BEFORE) && before >= -BEFORE
        };
        let others = self.gaps.others().filter(about_then);
        let names: BTreeSet<&String> = others.filter_map(|other| other.by.as_ref()).collect();
        names.into_iter().cloned().collect()
    }
}
