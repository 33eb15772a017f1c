//! Logging to standard error: lines for people on a terminal, JSON elsewhere, or as `DOORWARD_LOG_FORMAT`
//! says; what is told, `DOORWARD_LOG` says: `DOORWARD_LOG=debug`.

use clap::ValueEnum;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What is told when `DOORWARD_LOG` does not say.
const USUAL: &str = "info,sqlx=warn,azure_core=warn,azure_identity=warn";

/// What log lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people on a terminal, JSON elsewhere
    #[default]
    Auto,
    /// Lines for people
    Text,
    /// A JSON object a line
    Json,
}

impl LogFormat {
    fn is_json(self) -> bool {
        match self {
            Self::Auto => !std::io::stderr().is_terminal(),
            Self::Text => false,
            Self::Json => true,
        }
    }
}

/// Starts logging as a service does.
pub(super) fn start(format: LogFormat) {
    start_at(USUAL, format);
}

/// Starts logging for a command whose output is for people: failures only.
pub(super) fn quiet(format: LogFormat) {
    start_at("error,sqlx=off,doorward=off", format);
}

fn start_at(usual: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_env("DOORWARD_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start, which there is none, would be refused and change nothing.
    if format.is_json() {
        log.json().flatten_event(true).try_init().ok();
    } else {
        // Whoever sets it wants none, whatever it says (https://no-color.org).
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colours = wanted && std::io::stderr().is_terminal();
        log.with_ansi(colours).try_init().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;
    use clap::Parser;

    #[test]
    fn format_is_as_told_wherever_the_log_goes() {
        assert!(LogFormat::Json.is_json() && !LogFormat::Text.is_json());
        let told = ["doorward", "pause", "--by", "ada", "--log-format", "text"];
        let cli = Cli::try_parse_from(told).unwrap();
        assert_eq!(cli.log_format, LogFormat::Text);
    }
}
