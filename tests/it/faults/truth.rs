//! Whether what people were told was true: each alarm beside what really stood at Azure.

use super::judge::{Granted, Judge, network};
use doorward_core::firewall::Overwritten;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::{LedgerEvent, Write, WriteOutcome};
use doorward_sim::{Happened, Registry};
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What a read said is believed to be so for this long.
const KNOWN_FOR: SignedDuration = SignedDuration::from_secs(60);

/// How far an event's time and a gap may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(2);

/// Past its end by this an entry has been read again, and the alarm has rung.
const SILENT_FOR: SignedDuration = SignedDuration::from_secs(95);

/// After so long a read has been made whatever became of a write.
const LOOKED_FOR: SignedDuration = SignedDuration::from_secs(65);

/// The first removal of an entry is nothing to ring for while it is younger than this.
const FRESH: SignedDuration = SignedDuration::from_secs(20);

/// How soon it rings again, at most so often for a registry.
const RINGS_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// How late it rings again, where it has rung for long.
const RINGS_AT_LEAST: SignedDuration = SignedDuration::from_hours(1);

/// How late the turn may be in which it does.
const TURN: SignedDuration = SignedDuration::from_mins(1);

/// What really happened, as far as alarms are about it.
#[derive(Default)]
pub(super) struct Truth {
    /// The entries of ours that stood, and since when; oldest first.
    ours: Vec<(Timestamp, BTreeSet<Ipv4Net>)>,
    /// What reads of ours showed.
    reads: Vec<(Timestamp, Option<String>, Registry)>,
    /// What others changed, by its time.
    others: BTreeMap<Timestamp, (Registry, Registry)>,
    /// What our writes changed, by their id.
    writes: BTreeMap<String, (Registry, Registry)>,
    /// The writes that were begun.
    intended: BTreeMap<String, (Timestamp, Write)>,
    /// The writes of which we know that they were refused or never sent.
    refused: BTreeSet<String>,
    /// What was told since this was last judged.
    told: Vec<(Timestamp, LedgerEvent)>,
    /// When the alarm about a grant's end last rang.
    rang: BTreeMap<String, Timestamp>,
    /// When one last rang, about whichever grants.
    rang_last: Option<Timestamp>,
    /// How many alarms of each kind were judged.
    judged: BTreeMap<String, usize>,
}

impl Truth {
    /// Takes in an entry of the ledger.
    pub(super) fn learn(&mut self, at: Timestamp, what: &LedgerEvent) {
        match what {
            LedgerEvent::WriteIntended(write) => {
                self.intended
                    .insert(write.id.to_string(), (at, write.clone()));
            }
            LedgerEvent::WriteSettled {
                write,
                outcome: WriteOutcome::NotApplied { .. },
                ..
            } => {
                self.refused.insert(write.to_string());
            }
            LedgerEvent::Alerted(alert) => {
                if let "overdue" | "end_unknown" = &*alert.code {
                    let grants = alert.all_grants().map(|grant| (grant.to_string(), at));
                    self.rang.extend(grants);
                    self.rang_last = Some(at);
                }
                self.told.push((at, what.clone()));
            }
            LedgerEvent::PossiblyOverwritten(_) => self.told.push((at, what.clone())),
            _ => {}
        }
    }

    /// Takes in what happened; afterwards these entries are ours.
    pub(super) fn look(&mut self, happened: &Happened, ours: BTreeSet<Ipv4Net>) {
        match happened {
            Happened::Read { at, author, shown } => {
                let shown = Registry::clone(shown);
                self.reads.push((*at, author.correlation.clone(), shown));
            }
            Happened::Changed {
                author,
                before,
                after,
            } => {
                let at = after.last_modified_at;
                self.ours.push((at, ours));
                let both = (Registry::clone(before), Registry::clone(after));
                match &author.correlation {
                    Some(write) => _ = self.writes.insert(write.clone(), both),
                    None => _ = self.others.insert(at, both),
                }
            }
        }
    }

