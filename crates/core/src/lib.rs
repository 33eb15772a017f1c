//! The functional core: values in, values out. No async, no I/O, no clock; time is a parameter.
#![cfg_attr(
    not(test),
    deny(clippy::wildcard_enum_match_arm, clippy::arithmetic_side_effects)
)]

pub mod approvals;
pub mod audit;
pub mod auth;
pub mod doctor;
pub mod firewall;
pub mod intake;
pub mod ledger;
pub mod messages;
pub mod net;
pub mod policy;
pub mod sets;
pub mod state;
pub mod states;
pub mod telemetry;
pub mod yaml;
