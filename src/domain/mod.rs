//! The functional core: values in, values out. No async, no I/O, no clock; time is a parameter.
#![cfg_attr(
    not(test),
    deny(clippy::wildcard_enum_match_arm, clippy::arithmetic_side_effects)
)]

pub mod auth;
pub mod excerpt;
pub mod firewall;
pub mod hidden;
pub mod intake;
pub mod ledger;
pub mod message_codes;
pub mod net;
pub mod outcome;
pub mod overdue;
pub mod policy;
pub mod sets;
pub mod state;
pub mod story;
pub mod words;
pub mod yaml;