    /// The entries of ours that stood at some moment between these two.
    fn stood(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Ipv4Net> {
        let until = self.ours.iter().map(|(since, _)| *since).skip(1);
        let until = until.chain([Timestamp::MAX]);
        let states = self.ours.iter().zip(until);
        let then = states.filter(move |((since, _), until)| *since <= to && *until >= from);
        then.flat_map(|((_, ours), _)| ours.iter().copied())
    }

    /// The reads of ours that are not older than one before them: others are not believed at first.
    fn believed(&self) -> impl Iterator<Item = &(Timestamp, Option<String>, Registry)> {
        let latest = self.reads.iter().scan(Timestamp::MIN, |latest, read| {
            let modified = read.2.last_modified_at;
            *latest = modified.max(*latest);
            Some((modified == *latest).then_some(read))
        });
        latest.flatten()
    }

    /// When writes were begun that were to take this entry away, since its end.
    fn removals_since(&self, entry: Ipv4Net, end: Option<Timestamp>) -> Vec<Timestamp> {
        let all = self.intended.values();
        let removals =
            all.filter(|(begun, write)| Some(*begun) >= end && write.remove.contains(&entry));
        removals.map(|(begun, _)| *begun).collect()
    }

    /// The last read before `at`, if it was not long ago.
    fn last_read(&self, at: Timestamp) -> Option<&(Timestamp, Option<String>, Registry)> {
        let before = self.reads.iter().rev().find(|(read, ..)| *read <= at);
        before.filter(|(read, ..)| at.duration_since(*read) <= KNOWN_FOR)
    }
}

impl Judge {
    /// How many alarms were judged, by their code.
    pub(crate) fn alarms(&self) -> BTreeMap<String, usize> {
        self.truth.judged.clone()
    }

    /// Everything that people were told since is true.
    pub(super) fn what_was_told_is_true(&mut self) {
        for (at, what) in std::mem::take(&mut self.truth.told) {
            let (code, lie) = match &what {
                LedgerEvent::Alerted(alert) if alert.code == "overdue" => {
                    (&*alert.code, self.overdue(at, alert))
                }
                LedgerEvent::Alerted(alert) if alert.code == "azure_refused" => {
                    (&*alert.code, self.azure_refused(at, alert))
                }
                LedgerEvent::Alerted(alert) if alert.code == "end_unknown" => {
                    let peace = self.at_peace.then(|| "Azure answers".to_owned());
                    (&*alert.code, peace)
                }
                LedgerEvent::PossiblyOverwritten(told) => {
                    ("possibly_overwritten", self.overwritten_is_true(at, told))
                }
                _ => continue,
            };
            *self.truth.judged.entry(code.to_owned()).or_default() += 1;
            if let Some(lie) = lie {
                self.violations
                    .push(format!("`{code}` at {at} is not true: {lie}"));
            }
        }
    }

    /// Of what stands past its end, and the last read showed, people have been told: when it was late, unless of
    /// others right before, and again after half the time that the first has been late.
    pub(crate) fn nothing_is_late_in_silence(&mut self, now: Timestamp) {
        let mut silent = Vec::new();
        let first = self.first_that_is_late(now);
        let half = SignedDuration::from_secs(now.duration_since(first).as_secs() / 2);
        let again = half.clamp(RINGS_EVERY, RINGS_AT_LEAST) + TURN;
        for entry in self.ours.difference(&self.either) {
            let grants = || {
                self.grants
                    .iter()
                    .filter(|(_, it)| entry.contains(&it.address))
            };
            let late = grants().all(|(_, it)| now.duration_since(it.until) > SILENT_FOR);
            let stands = grants().any(|(_, it)| it.over.is_none());
            let shown = self.truth.last_read(now).is_some_and(|(_, _, shown)| {
                shown
                    .entries()
                    .into_iter()
                    .filter_map(network)
                    .any(|net| net == *entry)
            });
            let within = |at: Timestamp, bound| now.duration_since(at) <= bound;
            let rang = grants().any(|(id, granted)| {
                let rang = self.truth.rang.get(id);
                let new = within(granted.until, SILENT_FOR + RINGS_EVERY);
                let last = self.truth.rang_last;
                rang.is_some_and(|at| within(*at, again))
                    || new && last.is_some_and(|at| within(at, RINGS_EVERY + TURN))
            });
            // Long enough for a removal whose outcome is not known to be looked for.
            let looked_for = self.truth.believed().any(|(at, _, shown)| {
                let showed = shown
                    .entries()
                    .into_iter()
                    .filter_map(network)
                    .any(|net| net == *entry);
                let past_its_end = grants().all(|(_, it)| it.until <= *at);
                showed && past_its_end && now.duration_since(*at) > LOOKED_FOR
            });
            let ended = grants().map(|(_, it)| it.until).max();
            let tried = self.truth.removals_since(*entry, ended);
            let just_tried = matches!(tried[..], [only] if now.duration_since(only) < FRESH);
            if late && stands && shown && looked_for && !just_tried && !rang {
                silent.push(format!(
                    "{entry} stands at {now} past its end, and nobody is told"
                ));
            }
        }
        self.violations.extend(silent);
    }

