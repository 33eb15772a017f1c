//! Tokens for Azure: which credential is used, how it asks, and what an error of it means.

pub(crate) mod audience;
pub(crate) mod credential;
pub(crate) mod token;
pub(crate) mod token_error;
pub(crate) mod transport;
