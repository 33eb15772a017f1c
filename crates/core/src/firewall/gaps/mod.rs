//! Which changes of others a write of ours may have undone, judged by events and by what reads have shown.
//!
//! A change of others that falls into the gap of a write is perhaps lost, unless reads show it. Events say
//! when others wrote and not what, and a read shows what changed and not by how many writes: where one
//! event and one change stand alone, the one is the other; where several meet, it cannot be told, and people
//! are asked to look. When what a read shows was changed last is told by Azure's clock, like the time of an
//! event; ours counts where reads do not say it.

mod landed;

pub(super) use landed::both;

use super::drift::{Seen, missing_in};
use super::overwritten::{CLOCKS_APART, Gap, Other, Overwritten};
use crate::firewall::owned_entries::MAY_LAND_WITHIN;
use crate::ledger::event::Write;
use crate::ledger::id::WriteId;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use landed::{Landed, Lost};
use std::collections::{BTreeSet, VecDeque};

/// How many gaps, changes and events are remembered.
const REMEMBERED: usize = 32;

/// How long a stale read may hide a change.
const STALE: SignedDuration = SignedDuration::from_secs(40);

/// What is known of gaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gaps {
    others: VecDeque<Heard>,
    of_writes: VecDeque<Gap>,
    changes: VecDeque<Change>,
    /// What reads have shown as the time of the last change.
    moved: VecDeque<Timestamp>,
    /// What the write was made from that hangs.
    base: Option<Base>,
    lost: VecDeque<Lost>,
}

/// What a write was made from.
#[derive(Clone, Debug, PartialEq)]
struct Base {
    write: WriteId,
    begun: Timestamp,
    /// The entries, where its reply was lost.
    entries: Option<Vec<String>>,
    /// When the registry had been changed last.
    modified: Option<Timestamp>,
}

/// An event about a change of others.
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    other: Other,
    at: Timestamp,
    reported: bool,
}

/// What a read showed otherwise than the read before it, writes of ours aside.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    /// When the read before it was asked for, and when this one was.
    from: Timestamp,
    to: Timestamp,
    /// When the registry had been changed last, as each of the two says, where that moved.
    modified: Option<(Timestamp, Timestamp)>,
    /// The entries that came and went, ours aside.
    came: Vec<String>,
    went: Vec<String>,
    /// How many things changed.
    count: usize,
    /// Whether a write of ours shows in it for the first time.
    ours: bool,
    /// The write of ours that hung.
    hanging: Option<WriteId>,
    /// What a write of ours undid that landed late, if that is what it looks like.
    landed: Option<Landed>,
}

/// A read beside the one before it.
pub(super) struct Look<'a> {
    pub(super) before: &'a Seen,
    pub(super) after: &'a Seen,
    /// When the one before it was asked for, if this process made it, and when this one was.
    pub(super) from: Option<Timestamp>,
    pub(super) to: Timestamp,
    /// When the registry had been changed last, as each of the two says.
    pub(super) modified: (Option<Timestamp>, Option<Timestamp>),
    /// The entries that we claim.
    pub(super) claimed: &'a BTreeSet<Ipv4Net>,
    /// The write of ours of which the outcome is not known.
    pub(super) hanging: Option<&'a Write>,
}

impl Gaps {
    /// An event tells, at `at`, of a change by others.
    pub(super) fn record_external_change(&mut self, at: Timestamp, other: Other) {
        let reported = false;
        self.others.push_front(Heard {
            other,
            at,
            reported,
        });
        self.others.truncate(REMEMBERED);
    }

    /// The changes of others that events told of.
    pub(super) fn others(&self) -> impl Iterator<Item = &Other> {
        self.others.iter().map(|heard| &heard.other)
    }

    /// A write of ours begins; the registry had been changed last at `modified`.
    pub(super) fn begun(&mut self, begun: Timestamp, write: WriteId, modified: Option<Timestamp>) {
        self.base = Some(Base {
            write,
            begun,
            entries: None,
            modified,
        });
    }

    /// What the write that hangs was made from.
    pub(super) fn based_on(
        &mut self,
        write: WriteId,
        entries: Vec<String>,
        modified: Option<Timestamp>,
    ) {
        if let Some(base) = self.base.as_mut().filter(|base| base.write == write) {
            base.entries = Some(entries);
            base.modified = modified.or(base.modified);
        }
    }

