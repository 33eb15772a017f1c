//! TODO room

pub(crate) mod credential;
pub(crate) mod token;
pub(crate) mod token_error;
pub(crate) mod transport;
