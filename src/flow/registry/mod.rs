//! TODO room

pub(crate) mod drift;
pub mod hosts;
pub mod lease;
pub(crate) mod outages;
pub mod posture;
pub mod reconcile;
pub mod sweep;
