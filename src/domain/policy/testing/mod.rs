//! TODO room

pub mod cases;
pub(crate) mod expect;
pub mod suppose;