    /// What a write of which the outcome is not known was made from, if that is known.
    pub(super) fn base_of(&self, write: &Write) -> Option<&Vec<String>> {
        let base = self.base.as_ref().filter(|base| base.write == write.id);
        base.and_then(|base| base.entries.as_ref())
    }

    /// A write of ours was not done.
    pub(super) fn not_applied(&mut self, write: WriteId) {
        self.base.take_if(|base| base.write == write);
    }

    /// A read shows a write of ours, and that the registry was changed last at `modified`.
    pub(super) fn applied(
        &mut self,
        write: &Write,
        (begun, at): (Timestamp, Timestamp),
        after: &[String],
        modified: Option<Timestamp>,
    ) {
        let may_land = self.may_land(write, begun);
        // Others may have taken away what it was to: it may land yet.
        if write.add.is_empty() && !write.remove.is_empty() && !may_land.is_exactly(after) {
            self.lost.push_front(may_land);
            self.lost.truncate(REMEMBERED);
        }
        let was = self.base.as_ref().and_then(|base| base.modified);
        let moved = was.zip(modified);
        // One of which nothing can be seen, on a registry that nobody has changed since, has not been done yet.
        let untouched = moved.is_some_and(|(was, is)| is <= was);
        let landed = !(untouched && write.add.is_empty() && write.remove.is_empty());
        let to = if landed { at } else { may_land_until(begun) };
        let by = moved.and_then(|(was, is)| (is > was).then_some(is));
        self.gap(write, (begun, to), after, (landed, by));
    }

    /// A write of ours, begun at `begun`, is given up: it may land.
    pub(super) fn lost(&mut self, write: &Write, begun: Timestamp) {
        let may_land = self.may_land(write, begun);
        let until = may_land.until;
        self.lost.push_front(may_land);
        self.lost.truncate(REMEMBERED);
        self.gap(write, (begun, until), &write.before, (false, None));
    }

    fn may_land(&self, write: &Write, begun: Timestamp) -> Lost {
        Lost {
            write: write.clone(),
            until: may_land_until(begun),
            base: self
                .base_of(write)
                .cloned()
                .unwrap_or_else(|| write.before.clone()),
        }
    }

    fn gap(
        &mut self,
        write: &Write,
        (from, to): (Timestamp, Timestamp),
        after: &[String],
        (shown, by): (bool, Option<Timestamp>),
    ) {
        let base = self.base.take().filter(|base| base.write == write.id);
        let modified = base.as_ref().and_then(|base| base.modified);
        let before = base.and_then(|base| base.entries);
        self.of_writes.push_front(Gap {
            write: write.id,
            from,
            to,
            modified,
            by,
            before: before.unwrap_or_else(|| write.before.clone()),
            after: after.to_vec(),
            shown,
            reported: false,
        });
        self.of_writes.truncate(REMEMBERED);
    }

    /// Takes in what a read shows otherwise than the one before it.
    pub(super) fn record_read(&mut self, look: &Look<'_>) {
        if let Some(moved) = look.modified.1.filter(|it| self.moved.front() != Some(it)) {
            self.moved.push_front(moved);
            self.moved.truncate(REMEMBERED);
        }
        let gone = missing_in(&look.after.entries, &look.before.entries);
        let new = missing_in(&look.before.entries, &look.after.entries);
        let nets = |write: &Write| -> Vec<Ipv4Net> {
            let back = write.restore_entries.iter();
            let back = back.filter_map(|text| network::parse(text));
            let moved = write.add.iter().chain(&write.remove);
            moved.copied().chain(back).collect()
        };
        let hanging = look.hanging.into_iter();
        let in_flight: BTreeSet<Ipv4Net> = hanging.flat_map(nets).collect();
        let is_in = |text: &&String, nets: &BTreeSet<Ipv4Net>| {
            network::parse(text).is_some_and(|net| nets.contains(&net))
        };
        let moved = |text: &&String| is_in(text, &in_flight);
        let came = |text: &&String| moved(text) || is_in(text, look.claimed);
        let others_went: Vec<String> = gone.iter().filter(|it| !moved(it)).cloned().collect();
        let others_came: Vec<String> = new.iter().filter(|it| !came(it)).cloned().collect();
        let count = others_went.len().saturating_add(others_came.len());
        let count = count.saturating_add(look.after.flags_unlike(look.before));
        let shown = look.hanging.is_some_and(|write| write.shows_in(look.after));
        let ours = shown && gone.iter().any(|it| moved(&it)) || new.iter().any(|it| came(&it));
        if count == 0 && !ours {
            return;
        }
        self.see_landed(look);
        let last = self.changes.front().map(|change| change.to);
        let from = look.from.max(last.filter(|last| *last <= look.to));
        let modified = look.modified.0.zip(look.modified.1);
        self.changes.push_front(Change {
            from: from.unwrap_or(Timestamp::MIN),
            to: look.to,
            modified: modified.filter(|(was, is)| is > was),
            came: others_came,
            went: others_went,
            count,
            ours,
            hanging: look.hanging.map(|write| write.id),
            landed: self.landed(look, &gone, &new),
        });
        self.changes.truncate(REMEMBERED);
    }

