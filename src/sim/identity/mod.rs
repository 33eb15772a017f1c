//! TODO room

pub(crate) mod authority;
pub(crate) mod managed;
pub(crate) mod tokens;
