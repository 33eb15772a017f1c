//! The functional core: values in, values out. No async, no I/O, no clock; time is a parameter.
#![cfg_attr(
    not(test),
    deny(clippy::wildcard_enum_match_arm, clippy::arithmetic_side_effects)
)]

pub mod actor;
pub mod alert;
pub mod answered;
pub mod auth;
pub mod chain;
mod decisive;
pub mod denied;
pub mod excerpt;
pub mod firewall;
pub mod grant;
pub mod help;
pub mod hidden;
pub mod id;
pub mod intake;
pub mod ledger;
pub mod message_codes;
pub mod net;
mod once;
pub mod orders;
pub mod outcome;
pub mod overdue;
pub mod policy;
pub mod readiness;
pub mod recent;
pub mod request;
pub mod seen;
pub mod sets;
pub mod state;
pub mod story;
pub mod words;
pub mod write;
pub mod yaml;
