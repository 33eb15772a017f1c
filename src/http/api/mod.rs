//! TODO room

pub(crate) mod operator;
pub(crate) mod routes;
pub(crate) mod sets;
pub(crate) mod wire;
