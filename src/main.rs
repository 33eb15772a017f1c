//! The command line's entry: parse, run, exit code.

use clap::Parser;
use doorward::cli::Cli;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Every TLS connection of the program uses this one provider.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    doorward::cli::run(Cli::parse()).await
}
