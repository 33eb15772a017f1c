//! The command line's entry: parse, run, exit code.

use clap::Parser;
use doorward::cli::Cli;
use std::io::Write;
use std::process::ExitCode;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    // Every TLS connection of the program uses this one provider.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let cli = Cli::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nothing is left to be done if standard error is closed.
            writeln!(std::io::stderr(), "error: no threads can be had: {error}").ok();
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(doorward::cli::run(cli));
    // Work on threads of its own that nobody waits for any more does not hold up the end.
    runtime.shutdown_background();
    code
}
