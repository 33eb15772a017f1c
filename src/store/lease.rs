//! Who may write to a registry, where several processes share a ledger.

use std::time::Duration;

/// What came of asking for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Nobody else can have it: the ledger is a file that this process has locked.
    Alone,
    /// It is ours, for as long as was asked for, counted from before the question.
    Ours {
        /// Grows whenever the lease passes on.
        generation: i64,
    },
    /// Another process has it, or had it until just now.
    Taken {
        /// How long it is not to be had, as things stand.
        wait: Duration,
    },
}