    /// The end of the first grant of which an entry stands past it, of those that are not over.
    fn first_that_is_late(&self, now: Timestamp) -> Timestamp {
        let standing = self.ours.union(&self.either);
        let ends = standing.filter_map(|entry| {
            let needs = self.grants.values();
            let needs = needs.filter(|it| it.over.is_none() && entry.contains(&it.address));
            needs.map(|it| it.until).max()
        });
        ends.filter(|end| *end < now).min().unwrap_or(now)
    }

    /// Of each grant that it names an entry of ours stands past its end, or a read has just shown it.
    fn overdue(&self, at: Timestamp, alert: &Alert) -> Option<String> {
        if alert.all_grants().next().is_none() {
            return Some("it names nothing".to_owned());
        }
        let mut grants = alert.all_grants();
        grants.find_map(|grant| self.is_not_overdue(at, self.grants.get(&grant.to_string())?))
    }

    fn is_not_overdue(&self, at: Timestamp, granted: &Granted) -> Option<String> {
        let address = granted.address;
        let admits = |net: &Ipv4Net| net.contains(&address);
        let early = at.checked_sub(self.apart).unwrap_or(at);
        let late = at.checked_add(self.apart).unwrap_or(at);
        let stands = self.truth.stood(early, late).any(|net| admits(&net));
        // Several reads may be made while the clock stands still: one of them was the last then.
        let mut before = self.truth.reads.iter().rev();
        let last = before.find(|(read, ..)| *read <= late);
        let last = last.map(|(read, ..)| *read);
        let last = last.filter(|read| early.duration_since(*read) <= KNOWN_FOR);
        let mut reads = self
            .truth
            .reads
            .iter()
            .filter(|(read, ..)| Some(*read) == last);
        let shown = reads.any(|(_, _, shown)| {
            let mut networks = shown.entries().into_iter().filter_map(network);
            networks.any(|net| admits(&net))
        });
        if !stands && !shown {
            return Some(format!("{address} is not admitted by an entry of ours"));
        }
        let needed = self
            .grants
            .values()
            .any(|other| other.address == address && other.until > late && other.over.is_none());
        needed.then(|| format!("{address} is granted still"))
    }

    /// Azure did not do what was asked for, and the address is outside.
    fn azure_refused(&self, at: Timestamp, alert: &Alert) -> Option<String> {
        let granted = self.grants.get(&alert.grant?.to_string())?;
        let address: Ipv4Addr = granted.address;
        let asked = self
            .truth
            .intended
            .iter()
            .filter(|(_, (begun, write))| *begun <= at && write.admits(address));
        let done = |id: &str| {
            self.truth
                .writes
                .get(id)
                .is_some_and(|(_, after)| after.last_modified_at <= at)
        };
        let last = asked.max_by_key(|(_, (begun, _))| *begun);
        match last {
            None => Some(format!("no write for {address} was ever begun")),
            Some((id, _)) if done(id) => Some(format!("write {id} for {address} was done")),
            Some(_) => None,
        }
    }

