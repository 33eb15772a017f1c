//! Keeps the address sets that the policy names up to date, each in its own period. The last good
//! value stays when a source fails; what changes a set too much waits for a person.

mod keep;
mod list;
mod load;
mod web;

pub use list::{ConfirmError, Confirmed, Listed, Pending, confirm, list};

use super::decide::shadow;
use crate::flow::app::App;
use doorward_core::policy::Policy;
use doorward_core::sets::{External, Loaded, RefreshPolicy, sha256};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How soon a source that failed is asked again; twice as late each time, at most [`LATEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_mins(1);

/// How late a source that failed is asked again.
const LATEST_RETRY: Duration = Duration::from_mins(10);

/// What is known of the sources for now.
#[derive(Default)]
pub struct RefreshSchedule {
    /// The policy that it is about.
    policy: String,
    /// When something is to be done next.
    next: Option<Timestamp>,
    watches: BTreeMap<External, SetStatus>,
}

/// What is known of one source.
#[derive(Clone, Debug, Default)]
struct SetStatus {
    /// When it is asked next; none for now.
    due: Option<Timestamp>,
    /// How often in a row it failed.
    failures: u32,
    /// Why, the last time.
    error: Option<String>,
    /// What is odd about its last answer.
    note: Option<String>,
}

/// Loads every set that is due, and says when the next one is.
pub async fn run_once(app: &App) -> Timestamp {
    let _alone = app.memory.sets_refresh.lock().await;
    let now = app.clock.now();
    let policy = app.policy.load_full();
    let nothing_due = book(app, |book| {
        let next = book.next.filter(|next| *next > now);
        next.filter(|_| book.policy == policy.hash)
    });
    if let Some(next) = nothing_due {
        return next;
    }
    let mut wants = policy.wants();
    for external in shadow::needs(app) {
        wants.entry(external).or_default();
    }
    restore(app, &wants);
    let due: Vec<External> = book(app, |book| book.due(&wants, now));
    for (external, answer) in load::all(app, &due, &wants).await {
        let refresh_policy = wants.get(&external).copied().unwrap_or_default();
        keep::take(app, &policy, (&external, refresh_policy), answer).await;
    }
    keep::record(app, &policy).await;
    book(app, |book| book.turned(&policy, now))
}

/// Lets the next turn look at everything that is due, whatever was known of when that would be.
pub fn wake(app: &App) {
    book(app, |book| book.next = None);
}

/// Puts in force what the ledger remembers of sets that nothing was loaded of yet. It is as old as its
/// entry, and newer values take its place as soon as the source answers.
fn restore(app: &App, wants: &BTreeMap<External, RefreshPolicy>) {
    for external in wants.keys() {
        if external.in_file() || app.sets.load().get(external).is_some() {
            continue;
        }
        if book(app, |book| book.watches.contains_key(external)) {
            // It was asked since the start: what it said then counts, and be it that nobody knows.
            continue;
        }
        let remembered = app.ledger.read(|state| {
            let (at, snapshot) = state.sets.get(&external.to_string())?.accepted.as_ref()?;
            Some(Loaded::new(snapshot.ranges()?, *at, snapshot.change_number))
        });
        if let Some(loaded) = remembered {
            let put = |sets: &Arc<_>| {
                let sets = doorward_core::sets::Sets::clone(sets);
                Arc::new(sets.with_loaded(external.clone(), loaded.clone()))
            };
            app.sets.rcu(put);
        }
    }
}

fn book<T>(app: &App, with: impl FnOnce(&mut RefreshSchedule) -> T) -> T {
    let book = app.memory.sets.lock();
    with(&mut book.unwrap_or_else(PoisonError::into_inner))
}

impl RefreshSchedule {
    /// The sources to ask now. What the policy does not want any more is forgotten.
    fn due(&mut self, wants: &BTreeMap<External, RefreshPolicy>, now: Timestamp) -> Vec<External> {
        self.watches
            .retain(|external, _| wants.contains_key(external));
        let is_due = |external: &&External| {
            let due = self.watches.get(*external).and_then(|watch| watch.due);
            due.is_none_or(|due| due <= now)
        };
        wants.keys().filter(is_due).cloned().collect()
    }

    fn turned(&mut self, policy: &Policy, now: Timestamp) -> Timestamp {
        let next = self.watches.values().filter_map(|watch| watch.due).min();
        // Without sets there is nothing to do; a policy that has some wakes this.
        let next = next.unwrap_or_else(|| clock::add(now, LATEST_RETRY));
        policy.hash.clone_into(&mut self.policy);
        self.next = Some(next);
        next
    }

    /// The source answered.
    fn answered(&mut self, external: &External, due: Timestamp, note: Option<String>) {
        let watch = SetStatus {
            due: Some(due),
            note,
            ..SetStatus::default()
        };
        self.watches.insert(external.clone(), watch);
    }

    /// It did not, or with nothing that can be used. It is asked again soon, as `period` and it allow.
    fn failed(&mut self, external: &External, why: String, now: Timestamp, wait: Duration) {
        let watch = self.watches.entry(external.clone()).or_default();
        watch.failures = watch.failures.saturating_add(1);
        watch.error = Some(why);
        watch.due = Some(clock::add(now, wait));
    }

    fn note(&self, external: &External) -> Option<String> {
        self.watches
            .get(external)
            .and_then(|watch| watch.note.clone())
    }

    fn failures(&self, external: &External) -> u32 {
        self.watches.get(external).map_or(0, |watch| watch.failures)
    }
}

/// How long until a source that failed `failures` times before is asked again.
fn retry(failures: u32, period: Duration, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.min(8)));
    let wait = doubled.min(LATEST_RETRY).min(period);
    asked.map_or(wait, |asked| asked.max(wait))
}

/// When a source that answered at `now` is asked again: after its period, or up to a tenth of it
/// earlier, so that many do not ask at once. All sets of one list are asked for together.
fn again(external: &External, period: Duration, now: Timestamp) -> Timestamp {
    let hash = sha256([external.origin(), now.as_second().to_string()]);
    let digits = hash.get(7..11).unwrap_or_default();
    let part = u32::from_str_radix(digits, 16).unwrap_or_default();
    let tenth = period.checked_div(10).unwrap_or_default();
    let earlier = tenth
        .saturating_mul(part)
        .checked_div(1 << 16)
        .unwrap_or_default();
    clock::add(now, period.saturating_sub(earlier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::sets::TagsFrom;

    fn tag(name: &str, location: &str) -> External {
        External::ServiceTag {
            from: TagsFrom::Arm {
                subscription: "s".into(),
                location: location.into(),
            },
            tag: name.into(),
        }
    }

    #[test]
    fn sources_are_asked_within_the_last_tenth_of_their_period_and_not_all_at_once() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let period = Duration::from_hours(10);
        let mut times = Vec::new();
        for number in 0..20 {
            let external = External::CidrsFile(format!("{number}.txt"));
            let wait = again(&external, period, now).duration_since(now);
            assert!((9 * 3600..=10 * 3600).contains(&wait.as_secs()), "{wait}");
            times.push(wait);
        }
        times.sort();
        times.dedup();
        assert!(times.len() > 15, "{times:?}");
        let together = again(&tag("A", "westeurope"), period, now);
        assert_eq!(again(&tag("B", "westeurope"), period, now), together);
        assert_ne!(again(&tag("A", "eastus"), period, now), together);
    }

    #[test]
    fn a_source_that_fails_is_asked_less_and_less_but_in_its_period() {
        let minutes = Duration::from_mins;
        let waits = |period| [0, 1, 2, 3, 4, 99].map(|failures| retry(failures, period, None));
        let hourly = [1, 2, 4, 8, 10, 10].map(minutes);
        assert_eq!(waits(minutes(60)), hourly);
        assert_eq!(waits(minutes(2)), [1, 2, 2, 2, 2, 2].map(minutes));
        assert_eq!(retry(0, minutes(60), Some(minutes(7))), minutes(7));
        assert_eq!(retry(9, minutes(60), Some(minutes(1))), minutes(10));
    }
}
