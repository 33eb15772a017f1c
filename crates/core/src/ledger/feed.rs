//! How far doorward has read in the feeds that it fetches itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A feed's records up to a cursor are in the ledger. Written in one transaction with what they report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAdvanced {
    /// The source.
    pub source: String,
    /// Which part of the feed: a registry's id.
    pub partition: String,
    /// One more than the advance before it: of two replicas that read the same records, one wins.
    pub number: u64,
    /// Where reading goes on, in the feed's own words.
    pub cursor: String,
    /// How many new records were read.
    pub records: u64,
    /// How many of them could not be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub set_aside: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl FeedAdvanced {
    /// The key that may stand in the ledger once.
    pub(super) fn idempotency_key(&self) -> String {
        let Self {
            source,
            partition,
            number,
            ..
        } = self;
        format!("feed:{source}:{partition}:{number}")
    }

    /// The entry in one line.
    pub(crate) fn summary(&self) -> String {
        let name = self.partition.rsplit('/').next().unwrap_or_default();
        let bad = match self.set_aside {
            0 => String::new(),
            count => format!(", {count} set aside"),
        };
        let (source, records, cursor) = (&self.source, self.records, &self.cursor);
        format!("`{source}` read {records} records of `{name}`{bad}; next from {cursor}")
    }
}

/// How far one part of a feed has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    /// The number of the last advance.
    pub number: u64,
    /// Where reading goes on.
    pub cursor: String,
    /// When it advanced.
    pub at: Timestamp,
    /// How many records were read in all.
    pub records: u64,
    /// How many of them could not be read.
    pub set_aside: u64,
}

/// The positions of all feeds, by source and partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedPositions(BTreeMap<(String, String), FeedPosition>);

impl FeedPositions {
    /// Takes in an advance.
    pub(crate) fn apply(&mut self, at: Timestamp, advanced: &FeedAdvanced) {
        let key = (advanced.source.clone(), advanced.partition.clone());
        let before = self.0.get(&key);
        let (records, set_aside) = before.map_or((0, 0), |it| (it.records, it.set_aside));
        let position = FeedPosition {
            number: advanced.number,
            cursor: advanced.cursor.clone(),
            at,
            records: records.saturating_add(advanced.records),
            set_aside: set_aside.saturating_add(advanced.set_aside),
        };
        self.0.insert(key, position);
    }

    /// How far a part of a source's feed has been read, if it ever was.
    pub fn of(&self, source: &str, partition: &str) -> Option<&FeedPosition> {
        self.0.get(&(source.to_owned(), partition.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::LedgerEvent;
    use crate::state::State;

    fn advanced(number: u64, cursor: &str) -> LedgerEvent {
        LedgerEvent::FeedAdvanced(FeedAdvanced {
            source: "registry-log".to_owned(),
            partition: "/subscriptions/s/registries/contosoprod".to_owned(),
            number,
            cursor: cursor.to_owned(),
            records: 3,
            set_aside: 1,
        })
    }

    #[test]
    fn state_keeps_latest_cursor_and_sums_records() {
        let mut state = State::default();
        let at: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (number, cursor) in [(1, "a"), (2, "b")] {
            state.apply(at, &advanced(number, cursor));
        }
        let partition = "/subscriptions/s/registries/contosoprod";
        let position = state.feeds.of("registry-log", partition).unwrap();
        assert_eq!((position.number, position.cursor.as_str()), (2, "b"));
        assert_eq!((position.records, position.set_aside), (6, 2));
        assert_eq!(state.feeds.of("other", partition), None);
    }

    #[test]
    fn same_advance_has_one_key_and_rests_on_no_verdict() {
        let key = |number, cursor| advanced(number, cursor).idempotency_key();
        assert_eq!(key(1, "a"), key(1, "b"));
        assert_ne!(key(1, "a"), key(2, "a"));
        assert!(!advanced(1, "a").is_decisive());
    }
}
