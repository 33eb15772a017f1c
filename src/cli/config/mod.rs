//! `doorward config`: is the configuration right, what is in effect, and what may stand in it.

mod check;
mod effective;
mod emit;
pub(in crate::cli) mod findings;
mod people;
mod show;

use super::policy::print;
use super::{ConfigFile, Failure};
use clap::Subcommand;

/// What `doorward config` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Report everything that `serve` would refuse, all at once, without starting it
    Check(check::Check),
    /// Print the configuration in effect: defaults filled in, secrets by reference, and where each value is set
    Show(show::Show),
    /// Print the JSON Schema of the configuration file, for editors
    Schema,
}

impl Config {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::Show(show) => show.run(),
            Self::Schema => print(format_args!("{}", crate::config::SCHEMA.trim_end())),
        }
    }
}
