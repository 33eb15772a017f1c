//! TODO room

pub(crate) mod admin;
pub(crate) mod answers;
pub(crate) mod page;
