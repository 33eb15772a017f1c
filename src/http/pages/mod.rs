//! What people see in a browser: the operator page, and the page of a request with its answer.

pub(crate) mod admin;
pub(crate) mod answers;
pub(crate) mod page;
pub(crate) mod sign_in;
