//! Which changes of others a write of ours may have undone, judged by events and by what reads have shown.
//!
//! A change of others that falls into the gap of a write is perhaps lost, unless reads show it. Events say
//! when others wrote and not what, and a read shows what changed and not by how many writes: where one
//! event and one change stand alone, the one is the other; where several meet, it cannot be told, and people
//! are asked to look.

use super::drift::{Key, Seen, missing_in};
use super::overwritten::{CLOCKS_APART, Gap, Other, Overwritten};
use crate::ledger::event::Write;
use crate::ledger::id::WriteId;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
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
    /// The entries that a write was made from, where its reply was lost.
    base: Option<(WriteId, Vec<String>)>,
    lost: VecDeque<Lost>,
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
    /// How many things changed.
    count: usize,
    /// Whether a write of ours shows in it for the first time.
    ours: bool,
    /// What a write of ours undid that landed late, if that is what it looks like.
    landed: Option<Landed>,
}

#[derive(Clone, Debug, PartialEq)]
struct Landed {
    write: WriteId,
    dropped: Vec<String>,
    undone: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
    /// Whether nothing else can have done it.
    sure: bool,
    reported: bool,
}

/// A write of ours that was given up, and may land.
#[derive(Clone, Debug, PartialEq)]
struct Lost {
    write: Write,
    until: Timestamp,
    base: Vec<String>,
}

