//! `doorward config check`: everything that `serve` would refuse.

use super::findings::{Findings, find};
use super::{ConfigFile, Failure, print};
use crate::cli::policy::count;
use anyhow::anyhow;
use clap::ValueEnum;
use doorward_core::messages::invisible::escaped_lines;
use doorward_core::yaml::problem::{Problem, Problems};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// What `doorward config check` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 when `serve` would start (warnings included), 2 when it would refuse."
)]
pub(crate) struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Check the policies of this folder in place of the configured one
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people: problems on standard error
    Text,
    /// One JSON document on standard output
    Json,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let found = find(&self.file.config, self.policies.as_deref());
        let (errors, warnings) = (found.errors.len(), found.warnings.len());
        let verdict = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
        if self.output == Output::Json {
            let json =
                serde_json::to_string_pretty(&as_json(&found)).map_err(anyhow::Error::new)?;
            print(format_args!("{}", escaped_lines(&json)))?;
        } else {
            let shown = [found.warnings.as_slice(), found.errors.as_slice()].concat();
            if !shown.is_empty() {
                // Nothing is left to be done if standard error is closed.
                writeln!(std::io::stderr(), "{}\n", Problems(shown)).ok();
            }
            if errors == 0 {
                print(format_args!("{}", summary(&found, &self.file, &verdict)))?;
            }
        }
        if errors == 0 {
            return Ok(());
        }
        let file = self.file.config.display();
        let mut what = format!("{file}: {verdict}: `doorward serve` would not start");
        if found.config.is_none() {
            what += "; secrets, and policies against sources and channels, are checked once the file can be read";
        }
        Err(Failure::wrong_input(anyhow!(what)))
    }
}

fn summary(found: &Findings, file: &ConfigFile, verdict: &str) -> String {
    let mut parts = Vec::new();
    if let Some(config) = &found.config {
        parts.push(match config.registries.len() {
            1 => "1 registry".to_owned(),
            many => format!("{many} registries"),
        });
        parts.push(count(config.sources.len(), "source"));
        parts.push(count(config.channels.len(), "channel"));
    }
    if let Some(policy) = &found.policy {
        parts.push(count(policy.rules.len(), "rule"));
    }
    format!(
        "{}: OK: {}; {verdict}",
        file.config.display(),
        parts.join(", ")
    )
}

fn as_json(found: &Findings) -> Value {
    let one = |problem: &Problem| {
        json!({
            "file": problem.file, "line": problem.place.line, "column": problem.place.column, "field": problem.field,
            "what": problem.what, "help": problem.help,
        })
    };
    let all = |problems: &[Problem]| problems.iter().map(one).collect::<Vec<_>>();
    json!({ "ok": found.errors.is_empty(), "errors": all(&found.errors), "warnings": all(&found.warnings) })
}
