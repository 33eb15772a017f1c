//! A registry's own log, asked for through Azure Resource Manager
//! (<https://learn.microsoft.com/azure/azure-monitor/logs/api/azure-resource-queries>).
//!
//! Rows are read by the time at which Azure took them in, from some minutes before the cursor on: what
//! becomes visible out of order is not missed, and what is read again is known by its hash.

mod answer;
mod query;

pub use answer::{Access, Answer, Malformed, Row, read};
pub use query::{Window, query};

use jiff::{SignedDuration, Timestamp};

/// The tables that a registry's log is kept in.
pub const TABLES: [&str; 2] = [
    "ContainerRegistryLoginEvents",
    "ContainerRegistryRepositoryEvents",
];

/// How many rows one query returns at most.
pub const PAGE: usize = 1000;

/// How far before the cursor a window begins.
pub const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// How long after an empty read its time is final: no row turns up that was taken in before.
pub const FINAL_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// How often the cursor of a log without news advances.
pub const IDLE_ADVANCE: SignedDuration = SignedDuration::from_hours(6);

/// What the row is called that tells of the newest row of all.
const LATEST_ROW: &str = "LatestRow";

/// The cursor that a ledger holds, as a time; none if it is none.
pub fn cursor(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The cursor after a read to the end at `now` that showed nothing new, where it is to advance.
pub fn idle(cursor: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let next = now.checked_sub(FINAL_AFTER).ok()?;
    (next.duration_since(cursor) >= IDLE_ADVANCE).then_some(next)
}
