//! The events of the append-only ledger, what they carry, and the hash chain that binds them.

pub mod actor;
pub mod alert;
pub mod chain;
pub mod denied;
pub mod details;
pub mod event;
pub mod feed;
pub mod grant;
pub mod id;
pub(crate) mod idempotency;
mod kinds;
pub mod orders;
pub mod request;
pub mod write;
