//! Since when reads show a registry otherwise than is believed of it, each difference by itself: whoever
//! goes on changing one thing puts off nothing that is to be said of another.

use super::drift::{Drift, Key, Seen, missing_in};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What may differ between two states of a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    /// Whether this entry stands.
    Entry(Key),
    /// The default action.
    DefaultAction,
    /// Public network access.
    PublicAccess,
    /// The SKU, and what it is now.
    Sku(String),
}

/// Since when all reads have shown each difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Differences(BTreeMap<Field, Timestamp>);

impl Differences {
    /// A read at `at` shows `seen`, while `settled` is believed.
    pub(super) fn read(&mut self, at: Timestamp, settled: &Seen, seen: &Seen) {
        self.settle(settled, seen);
        for point in points(settled, seen) {
            self.0.entry(point).or_insert(at);
        }
    }

    /// What is believed has changed: what no longer differs is forgotten.
    pub(super) fn settle(&mut self, settled: &Seen, seen: &Seen) {
        let differ = points(settled, seen);
        self.0.retain(|point, _| differ.contains(point));
    }

    /// Nothing is known from reads any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// `settled`, with everything in it that all reads since `until` or before have shown otherwise.
    pub(super) fn believed(&self, settled: &Seen, seen: &Seen, until: Timestamp) -> Seen {
        let sure = |point: &Field| self.0.get(point).is_some_and(|since| *since <= until);
        let is_sure = |text: &String| sure(&Field::Entry(Key::of(text)));
        let mut gone = missing_in(&seen.entries, &settled.entries);
        let mut new = missing_in(&settled.entries, &seen.entries);
        gone.retain(is_sure);
        new.retain(is_sure);
        let mut believed = settled.clone();
        believed.exchange(&gone, &new);
        if sure(&Field::DefaultAction) {
            believed.default_deny = seen.default_deny;
        }
        if sure(&Field::PublicAccess) {
            believed.public_access = seen.public_access;
        }
        if sure(&Field::Sku(seen.sku.clone())) {
            believed.sku.clone_from(&seen.sku);
        }
        believed
    }

    /// Since when reads have shown all of a drift.
    pub(super) fn since(&self, drift: &Drift) -> Option<Timestamp> {
        let (gone, new) = drift.entries();
        let entries = gone.iter().chain(new);
        let point = match drift {
            Drift::DefaultAction { .. } => Some(Field::DefaultAction),
            Drift::PublicAccess { .. } => Some(Field::PublicAccess),
            Drift::Sku { after, .. } => Some(Field::Sku(after.clone())),
            Drift::OursMissing { .. }
            | Drift::ForeignNew { .. }
            | Drift::ForeignGone { .. }
            | Drift::Replaced { .. }
            | Drift::RegistryGone
            | Drift::RegistryBack => None,
        };
        let points = entries.map(|text| Field::Entry(Key::of(text))).chain(point);
        points.filter_map(|point| self.0.get(&point).copied()).max()
    }
}

/// In what two states differ.
fn points(before: &Seen, after: &Seen) -> BTreeSet<Field> {
    let gone = missing_in(&after.entries, &before.entries);
    let new = missing_in(&before.entries, &after.entries);
    let entries = gone.iter().chain(&new);
    let mut points: BTreeSet<Field> = entries.map(|text| Field::Entry(Key::of(text))).collect();
    if before.default_deny != after.default_deny {
        points.insert(Field::DefaultAction);
    }
    if before.public_access != after.public_access {
        points.insert(Field::PublicAccess);
    }
    if before.sku != after.sku {
        points.insert(Field::Sku(after.sku.clone()));
    }
    points
}

impl Drift {
    /// The entries that went, and those that came.
    fn entries(&self) -> (&[String], &[String]) {
        match self {
            Self::OursMissing { entries, .. } | Self::ForeignGone { entries } => (entries, &[]),
            Self::ForeignNew { entries } => (&[], entries),
            Self::Replaced { gone, new, .. } => (gone, new),
            Self::DefaultAction { .. }
            | Self::PublicAccess { .. }
            | Self::Sku { .. }
            | Self::RegistryGone
            | Self::RegistryBack => (&[], &[]),
        }
    }
}

