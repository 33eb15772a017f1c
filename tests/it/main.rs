//! The one integration test binary: short stories against the real program and a simulated Azure.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that stumbles here has failed, and its helpers with it"
)]

mod admin;
mod answers;
mod arm;
mod asking;
mod config;
mod corpus;
mod credentials;
mod endpoint;
mod independent;
mod log;
mod opening;
mod parts;
mod patience;
mod policies;
mod senders;
mod simulator;
mod world;
