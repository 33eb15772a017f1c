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
mod log;
mod mmdb;
mod opening;
mod parts;
mod patience;
mod policies;
mod policy_commands;
mod program;
mod replay;
mod rule_limits;
mod simulator;
mod whois;
mod world;