    /// What nothing but a write that was given up can have brought shows that it has landed.
    fn see_landed(&mut self, look: &Look<'_>) {
        if look.hanging.is_some_and(|write| write.shows_in(look.after)) {
            return;
        }
        let came = self.lost.iter().filter(|lost| lost.came(look));
        let came: BTreeSet<WriteId> = came.map(|lost| lost.write.id).collect();
        let landed = |gap: &&mut Gap| !gap.shown && came.contains(&gap.write);
        for gap in self.of_writes.iter_mut().filter(landed) {
            gap.shown = true;
            gap.to = gap.to.min(look.to);
            gap.by = look.modified.1.filter(|is| gap.modified < Some(*is));
            gap.after.clone_from(&look.after.entries);
        }
    }

    /// What a write that was given up undid, if it looks as though it had landed between two reads.
    fn landed(&self, look: &Look<'_>, gone: &[String], new: &[String]) -> Option<Landed> {
        let shown = look.hanging.filter(|write| write.shows_in(look.after));
        let kept = match shown {
            None => None,
            // What it would have kept, it did not drop.
            Some(write) => Some(self.base_of(write)?),
        };
        let is = look.modified.1.unwrap_or(look.to).min(look.to);
        let may = self.lost.iter().filter(|lost| is <= lost.until);
        let found = may.filter_map(|lost| lost.landed(look, (gone, new), kept));
        let mut found: Vec<Landed> = found.collect();
        found.sort_by_key(|landed| !landed.sure);
        found.into_iter().next()
    }

    /// What has been said is not said again.
    pub(super) fn mark_reported(&mut self, overwritten: &Overwritten) {
        for heard in &mut self.others {
            heard.reported |= overwritten.names(&heard.other.event);
        }
        if overwritten.event.is_some() {
            for gap in &mut self.of_writes {
                gap.reported |= gap.write == overwritten.write;
            }
            return;
        }
        self.lost.retain(|lost| lost.write.id != overwritten.write);
        let landed = self.changes.iter_mut();
        for landed in landed.filter_map(|change| change.landed.as_mut()) {
            landed.reported |= landed.write == overwritten.write;
        }
    }

    /// What a write of ours may have undone, not told yet, and heard of or seen at `until` or before: one for
    /// each gap.
    pub(super) fn overwritten(&self, registry: &ResourceId, until: Timestamp) -> Vec<Overwritten> {
        let by_events = self
            .of_writes
            .iter()
            .filter(|gap| !gap.reported)
            .filter_map(|gap| {
                let lost = |heard: &&Heard| {
                    !heard.reported
                        && self.gap_of(&heard.other) == Some(gap)
                        && !self.may_be_in_one_that_hangs(&heard.other, gap)
                        && !self.shown(heard, gap)
                };
                let lost: Vec<&Heard> = self.others.iter().filter(lost).collect();
                let ripe = lost.iter().any(|heard| heard.at <= until);
                let others: Vec<&Other> = lost.iter().map(|heard| &heard.other).collect();
                ripe.then(|| gap.report(registry, &others))?
            });
        let by_reads = self.changes.iter().filter(|change| change.to <= until);
        let by_reads = by_reads.filter_map(|change| {
            let landed = change.landed.as_ref().filter(|landed| !landed.reported)?;
            // Where somebody wrote between the two reads, it is theirs.
            let theirs = self
                .others()
                .any(|other| change.holds(other.at, CLOCKS_APART));
            (landed.sure || !theirs).then(|| landed.report(registry))
        });
        by_events.chain(by_reads).collect()
    }

