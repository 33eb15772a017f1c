//! What the API shows beside grants, sets and channels. Nothing here changes anything.

pub(crate) mod denials;
pub(crate) mod ledger;
pub(crate) mod policy;
pub(crate) mod registries;
pub(crate) mod requests;
pub(crate) mod sources;

use jiff::Timestamp;

/// A time as a part of a key: sorted as text, it is sorted by time.
fn sortable(at: Timestamp) -> String {
    format!("{:020}", at.as_microsecond())
}

/// The same, latest first.
fn latest_first(at: Timestamp) -> String {
    format!("{:020}", i64::MAX.saturating_sub(at.as_microsecond()))
}
