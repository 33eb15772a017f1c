//! What came in and what was said of it lately, counted by quarters of an hour and by days: for strips and
//! charts. No decision rests on it.

use crate::ledger::event::LedgerEvent;
use crate::ledger::id::DenialId;
use crate::ledger::request::Answer;
use crate::net::resource_id::ResourceId;
use crate::policy::verdict::Action;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// A quarter of an hour, in seconds.
const QUARTER: i64 = 15 * 60;
/// A day, in seconds.
const DAY: i64 = 24 * 60 * 60;
/// How many quarters are remembered: a day's.
const QUARTERS: i64 = 96;
/// How many days are remembered.
const DAYS: i64 = 30;

/// How many sources are remembered by the time they were heard; beyond, none is added.
const MOST_SOURCES: usize = 1_000;

/// What a count is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Everything.
    All,
    /// A registry.
    Registry(ResourceId),
    /// A source, by its name.
    Source(String),
}

/// What happened within a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Denials that came in, repeats and those that were only counted included.
    pub denials: u64,
    /// Verdicts that allow.
    pub allowed: u64,
    /// Verdicts that ask a person.
    pub asked: u64,
    /// Verdicts that open nothing.
    pub declined: u64,
    /// Answers of people that open.
    pub approved: u64,
    /// Answers of people that do not.
    pub denied: u64,
}

/// What happened lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    quarters: BTreeMap<i64, BTreeMap<Subject, Tally>>,
    days: BTreeMap<i64, Tally>,
    heard: BTreeMap<String, Timestamp>,
}

impl Tally {
    /// How many verdicts there were.
    pub fn verdicts(&self) -> u64 {
        let some = self.allowed.saturating_add(self.asked);
        some.saturating_add(self.declined)
    }

    fn judge(&mut self, action: Action) {
        let slot = match action {
            Action::Allow => &mut self.allowed,
            Action::Ask => &mut self.asked,
            Action::Forbid | Action::Alert | Action::Ignore => &mut self.declined,
        };
        *slot = slot.saturating_add(1);
    }

    fn answer(&mut self, answer: Answer) {
        let slot = match answer {
            Answer::Allow => &mut self.approved,
            Answer::Deny => &mut self.denied,
        };
        *slot = slot.saturating_add(1);
    }

    fn deny(&mut self, count: u64) {
        self.denials = self.denials.saturating_add(count);
    }
}

impl Activity {
    /// Takes in what happened at `at`. `source_of` names the source of a denial that waits for its verdict.
    pub fn take_in(
        &mut self,
        at: Timestamp,
        what: &LedgerEvent,
        source_of: impl Fn(DenialId) -> Option<String>,
    ) {
        if let LedgerEvent::Denied(denied) = what {
            self.heard(at, &denied.source);
            let source = Subject::Source(denied.source.clone());
            let registry = denied.registry.clone().map(Subject::Registry);
            let about = [Some(source), registry];
            self.count(at, about, |tally| tally.deny(1));
        } else if let LedgerEvent::Counted { source, counts, .. } = what {
            let count = counts
                .values()
                .fold(0, |sum: u64, it| sum.saturating_add(*it));
            self.heard(at, source);
            let about = [Some(Subject::Source(source.clone())), None];
            self.count(at, about, |tally| tally.deny(count));
        } else if let LedgerEvent::Suppressed {
            registry,
            source,
            count,
            ..
        } = what
        {
            self.heard(at, source);
            let registry = registry.clone().map(Subject::Registry);
            let about = [Some(Subject::Source(source.clone())), registry];
            self.count(at, about, |tally| tally.deny(*count));
        } else if let LedgerEvent::Decided {
            denial,
            registry,
            verdict,
        } = what
        {
            let source = source_of(*denial).map(Subject::Source);
            let about = [source, registry.clone().map(Subject::Registry)];
            self.count(at, about, |tally| tally.judge(verdict.action));
        } else if let LedgerEvent::Answered { answer, .. } = what {
            self.count(at, [None, None], |tally| tally.answer(*answer));
        } else if let LedgerEvent::RegistryChanged { source, .. } = what {
            self.heard(at, source);
        }
        self.forget(at);
    }

    /// When a source was last heard.
    pub fn last_heard(&self, source: &str) -> Option<Timestamp> {
        self.heard.get(source).copied()
    }