    /// The gap into which a change of others falls: one whose write was seen goes first.
    fn gap_of(&self, other: &Other) -> Option<&Gap> {
        let all = || self.of_writes.iter();
        all()
            .find(|gap| gap.shown && gap.holds(other, SignedDuration::ZERO))
            .or_else(|| all().find(|gap| gap.shown && gap.holds(other, CLOCKS_APART)))
            .or_else(|| all().find(|gap| gap.holds(other, CLOCKS_APART)))
    }

    /// Whether it is to be seen first what becomes of a write that hangs.
    fn may_be_in_one_that_hangs(&self, other: &Other, gap: &Gap) -> bool {
        let sure = gap.shown && gap.holds(other, SignedDuration::ZERO);
        let after = |base: &Base| {
            base.modified.is_none_or(|modified| other.at > modified)
                && base.begun.duration_since(other.at) <= CLOCKS_APART
        };
        !sure && self.base.as_ref().is_some_and(after)
    }

    /// The first change in reads that may be this change of others.
    fn change_of(&self, other: &Other) -> Option<&Change> {
        let all = || self.changes.iter().rev();
        all()
            .find(|change| change.holds(other.at, SignedDuration::ZERO))
            .or_else(|| all().find(|change| change.holds(other.at, CLOCKS_APART)))
            .or_else(|| all().find(|change| change.to >= other.at && change.holds(other.at, STALE)))
    }

    /// Whether reads show that a change of others was not lost in a gap.
    fn shown(&self, heard: &Heard, gap: &Gap) -> bool {
        let other = &heard.other;
        // A read says that it was the last change, after the one that showed our write: that cannot undo it.
        let after = gap.by.is_some_and(|by| other.at > by);
        if gap.shown && after && self.moved.contains(&other.at) {
            return true;
        }
        let change = self.change_of(other);
        let beside = |it: &&Other| it.event != other.event && self.change_of(it) == change;
        let beside: Vec<&Other> = self.others().filter(beside).collect();
        let exact = gap.shown && gap.holds(other, SignedDuration::ZERO);
        let Some(change) = change else {
            if self.moved.contains(&other.at) {
                // It was the last change that a read showed, whatever it was.
                return true;
            }
            // Nothing shows of it. A write of ours that has not shown can have undone it only where a later
            // change of others undid that write in turn.
            let soon = |it: &&Other| it.at >= other.at && it.at.duration_since(other.at) <= STALE;
            return !gap.shown && !beside.iter().any(soon);
        };
        if !gap.shown && self.is_taken_back(change, gap) {
            return false;
        }
        if !gap.shown && (change.came.is_empty() != change.went.is_empty()) {
            // A write that has landed is hidden only by a list that was replaced.
            return true;
        }
        if exact || change.ours {
            return beside.is_empty() && change.count > 0;
        }
        let is_last = beside.iter().all(|it| it.at < other.at);
        change.count > beside.len() || is_last
    }
}

impl Gaps {
    /// Whether a later read shows what a write that hung would have made of a change, in a list that others have
    /// put in place: it may have landed in between, and theirs hides it.
    fn is_taken_back(&self, change: &Change, gap: &Gap) -> bool {
        let came = missing_in(&gap.before, &change.came);
        let went = both(&change.went, &gap.before);
        let mut later = self.changes.iter().take_while(|later| *later != change);
        later.any(|later| {
            let replaced = !later.came.is_empty() && !later.went.is_empty();
            let taken_back =
                !both(&came, &later.went).is_empty() || !both(&went, &later.came).is_empty();
            later.hanging == Some(gap.write) && replaced && taken_back
        })
    }
}

impl Change {
    /// Whether it may have been made at `at`, where clocks or reads are so far off.
    fn holds(&self, at: Timestamp, off: SignedDuration) -> bool {
        let soon = |end: Timestamp| at.duration_since(end) <= off.min(CLOCKS_APART);
        match self.modified {
            Some((was, is)) => was < at && soon(is),
            None => self.from.duration_since(at) <= off && soon(self.to),
        }
    }
}

/// Until when a write that was begun at `begun` may land.
fn may_land_until(begun: Timestamp) -> Timestamp {
    begun.checked_add(MAY_LAND_WITHIN).unwrap_or(Timestamp::MAX)
}
