//! doorward opens an Azure Container Registry's firewall for those you own, for a while, and closes
//! it again. This is the service: the shell around the core (`doorward_core`).
//!
//! In reading order:
//!
//! 1. `doorward_core`: a denial, what policy says of it, what is granted, what a registry's list
//!    needs, what the ledger says. Values in, values out.
//! 2. [`store`]: the ledger on disk, and the state folded from it.
//! 3. [`flow`]: the loops: intake, decide, registry, notify.
//! 4. [`azure`]: tokens and Azure Resource Manager. [`http`]: senders, links, the operator page.
//! 5. [`config`] and [`server`]: a file in, listeners and loops out; `flow::app` is what they are given.
//! 6. [`cli`]: the commands. With the feature `demo`, also the demonstration and the simulated Azure
//!    (`doorward_sim`) that it runs on.

pub mod auth;
pub mod azure;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod flow;
pub mod http;
pub mod metrics;
pub(crate) mod secret;
pub mod server;
pub mod store;
pub mod traces;
