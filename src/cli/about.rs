//! `doorward version`, `completions` and `man`: the program about itself.

use super::policy::print;
use super::{Cli, Failure};
use anyhow::Context;
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Which commit it was built from, where the build says so.
const COMMIT: Option<&str> = option_env!("DOORWARD_COMMIT");

/// What `doorward version` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Version {
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What `doorward completions` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "For bash: doorward completions bash > /etc/bash_completion.d/doorward")]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

/// What `doorward man` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "To read it at once: doorward man | man -l -")]
pub(crate) struct Man {
    /// Write a page for every command into this folder, instead of the first page to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Version {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let version = env!("CARGO_PKG_VERSION");
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let demo = cfg!(feature = "demo");
        if self.output == Output::Json {
            let told = serde_json::json!({
                "version": version, "commit": COMMIT, "os": os, "arch": arch, "demo": demo,
            });
            return print(format_args!("{told}"));
        }
        let commit = COMMIT.map_or_else(String::new, |commit| format!(", commit {commit}"));
        let demo = if demo { ", with the demonstration" } else { "" };
        print(format_args!(
            "doorward {version} ({os}/{arch}{commit}{demo})"
        ))
    }
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "doorward", &mut script);
        written(&script)
    }
}

impl Man {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let command = Cli::command();
        let Some(dir) = &self.dir else {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(command).render(&mut page);
            rendered.map_err(anyhow::Error::new)?;
            return written(&page);
        };
        let made = std::fs::create_dir_all(dir);
        let made = made.and_then(|()| clap_mangen::generate_to(command, dir));
        made.with_context(|| format!("`{}` cannot be written", dir.display()))?;
        print(format_args!("the pages are in {}", dir.display()))
    }
}

/// Writes to standard output; nobody reading any more is no failure.
fn written(bytes: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).into())
        }
        _ => Ok(()),
    }
}
