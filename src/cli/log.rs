//! Logging to standard error: `DOORWARD_LOG=debug`, and JSON lines where nobody watches.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What is told when `DOORWARD_LOG` does not say.
const USUAL: &str = "info,sqlx=warn,azure_core=warn,azure_identity=warn";

/// Starts logging as a service does.
pub(super) fn start() {
    start_at(USUAL);
}

/// Starts logging for a command whose output is for people: failures only.
pub(super) fn quiet() {
    start_at("error,sqlx=off,doorward=off");
}

fn start_at(usual: &str) {
    let filter = EnvFilter::try_from_env("DOORWARD_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start, which there is none, would be refused and change nothing.
    if std::io::stderr().is_terminal() {
        log.try_init().ok();
    } else {
        log.json().flatten_event(true).try_init().ok();
    }
}
