//! Deciding: each denial gets its verdict, once, by the policy and sets in force, and what follows is
//! written down as of what was seen.

pub(crate) mod anew;
pub(crate) mod batch;
pub mod flood;
pub mod forecast;
pub(crate) mod precedents;
mod questions;
pub mod shadow;
pub mod triage;
