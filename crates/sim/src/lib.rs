//! A simulated Azure: a stand-in for Resource Manager, Microsoft Entra ID, managed identity, the
//! registries' data plane and the services that send events, as one model with state, over real
//! HTTP on loopback.
//!
//! A development tool: tests and `doorward demo` hold it through [`Sim`], `doorward simulate` runs
//! it on its own, and `doorward serve` has no way to it. What it says follows Azure's pages; where
//! they are silent (an error's code, what a write does to fields that its api-version does not
//! know) it models one behaviour, says so in a comment, and has a knob for the other.

mod arm;
mod caller;
mod calls;
pub mod cli;
mod data_plane;
mod handle;
mod holds;
pub mod identity;
mod knobs;
mod model;
mod pipeline;
mod recorded;
pub mod senders;
mod serve;
mod start;
mod tls;
mod web;
mod wire;

pub use caller::{Caller, Pull};
pub use calls::{Call, Target};
pub use holds::{Hold, Moment};
pub use knobs::{
    Concurrent, Duplicates, Fault, Knobs, LogAccess, Logs, Outcome, Tags, UnnamedIpRules,
    VirtualNetworkRules, Writes,
};
pub use model::{
    App, Author, DefaultAction, Happened, IpRule, Model, NetworkRuleSet, Registry, Sku,
    VirtualNetworkRule,
};
pub use recorded::Recorded;
pub use start::{Sim, SimOptions};

/// The tenant that everything in the simulated Azure belongs to.
pub const TENANT: &str = "22222222-0000-4000-8000-000000000002";
/// The subscription of whatever does not name another.
pub const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";
/// The resource group of whatever does not name another.
pub const RESOURCE_GROUP: &str = "registries";
/// The client id of the app that is registered from the start.
pub const CLIENT_ID: &str = "11111111-0000-4000-8000-000000000001";
/// Its client secret.
pub const CLIENT_SECRET: &str = "simulated-client-secret";