    /// Others wrote between our read and our write, or what the message says is gone went with that write.
    fn overwritten_is_true(&self, at: Timestamp, told: &Overwritten) -> Option<String> {
        let id = told.write.to_string();
        if self.truth.refused.contains(&id) {
            return Some(format!("write {id} was refused, or not sent"));
        }
        if !self.apart.is_zero() {
            return None;
        }
        if told.event.is_none() {
            return self.dropped_is_true(&id, told);
        }
        let Some((begun, _)) = self.truth.intended.get(&id) else {
            return Some(format!("write {id} was never begun"));
        };
        let reads = self.truth.reads.iter();
        let mut base = reads.filter(|(read, by, _)| by.as_deref() == Some(&*id) && read >= begun);
        let from = base.next().map_or(*begun, |(read, ..)| *read);
        let from = from.checked_sub(CLOCKS_APART + self.apart).unwrap_or(from);
        let done = self
            .truth
            .writes
            .get(&id)
            .map(|(_, after)| after.last_modified_at);
        let to = done.map_or(Timestamp::MAX, |done| done + CLOCKS_APART + self.apart);
        let times = told
            .at
            .into_iter()
            .chain(told.also.iter().map(|other| other.at));
        let inside: Vec<Timestamp> = times.filter(|time| *time >= from && *time <= to).collect();
        if inside.is_empty() {
            return Some(format!(
                "nobody wrote between the read of write {id} and its effect"
            ));
        }
        let shows = |time: &Timestamp| {
            let change = self.truth.others.get(time).zip(self.truth.last_read(at));
            change.is_some_and(|((before, after), (_, _, read))| {
                // What changed nothing leaves no trace, like what is lost.
                !is_idle(before, after) && shows_in(before, after, read)
            })
        };
        // Where others wrote as often as that, who undid whom cannot be told from reads.
        let alone = told.also.is_empty()
            && !self
                .truth
                .others
                .range(inside[0] - KNOWN_FOR..inside[0] + KNOWN_FOR)
                .any(|(time, _)| *time != inside[0]);
        let all_show = inside.iter().all(shows);
        (alone && all_show).then(|| format!("what others wrote at {} stands", inside[0]))
    }

    /// What a message says that a late write dropped, that write dropped.
    fn dropped_is_true(&self, id: &str, told: &Overwritten) -> Option<String> {
        let Some((before, after)) = self.truth.writes.get(id) else {
            // Whether it landed or others took back what they had done cannot be told where nobody tells.
            return self.events.then(|| format!("write {id} never landed"));
        };
        let (before, after) = (before.entries(), after.entries());
        let undone =
            |entry: &String| before.contains(&entry.as_str()) && !after.contains(&entry.as_str());
        // In the same seconds somebody may have taken it off himself.
        let others = |entry: &String| {
            self.truth.others.values().any(|(before, after)| {
                before.entries().contains(&entry.as_str())
                    && !after.entries().contains(&entry.as_str())
            })
        };
        let mut wrong = told
            .dropped
            .iter()
            .filter(|entry| !undone(entry) && !others(entry));
        wrong
            .next()
            .map(|entry| format!("write {id} did not drop {entry}"))
    }
}

/// Whether a write of others changed nothing but who wrote last.
fn is_idle(before: &Registry, after: &Registry) -> bool {
    let mut same = before.clone();
    same.last_modified_at = after.last_modified_at;
    same.last_modified_by.clone_from(&after.last_modified_by);
    same == *after
}

/// Whether all that a change did is to be seen in a read.
fn shows_in(before: &Registry, after: &Registry, read: &Registry) -> bool {
    let (before_it, after_it, shown) = (before.entries(), after.entries(), read.entries());
    let mut came = after_it.iter().filter(|entry| !before_it.contains(entry));
    let mut went = before_it.iter().filter(|entry| !after_it.contains(entry));
    let action = |it: &Registry| it.network_rules.default_action;
    came.all(|entry| shown.contains(entry))
        && went.all(|entry| !shown.contains(entry))
        && (action(before) == action(after) || action(read) == action(after))
        && (before.tags == after.tags
            || after
                .tags
                .iter()
                .all(|(name, value)| read.tags.get(name) == Some(value)))
}
