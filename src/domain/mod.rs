//! The functional core: values in, values out. No async, no I/O, no clock; time is a parameter.
#![cfg_attr(
    not(test),
    deny(clippy::wildcard_enum_match_arm, clippy::arithmetic_side_effects)
)]

pub mod actor;
pub mod advice;
pub mod alert;
pub mod answered;
pub mod arrivals;
pub mod auth;
pub mod breadcrumbs;
pub mod chain;
pub mod claims;
pub mod crowd;
mod decisive;
pub mod delivery;
pub mod denial;
pub mod denied;
pub mod event;
pub mod excerpt;
pub mod extract;
pub mod firewall;
pub mod grant;
pub mod help;
pub mod hidden;
pub mod id;
pub mod ledger;
pub mod message_codes;
pub mod net;
mod once;
pub mod orders;
pub mod outcome;
pub mod overdue;
pub mod policy;
pub mod precedent;
pub mod raw_json;
pub mod readiness;
pub mod recent;
pub mod registry;
pub mod repeat;
pub mod request;
pub mod seen;
pub mod sets;
pub mod state;
pub mod story;
pub mod verdict;
pub mod words;
pub mod work;
pub mod write;
pub mod yaml;
