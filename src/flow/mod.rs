//! The imperative shell: read what stands, ask the core, act, write down.

pub mod intake;
pub mod respond;
