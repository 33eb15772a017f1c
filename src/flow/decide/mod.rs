//! TODO room

pub(crate) mod anew;
pub(crate) mod batch;
pub mod flood;
pub mod forecast;
pub(crate) mod precedents;
pub mod shadow;
pub mod triage;