impl Seen {
    /// Takes in a drift that is believed.
    pub fn drift(&mut self, drift: &Drift) {
        let (gone, new) = drift.entries();
        self.exchange(gone, new);
        match drift {
            Drift::DefaultAction { allow } => self.default_deny = !allow,
            Drift::PublicAccess { enabled } => self.public_access = *enabled,
            Drift::Sku { after, .. } => self.sku.clone_from(after),
            Drift::OursMissing { .. }
            | Drift::ForeignNew { .. }
            | Drift::ForeignGone { .. }
            | Drift::Replaced { .. }
            | Drift::RegistryGone
            | Drift::RegistryBack => {}
        }
    }

    fn exchange(&mut self, gone: &[String], new: &[String]) {
        self.entries = missing_in(gone, &self.entries);
        let new = missing_in(&self.entries, new);
        self.entries.extend(new);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ours, compare};
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(entries: &[&str]) -> Seen {
        Seen {
            entries: entries.iter().map(ToString::to_string).collect(),
            default_deny: true,
            public_access: true,
            sku: "Premium".to_owned(),
            provisioning_state: "Succeeded".to_owned(),
            tags: None,
        }
    }

    /// The codes of what is believed at `until`, after these reads of entries.
    fn told(settled: &[&str], reads: &[(i64, &[&str])], until: i64) -> Vec<(&'static str, i64)> {
        let settled = seen(settled);
        let mut differences = Differences::default();
        for (second, entries) in reads {
            differences.read(at(*second), &settled, &seen(entries));
        }
        let last = seen(reads.last().unwrap().1);
        let believed = differences.believed(&settled, &last, at(until));
        let drifts = compare(&settled, &believed, &Ours::default());
        let since = |drift: &Drift| differences.since(drift).unwrap().as_second();
        drifts.iter().map(|it| (it.code(), since(it))).collect()
    }

    #[test]
    fn each_difference_has_its_own_time() {
        let reads: [(i64, &[&str]); 3] = [
            (0, &["8.8.8.8"]),
            (30, &["8.8.8.8", "9.9.9.9"]),
            (60, &["8.8.8.8", "7.7.7.7"]),
        ];
        assert_eq!(told(&[], &reads, 20), [("foreign_new", 0)]);
        assert_eq!(told(&[], &reads, 60), [("foreign_new", 60)]);
    }

    #[test]
    fn what_a_read_did_not_show_begins_anew() {
        let reads: [(i64, &[&str]); 3] = [(0, &["8.8.8.8"]), (20, &[]), (40, &["8.8.8.8/32"])];
        assert_eq!(told(&[], &reads, 39), []);
        assert_eq!(told(&[], &reads, 40), [("foreign_new", 40)]);
    }

    #[test]
    fn what_was_replaced_at_once_is_one_although_another_entry_comes_and_goes() {
        let settled = ["8.8.8.8", "9.9.9.9"];
        let reads: [(i64, &[&str]); 3] = [
            (0, &["40.0.0.0/8"]),
            (20, &["40.0.0.0/8", "7.7.7.7"]),
            (40, &["40.0.0.0/8"]),
        ];
        assert_eq!(told(&settled, &reads, 0), [("list_replaced", 0)]);
    }

    #[test]
    fn a_drift_that_is_believed_leaves_the_others() {
        let (mut settled, mut last) = (seen(&["8.8.8.8"]), seen(&["9.9.9.9"]));
        (last.default_deny, last.sku) = (false, "Basic".to_owned());
        let mut differences = Differences::default();
        differences.read(at(0), &settled, &last);
        for drift in compare(&settled.clone(), &last, &Ours::default()) {
            assert_eq!(differences.since(&drift), Some(at(0)), "{drift:?}");
            settled.drift(&drift);
            differences.settle(&settled, &last);
            assert_eq!(differences.since(&drift), None, "{drift:?}");
        }
        assert_eq!(settled, last);
    }
}
