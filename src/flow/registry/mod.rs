//! One registry's loop: read the list, write what is missing or over, see what others changed.

pub(crate) mod drift;
pub mod hosts;
pub mod lease;
pub(crate) mod outages;
pub mod posture;
pub mod reconcile;
pub mod sweep;
