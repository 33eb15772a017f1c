//! doorward opens an Azure Container Registry's firewall for those you own, for a while, and closes
//! it again.

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
pub mod metrics;
pub mod server;
pub mod sim;
pub mod store;
