//! doorward opens an Azure Container Registry's firewall for those you own, for a while, and closes
//! it again.
//!
//! In reading order:
//!
//! 1. [`domain`]: the core. A denial, what policy says of it, what is granted, what a registry's list
//!    needs, what the ledger says. Values in, values out.
//! 2. [`store`]: the ledger on disk, and the state folded from it.
//! 3. [`flow`]: the shell's turns: intake, triage, reconcile, notify.
//! 4. [`azure`]: tokens and Azure Resource Manager. [`http`]: senders, links, the operator page.
//! 5. [`config`] and [`server`]: a file in, listeners and loops out. [`app`]: what they are given.
//! 6. [`cli`], [`demo`], [`sim`]: commands, the story, and the simulated Azure it is told with.
//!
//! `domain` knows nothing of HTTP, SQL or Azure's wire; nothing but [`clock`] reads the time; nothing
//! that `serve` runs knows of `sim`.

pub mod app;
pub mod auth;
pub mod azure;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod flow;
pub mod http;
pub mod memory;
pub mod metrics;
pub(crate) mod secret;
pub mod server;
pub mod sim;
pub mod store;
