//! The one integration test binary: short stories against the real program and a simulated Azure.

mod admin;
mod answers;
mod endpoint;
mod parts;
mod patience;
