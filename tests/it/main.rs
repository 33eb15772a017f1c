//! The one integration test binary: short stories against the real program and a simulated Azure.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that stumbles here has failed, and its helpers with it"
)]

mod arm;
mod config;
mod credentials;
mod policies;
mod simulator;
