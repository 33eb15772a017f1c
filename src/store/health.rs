//! Whether the ledger can be written: what the last write came to, and what is about to stop the next.

use super::StoreError;
use clock::Clock;
use doorward_core::state::readiness::{Condition, ConditionCode};
use jiff::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of how writing goes.
#[derive(Default)]
pub(super) struct Health(Mutex<Known>);

#[derive(Default)]
struct Known {
    failed: Option<(Timestamp, StoreError)>,
    low: Option<(Timestamp, u64)>,
}

impl Health {
    /// What a write came to. Each trouble is said once, and when it is over.
    pub(super) fn wrote(&self, failed: Option<&StoreError>) {
        let mut known = self.known();
        match failed {
            // What was asked for, not how it went.
            Some(StoreError::Duplicate | StoreError::Conflict | StoreError::Closed) => {}
            Some(error) => {
                let before = known.failed.as_ref();
                if before.is_none_or(|(_, before)| before.to_string() != error.to_string()) {
                    tracing::error!("the ledger cannot be written: {error}");
                }
                let since = before.map_or_else(|| Clock::system().now(), |(since, _)| *since);
                known.failed = Some((since, error.clone()));
            }
            None => {
                if known.failed.take().is_some() {
                    tracing::info!("the ledger is written again");
                }
            }
        }
    }

    /// How little space is left, if it is little.
    pub(super) fn space(&self, low: Option<u64>) {
        let mut known = self.known();
        known.low = match (known.low, low) {
            (Some((since, _)), Some(left)) => Some((since, left)),
            (None, Some(left)) => {
                tracing::warn!("{}", disk_low(left));
                Some((Clock::system().now(), left))
            }
            (before, None) => {
                if before.is_some() {
                    tracing::info!("the ledger's disk has room again");
                }
                None
            }
        };
    }

    /// Whether the last write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.known().failed.is_some()
    }

    /// What keeps the ledger from being written, if anything does.
    pub(super) fn blocks(&self) -> Option<Condition> {
        let known = self.known();
        let (since, error) = known.failed.as_ref()?;
        let (code, detail) = match error {
            StoreError::Replaced => (ConditionCode::LedgerReplaced, REPLACED),
            error if is_full(error) => (ConditionCode::LedgerWriteFailed, FULL),
            _ => (ConditionCode::LedgerWriteFailed, FAILED),
        };
        Some(Condition::new(code, detail).since(*since))
    }

    /// What will keep it from being written soon, if anything will.
    pub(super) fn warns(&self) -> Option<Condition> {
        let (since, left) = self.known().low?;
        Some(Condition::new(ConditionCode::DiskLow, disk_low(left)).since(since))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Anybody may read these: what a database says stands in the log only.
const REPLACED: &str = "The ledger was moved, deleted, replaced or set back while doorward was running; nothing is \
                        written to it. Put it back where it was, or restart doorward with the one that is there now.";
const FULL: &str = "The disk that holds the ledger is full, so that nothing is taken in, opened or closed: free some \
                    space. A restart is not needed.";
const FAILED: &str =
    "The last write to the ledger failed, and it is tried again; the log says why.";

/// Whether a write failed for want of space: SQLite's `SQLITE_FULL`, PostgreSQL's `disk_full`.
fn is_full(error: &StoreError) -> bool {
    let StoreError::Database(error) = error else {
        return matches!(error, StoreError::Full);
    };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "13" || code == "53100")
}

fn disk_low(left: u64) -> String {
    format!(
        "The disk that holds the ledger has {} MiB left: free some, as nothing is taken in, opened or closed once it is full.",
        left >> 20
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(health: &Health) -> (Option<ConditionCode>, Option<ConditionCode>) {
        let code = |condition: Option<Condition>| condition.map(|it| it.code);
        (code(health.blocks()), code(health.warns()))
    }

    #[test]
    fn trouble_lasts_until_a_write_succeeds() {
        let health = Health::default();
        assert_eq!(codes(&health), (None, None));
        health.wrote(Some(&StoreError::Timeout));
        let first = health.blocks().unwrap().since;
        health.wrote(Some(&StoreError::Replaced));
        assert_eq!(codes(&health), (Some(ConditionCode::LedgerReplaced), None));
        assert_eq!(health.blocks().unwrap().since, first);
        health.wrote(Some(&StoreError::Duplicate));
        assert!(health.is_failing());
        health.wrote(None);
        assert_eq!(codes(&health), (None, None));
    }

    #[test]
    fn what_happened_already_is_no_trouble() {
        let health = Health::default();
        for error in [
            StoreError::Duplicate,
            StoreError::Conflict,
            StoreError::Closed,
        ] {
            health.wrote(Some(&error));
        }
        assert_eq!(codes(&health), (None, None));
    }

    #[test]
    fn little_space_is_a_warning_until_there_is_more() {
        let health = Health::default();
        health.space(Some(5 << 20));
        assert_eq!(codes(&health), (None, Some(ConditionCode::DiskLow)));
        assert!(health.warns().unwrap().detail.contains("5 MiB"));
        health.space(None);
        assert_eq!(codes(&health), (None, None));
    }
}
