//! The refusal itself: where the sentence stands, the address in it, and what only looks like one.

pub(crate) mod address;
pub(crate) mod forged;
pub(crate) mod other_services;
pub(crate) mod phrase;
pub(crate) mod positions;
pub(crate) mod quoted;
pub(crate) mod suspected;
