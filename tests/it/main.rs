//! The one integration test binary: short stories against the real program and a simulated Azure.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that stumbles here has failed, and its helpers with it"
)]

mod admin;
mod ages;
mod answers;
mod arm;
mod asking;
mod attribution;
mod az;
mod breadcrumbs;
mod browser;
mod caps;
mod channels;
mod circuit;
mod commands;
mod config;
mod corpus;
mod credentials;
mod crowded;
mod decided_again;
mod deliveries;
mod diagnosis;
mod drift;
mod egress;
mod endpoint;
mod faults;
mod forged;
mod full_disk;
mod grants;
mod helped;
mod hostile;
mod independent;
mod killed;
mod late;
mod ledger;
mod ledger_files;
mod log;
mod loops;
mod manners;
mod mmdb;
mod needs;
mod opening;
mod operating;
mod orders;
mod others;
mod outbox;
mod outcomes;
mod overwritten;
mod packed;
mod parts;
mod patience;
mod pausing;
mod policies;
mod policy_commands;
mod postgres;
mod process;
mod program;
mod python;
mod quota;
mod reload;
mod replay;
mod replicas;
mod repo;
mod rule_limits;
mod second_arm;
mod senders;
mod sets;
mod shadow;
mod shared_ledger;
mod simulator;
mod stopped;
mod storm;
mod subnets;
mod sweep;
mod texts;
mod unreadable;
mod waiting;
mod whois;
mod world;
