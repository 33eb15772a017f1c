//! Trying a policy out: cases with their expectations, and what a case supposes.

pub mod cases;
pub(crate) mod expect;
pub mod suppose;
