//! How things stand, for pages, the API and metrics: put together from the ledger and from what this process knows.
//! Nothing here changes anything.

pub mod caller_status;
pub mod readiness;
pub mod search;
pub mod states;
