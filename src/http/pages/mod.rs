//! What people see in a browser: the operator pages, and the page of a request with its answer.

pub(crate) mod answers;
pub(crate) mod assets;
pub(crate) mod operator;
pub(crate) mod page;
pub(crate) mod prose;
mod reply;
pub(crate) mod request_view;
pub(crate) mod sign_in;
pub(crate) mod status;
