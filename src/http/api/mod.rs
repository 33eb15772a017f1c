//! What programs call: the JSON endpoints on the admin listener, and their shapes.

pub(crate) mod access;
pub(crate) mod answers;
pub(crate) mod feeds;
pub(crate) mod idempotency;
pub(crate) mod notify;
pub(crate) mod openapi;
pub(crate) mod operator;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod read;
pub(crate) mod routes;
pub(crate) mod sets;
pub(crate) mod wire;
