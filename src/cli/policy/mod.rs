//! `doorward policy`: is it right, what does it say, and why.

mod explain;
mod test;

use super::Failure;
use crate::config::{load_files, load_policies};
use clap::Subcommand;
use clock::Clock;
use doorward_core::policy::Policy as Checked;
use doorward_core::policy::testing::cases::external_of;
use doorward_core::sets::{Sets, parse_cidr};
use jiff::Timestamp;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What `doorward policy` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check the policies of a folder and the files that their sets name
    Check(Folder),
    /// Say what a policy answers to a denial, and why
    Explain(Box<explain::Explain>),
    /// Run the cases that stand beside the policies (`*.cases.yaml`)
    Test(Folder),
    /// Print the JSON Schema of a policy file, for editors
    Schema,
}

/// Which folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Folder {
    /// The folder with the policies
    #[arg(value_name = "DIR", default_value = "policies")]
    folder: PathBuf,
    /// The same, by the name that other commands have for it
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    policies: Option<PathBuf>,
}

impl Policy {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(folder) => folder.check(),
            Self::Explain(explain) => explain.run(),
            Self::Test(folder) => test::run(folder.path()),
            Self::Schema => print(format_args!("{}", doorward_core::policy::SCHEMA.trim_end())),
        }
    }
}

impl Folder {
    fn path(&self) -> &Path {
        self.policies.as_deref().unwrap_or(&self.folder)
    }

    fn check(&self) -> Result<(), Failure> {
        let (policy, _) = load(self.path())?;
        warn(&policy);
        print(format_args!(
            "{}: {}, {}, {}; the default is `{}`",
            self.path().display(),
            count(policy.rules.len(), "rule"),
            count(policy.sets.len(), "named set"),
            count(policy.warnings.0.len(), "warning"),
            policy.default
        ))
    }
}

/// The policy of a folder, and of its sets those that stand in files.
pub(super) fn load(folder: &Path) -> Result<(Checked, Sets), Failure> {
    let policy = load_policies(folder).map_err(Failure::wrong_input)?;
    let loaded = load_files(&policy, folder, Clock::system().now());
    let sets = loaded.map_err(|error| {
        warn(&policy);
        Failure::wrong_input(error)
    })?;
    Ok((policy, sets))
}

/// The same sets with what `--set NAME=CIDR,CIDR` says of some.
pub(super) fn with_literals(
    literals: &[String],
    policy: &Checked,
    mut sets: Sets,
    at: Timestamp,
) -> Result<Sets, Failure> {
    for literal in literals {
        let wrong = |why: String| {
            let what = anyhow::anyhow!("`--set {literal}`: {why}");
            Failure::wrong_input(what)
        };
        let (name, list) = literal
            .split_once('=')
            .ok_or_else(|| wrong("write NAME=CIDR,CIDR".to_owned()))?;
        let external = external_of(policy, name).map_err(|help| {
            wrong(format!(
                "`{name}` is no set that comes from elsewhere; {help}"
            ))
        })?;
        let networks: Result<Vec<_>, _> = list
            .split(',')
            .map(|cidr| parse_cidr(cidr.trim()))
            .collect();
        sets = sets.with(
            external,
            networks.map_err(|error| wrong(error.to_string()))?,
            at,
        );
    }
    Ok(sets)
}

/// Tells what is odd about a policy on standard error.
fn warn(policy: &Checked) {
    if !policy.warnings.0.is_empty() {
        // Nothing is left to be done if standard error is closed.
        writeln!(std::io::stderr(), "{}\n", policy.warnings).ok();
    }
}

/// Prints a line; nobody reading any more is no failure.
pub(super) fn print(line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).into())
        }
        _ => Ok(()),
    }
}

/// `1 rule`, `2 rules`.
pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
