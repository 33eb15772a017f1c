//! What stands, in numbers.

use crate::ledger::id::GrantId;
use crate::net::resource_id::ResourceId;
use crate::state::{Known, LastRead, State};
use crate::states::GrantState;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The numbers of one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InNumbers {
    /// How many grants are in each state but `ended`.
    pub grants: BTreeMap<GrantState, u64>,
    /// How many requests wait for an answer.
    pub waiting: u64,
    /// How long the oldest of them has waited.
    pub oldest: Option<SignedDuration>,
    /// How many firewall entries the last read showed that are doorward's, and how many that are not; none
    /// while nobody has read it.
    pub entries: Option<(u64, u64)>,
    /// Whether nothing is opened since somebody ordered so.
    pub paused: bool,
}

impl State {
    /// A registry in numbers. `read` is what this process's last read of it showed.
    pub fn in_numbers(&self, id: &ResourceId, read: &LastRead, now: Timestamp) -> InNumbers {
        let late = self.late(id, read, now);
        let late: BTreeMap<GrantId, Known> = late
            .iter()
            .map(|it| (it.standing.grant.id, it.known))
            .collect();
        let states = GrantState::ALL.into_iter();
        let states = states.filter(|state| *state != GrantState::Ended);
        let mut grants: BTreeMap<GrantState, u64> = states.map(|state| (state, 0)).collect();
        for standing in self.grants_of(id) {
            let known = late.get(&standing.grant.id).copied();
            let state = GrantState::of(standing, known, now);
            let count = grants.entry(state).or_default();
            *count = count.saturating_add(1);
        }
        let open = self
            .requests
            .values()
            .filter(|asked| asked.request.registry == *id && asked.open(now));
        let since = open.map(|asked| asked.decision.as_ref().map(|decision| decision.at));
        let since: Vec<Option<Timestamp>> = since.collect();
        let oldest = since.iter().flatten().min();
        InNumbers {
            grants,
            waiting: count(since.len()),
            oldest: oldest.map(|since| now.duration_since(*since).max(SignedDuration::ZERO)),
            entries: self.entries(id, now),
            paused: self.pauses.of(id).is_some(),
        }
    }

    fn entries(&self, id: &ResourceId, now: Timestamp) -> Option<(u64, u64)> {
        let seen = self.registries.get(id)?.sight.seen.as_ref()?;
        let claimed = self.ours(id, now).claimed;
        let ours = claimed.iter().filter(|net| seen.shows(**net)).count();
        let others = seen.entries.len().saturating_sub(ours);
        Some((count(ours), count(others)))
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