    /// The quarters of an hour of the day that ends at `now`, oldest first, each with when it begins.
    pub fn quarters(&self, subject: &Subject, now: Timestamp) -> Vec<(Timestamp, Tally)> {
        let of = |index: i64| {
            let all = self.quarters.get(&index)?;
            all.get(subject).copied()
        };
        series(now, QUARTER, QUARTERS, of)
    }

    /// The days that end with `now`'s, oldest first, each with when it begins (UTC).
    pub fn days(&self, now: Timestamp) -> Vec<(Timestamp, Tally)> {
        series(now, DAY, DAYS, |index| self.days.get(&index).copied())
    }

    fn heard(&mut self, at: Timestamp, source: &str) {
        if let Some(known) = self.heard.get_mut(source) {
            *known = at.max(*known);
        } else if self.heard.len() < MOST_SOURCES {
            self.heard.insert(source.to_owned(), at);
        }
    }

    fn count(&mut self, at: Timestamp, about: [Option<Subject>; 2], add: impl Fn(&mut Tally)) {
        let quarter = self.quarters.entry(index(at, QUARTER)).or_default();
        for subject in about.into_iter().flatten().chain([Subject::All]) {
            add(quarter.entry(subject).or_default());
        }
        add(self.days.entry(index(at, DAY)).or_default());
    }

    fn forget(&mut self, now: Timestamp) {
        let oldest = index(now, QUARTER).saturating_sub(QUARTERS);
        while let Some(entry) = self.quarters.first_entry().filter(|it| *it.key() < oldest) {
            entry.remove();
        }
        let oldest = index(now, DAY).saturating_sub(DAYS);
        while let Some(entry) = self.days.first_entry().filter(|it| *it.key() < oldest) {
            entry.remove();
        }
    }
}

/// Which of the times of `span` seconds since 1970 `at` is in.
fn index(at: Timestamp, span: i64) -> i64 {
    at.as_second().div_euclid(span)
}

fn series(
    now: Timestamp,
    span: i64,
    count: i64,
    of: impl Fn(i64) -> Option<Tally>,
) -> Vec<(Timestamp, Tally)> {
    let last = index(now, span);
    let begin = |index: i64| {
        let seconds = SignedDuration::from_secs(index.saturating_mul(span));
        Timestamp::UNIX_EPOCH.checked_add(seconds).unwrap_or(now)
    };
    let first = last.saturating_sub(count.saturating_sub(1));
    let all = (first..=last).map(|index| (begin(index), of(index).unwrap_or_default()));
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn counted(source: &str, count: u64) -> LedgerEvent {
        LedgerEvent::Counted {
            source: source.to_owned(),
            counts: BTreeMap::from([(DenialId(uuid::Uuid::from_u128(1)), count)]),
            events: String::new(),
            refused: BTreeMap::new(),
        }
    }

    #[test]
    fn activity_counts_by_quarter_and_day_and_forgets_what_is_older() {
        let mut activity = Activity::default();
        let source = Subject::Source("grid".to_owned());
        activity.take_in(at(0), &counted("grid", 3), |_| None);
        activity.take_in(at(QUARTER), &counted("grid", 4), |_| None);
        activity.take_in(at(QUARTER), &counted("logs", 5), |_| None);
        let last = |subject: &Subject| {
            let all = activity.quarters(subject, at(QUARTER + 5));
            assert_eq!(all.len(), 96);
            let [.., (_, before), (begin, last)] = all.as_slice() else {
                panic!("{all:?}");
            };
            assert_eq!(*begin, at(QUARTER));
            (before.denials, last.denials)
        };
        assert_eq!(last(&source), (3, 4));
        assert_eq!(last(&Subject::All), (3, 9));
        assert_eq!(activity.last_heard("grid"), Some(at(QUARTER)));
        assert_eq!(activity.last_heard("nobody"), None);
        let later = at(DAY * 2);
        activity.take_in(later, &counted("grid", 1), |_| None);
        assert!(activity.quarters.len() == 1, "{:?}", activity.quarters);
        let days: u64 = activity.days(later).iter().map(|(_, it)| it.denials).sum();
        assert_eq!(days, 13);
        activity.take_in(at(DAY * 60), &counted("grid", 1), |_| None);
        assert_eq!(activity.days.len(), 1);
    }
}