/// A read beside the one before it.
pub(super) struct Look<'a> {
    pub(super) before: &'a Seen,
    pub(super) after: &'a Seen,
    /// When the one before it was asked for, if this process made it, and when this one was.
    pub(super) from: Option<Timestamp>,
    pub(super) to: Timestamp,
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

    /// What a write was made from, where its reply was lost.
    pub(super) fn based_on(&mut self, write: WriteId, entries: Vec<String>) {
        self.base = Some((write, entries));
    }

    /// What a write of which the outcome is not known was made from, if that is known.
    pub(super) fn base_of(&self, write: &Write) -> Option<&Vec<String>> {
        let base = self.base.as_ref().filter(|(id, _)| *id == write.id);
        base.map(|(_, entries)| entries)
    }

    /// A read shows a write of ours.
    pub(super) fn applied(
        &mut self,
        write: &Write,
        times: (Timestamp, Timestamp),
        after: &[String],
    ) {
        self.gap(write, times, after, true);
    }

    /// A write of ours is given up: it may land until `to`.
    pub(super) fn lost(&mut self, write: &Write, (from, to): (Timestamp, Timestamp)) {
        let base = self.base_of(write).cloned();
        self.lost.push_front(Lost {
            write: write.clone(),
            until: to,
            base: base.unwrap_or_else(|| write.before.clone()),
        });
        self.lost.truncate(REMEMBERED);
        self.gap(write, (from, to), &write.before, false);
    }

    fn gap(
        &mut self,
        write: &Write,
        (from, to): (Timestamp, Timestamp),
        after: &[String],
        shown: bool,
    ) {
        let base = self.base.take().filter(|(id, _)| *id == write.id);
        self.of_writes.push_front(Gap {
            write: write.id,
            from,
            to,
            before: base.map_or_else(|| write.before.clone(), |(_, entries)| entries),
            after: after.to_vec(),
            shown,
            reported: false,
        });
        self.of_writes.truncate(REMEMBERED);
    }

    /// Takes in what a read shows otherwise than the one before it.
    pub(super) fn record_read(&mut self, look: &Look<'_>) {
        let gone = missing_in(&look.after.entries, &look.before.entries);
        let new = missing_in(&look.before.entries, &look.after.entries);
        let hanging = look.hanging.into_iter();
        let in_flight: BTreeSet<Ipv4Net> = hanging
            .flat_map(|write| write.add.iter().chain(&write.remove).copied())
            .collect();
        let is_in = |text: &&String, nets: &BTreeSet<Ipv4Net>| {
            network::parse(text).is_some_and(|net| nets.contains(&net))
        };
        let moved = |text: &&String| is_in(text, &in_flight);
        let came = |text: &&String| moved(text) || is_in(text, look.claimed);
        let others = gone.iter().filter(|it| !moved(it)).count();
        let others = others.saturating_add(new.iter().filter(|it| !came(it)).count());
        let count = others.saturating_add(look.after.flags_unlike(look.before));
        let ours = gone.iter().any(|it| moved(&it)) || new.iter().any(|it| came(&it));
        if count == 0 && !ours {
            return;
        }
        let last = self.changes.front().map(|change| change.to);
        let from = look.from.max(last.filter(|last| *last <= look.to));
        self.changes.push_front(Change {
            from: from.unwrap_or(Timestamp::MIN),
            to: look.to,
            count,
            ours,
            landed: self.landed(look, &gone, &new),
        });
        self.changes.truncate(REMEMBERED);
    }

    /// What a write that was given up undid, if it looks as though it had landed between two reads.
    fn landed(&self, look: &Look<'_>, gone: &[String], new: &[String]) -> Option<Landed> {
        let foreign =
            |text: &&String| network::parse(text).is_none_or(|net| !look.claimed.contains(&net));
        let shown = look.hanging.filter(|write| write.shows_in(look.after));
        let kept = match shown {
            None => None,
            // What it would have kept, it did not drop.
            Some(write) => Some(self.base_of(write)?),
        };
        let flipped = look.after.default_deny && !look.before.default_deny;
        let found = self
            .lost
            .iter()
            .filter(|lost| look.to <= lost.until)
            .filter_map(|lost| {
                let newly = !lost.write.add.is_empty()
                    && lost.write.shows_in(look.after)
                    && lost.write.add.iter().all(|net| !look.before.shows(*net));
                let sure = newly && shown.is_none();
                if !newly && !lost.is_exactly(&look.after.entries) {
                    return None;
                }
                let mut dropped = missing_in(&lost.base, gone);
                dropped.retain(|text| foreign(&text));
                if let Some(kept) = kept {
                    dropped = both(&dropped, kept);
                }
                let mut back = both(new, &lost.base);
                back.retain(|text| foreign(&text));
                if kept.is_some() {
                    back.clear();
                }
                let mut undone: Vec<String> = back
                    .iter()
                    .map(|text| format!("removal of {text}"))
                    .collect();
                if flipped && shown.is_none() {
                    undone.push("default action Allow".to_owned());
                }
                (!dropped.is_empty() || !undone.is_empty()).then(|| Landed {
                    write: lost.write.id,
                    dropped,
                    undone,
                    before: lost.base.clone(),
                    after: look.after.entries.clone(),
                    sure,
                    reported: false,
                })
            });
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

    /// The first change in reads that may be this change of others.
    fn change_of(&self, other: &Other) -> Option<&Change> {
        let all = || self.changes.iter().rev();
        all()
            .find(|change| change.holds(other.at, CLOCKS_APART))
            .or_else(|| all().find(|change| change.to >= other.at && change.holds(other.at, STALE)))
    }

    /// Whether reads show that a change of others was not lost in a gap.
    fn shown(&self, heard: &Heard, gap: &Gap) -> bool {
        let other = &heard.other;
        let change = self.change_of(other);
        let beside = |it: &&Other| it.event != other.event && self.change_of(it) == change;
        let beside: Vec<&Other> = self.others().filter(beside).collect();
        let exact = gap.shown && gap.holds(other, SignedDuration::ZERO);
        let Some(change) = change else {
            // Nothing shows of it. A write of ours that has not shown can have undone it only where a later
            // change of others undid that write in turn.
            let soon = |it: &&Other| it.at >= other.at && it.at.duration_since(other.at) <= STALE;
            return !gap.shown && !beside.iter().any(soon);
        };
        if exact || change.ours {
            return beside.is_empty() && change.count > 0;
        }
        let is_last = beside.iter().all(|it| it.at < other.at);
        change.count > beside.len() || is_last
    }
}

impl Change {
    /// Whether it may have been made at `at`, where clocks or reads are so far off.
    fn holds(&self, at: Timestamp, off: SignedDuration) -> bool {
        self.from.duration_since(at) <= off && at.duration_since(self.to) <= off.min(CLOCKS_APART)
    }
}

impl Lost {
    /// Whether a list is what this write makes of the one that it was made from.
    fn is_exactly(&self, entries: &[String]) -> bool {
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
}

impl Landed {
    fn report(&self, registry: &ResourceId) -> Overwritten {
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
fn both(texts: &[String], list: &[String]) -> Vec<String> {
    let only = missing_in(list, texts);
    missing_in(&only, texts)
}
