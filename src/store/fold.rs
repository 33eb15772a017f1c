//! What stands, folded from the chain of entries.

use super::database::Database;
use super::error::StoreError;
use super::health::Health;
use super::writer::Line;
use super::{Folded, Inner, PAGE};
use doorward_core::ledger::event::{Entry, Hash, LedgerEvent};
use jiff::Timestamp;
use std::sync::{OnceLock, PoisonError, RwLock};
use tokio::sync::{Mutex, watch};

impl Inner {
    pub(super) fn around(database: Database) -> Self {
        Self {
            database,
            health: Health::default(),
            end: Mutex::new(None),
            folded: RwLock::default(),
            changed: watch::Sender::new(0),
            moved: watch::Sender::new(0),
            observer: OnceLock::new(),
        }
    }

    /// Folds what stands.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let mut end = self.end.lock().await;
        self.fold_new(&mut end).await
    }

    /// Folds what stands after `end`.
    pub(super) async fn fold_new(&self, end: &mut Option<(i64, Hash)>) -> Result<(), StoreError> {
        let before = *end;
        let mut moved = false;
        let walked = self
            .walk(end, |entry, what| {
                moved |= !what.is_arrival();
                let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
                folded.apply(entry.seq, entry.at, what);
            })
            .await;
        if *end != before {
            self.announce(*end, moved);
        }
        walked
    }

    pub(super) fn folded<T>(&self, look: impl FnOnce(&Folded) -> T) -> T {
        look(&self.folded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Walks the chain from `end` to where it ends now. Where that fails, `end` is how far it came.
    pub(super) async fn walk(
        &self,
        end: &mut Option<(i64, Hash)>,
        mut each: impl FnMut(&Entry, &LedgerEvent),
    ) -> Result<(), StoreError> {
        loop {
            let entries = self
                .database
                .entries(end.map_or(0, |(seq, _)| seq), PAGE)
                .await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &entries {
                if !entry.follows(*end) {
                    return Err(StoreError::Broken { seq: entry.seq });
                }
                each(entry, &what(entry)?);
                *end = Some(entry.end());
            }
        }
    }

    /// Tells whoever waits where the chain ends now, and whether more than arrivals came.
    pub(super) fn announce(&self, end: Option<(i64, Hash)>, moved: bool) {
        let seq = end.map_or(0, |(seq, _)| seq);
        self.changed.send_replace(seq);
        if moved {
            self.moved.send_replace(seq);
        }
    }
}

impl Folded {
    pub(super) fn apply(&mut self, seq: i64, at: Timestamp, what: &LedgerEvent) {
        self.state.apply(at, what);
        self.seq = seq;
        if what.is_decisive() {
            self.invalidates_decisions = seq;
        }
        if what.is_write() {
            self.written = seq;
        }
    }
}

/// The entries for `lines`, chained to `end`.
pub(super) fn chain(mut end: Option<(i64, Hash)>, lines: &[Line]) -> Vec<Entry> {
    let follow = |line: &Line| {
        let entry = Entry::after(end, line.at, line.body.clone());
        end = Some(entry.end());
        entry
    };
    lines.iter().map(follow).collect()
}

/// What an entry says.
pub fn what(entry: &Entry) -> Result<LedgerEvent, StoreError> {
    serde_json::from_str(&entry.body).map_err(|error| StoreError::Unreadable {
        seq: entry.seq,
        why: error.to_string(),
    })
}
