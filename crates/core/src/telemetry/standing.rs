//! What stands, in numbers.

use crate::ledger::grant::Stage;
use crate::ledger::id::GrantId;
use crate::net::resource_id::ResourceId;
use crate::state::effectiveness::Effectiveness;
use crate::state::{GrantRecord, LastRead, State};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The states that a grant which is not over for good can be in.
pub const GRANT_STATES: [&str; 5] = ["opening", "open", "still_denied", "ending", "overdue"];

/// The numbers of one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InNumbers {
    /// How many grants are in each of [`GRANT_STATES`].
    pub grants: BTreeMap<&'static str, u64>,
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
        let late: BTreeSet<GrantId> = late.iter().map(|it| it.standing.grant.id).collect();
        let mut grants: BTreeMap<&'static str, u64> =
            GRANT_STATES.into_iter().map(|state| (state, 0)).collect();
        for standing in self.grants_of(id) {
            let count = grants.entry(word(standing, &late, now)).or_insert(0);
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

fn word(standing: &GrantRecord, late: &BTreeSet<GrantId>, now: Timestamp) -> &'static str {
    if late.contains(&standing.grant.id) {
        "overdue"
    } else if standing.is_over(now) {
        "ending"
    } else if standing.course.help == Some(Effectiveness::StillDenied) {
        "still_denied"
    } else if standing.stage == Stage::Intended {
        "opening"
    } else {
        "open"
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
