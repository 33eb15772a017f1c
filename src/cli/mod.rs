//! The command line: what `doorward --help` tells.

mod about;
mod access;
mod admin;
mod config;
mod doctor;
mod export;
mod forms;
mod grants;
mod health;
mod init;
mod ledger;
mod log;
mod look;
mod notify;
mod parse;
mod policy;
mod replay;
mod sender;
mod serve;
mod sets;
mod sweep;
mod whois;

use access::{sessions, tokens};
use clap::{Parser, Subcommand};
use clock::Clock;
#[cfg(feature = "demo")]
use doorward_sim::cli::{SimulateOptions, simulate};
use log::LogFormat;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// What was asked for cannot be understood: a wrong configuration, a wrong policy.
const WRONG_INPUT: u8 = 2;

/// Opens an Azure Container Registry's firewall for those you own, for a while, and closes it again.
#[derive(Debug, Parser)]
#[command(version, about, after_help = "Start with: doorward demo")]
pub struct Cli {
    /// What the log on standard error looks like
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        env = "DOORWARD_LOG_FORMAT"
    )]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service
    Serve(serve::Serve),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::Config),
    /// Write a first configuration, a starter policy with cases, and print the commands for the role in Azure
    Init(init::Init),
    /// Find out what is right, wrong, or cannot be told about this installation, and what to do
    Doctor(doctor::Doctor),
    /// Ask a running doorward whether it is ready: for a container's health check
    Health(health::Health),
    /// Show what doorward does, with a simulated Azure: nothing to set up, nothing leaves this machine
    #[cfg(feature = "demo")]
    Demo(crate::demo::Demo),
    /// Run a simulated Azure to try a configuration against (a development tool)
    #[cfg(feature = "demo")]
    Simulate(SimulateOptions),
    /// Print the distinct denials found in a text, JSON, JSON lines or log, as JSON lines
    Parse(parse::Parse),
    /// Check, explain and test policies
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Hand a denial's text to a running doorward, as a CI job does whose pull was denied
    Report(sender::report::Report),
    /// Wait until a registry's firewall lets this machine in
    Wait(sender::wait::Wait),
    /// Prove that a denial goes all the way: send a synthetic one that opens nothing, and follow it
    Prove(sender::prove::Prove),
    /// Run captured events through a policy, without touching Azure
    Replay(Box<replay::Replay>),
    /// Say who has an address: service tags, sets, country, autonomous system, or why nobody can
    Whois(whois::Whois),
    /// Look at the address sets of a running doorward, and confirm what they may become
    #[command(subcommand)]
    Sets(sets::Sets),
    /// Look at the channels of a running doorward, try one, send again what one never took
    #[command(subcommand)]
    Notify(notify::Notify),
    /// List things of a running doorward: grants, requests, denials, registries, sources, sets, rules
    Get(look::Get),
    /// Show everything that a running doorward knows of one thing
    Describe(look::Describe),
    /// List and show what people are asked
    #[command(subcommand)]
    Requests(look::Requests),
    /// List and show the enrolled registries of a running doorward
    #[command(subcommand)]
    Registries(look::Registries),
    /// List and show the latest denials
    #[command(subcommand)]
    Denials(look::Denials),
    /// List the people who are signed in to a running doorward, and end a session
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
    /// Create, list and revoke API tokens of a running doorward
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// List, show, revoke, extend and hand over grants of a running doorward
    #[command(subcommand)]
    Grants(grants::Grants),
    /// Revoke every grant of a running doorward, or every one of a registry
    Revoke(grants::RevokeAll),
    /// Let denials be decided anew whose verdicts stand for their repeats
    #[command(subcommand)]
    Verdicts(grants::Verdicts),
    /// Open nothing more until `resume`; what is open is closed on time
    Pause(grants::pausing::Pause),
    /// Let opening go on
    Resume(grants::pausing::PauseOrder),
    /// Print the permanent entries of registries for Terraform or Bicep; temporary ones stand beside as comments
    Export(export::Export),
    /// Take away what ownership tags say has ended, without a server or a ledger: for a cron job or a runbook
    Sweep(sweep::Sweep),
    /// Say who was let in during a month, by whom and why, from the ledger, whose chain is checked first
    Audit(look::audit::AuditOrder),
    /// Look at the ledger
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Print the version, and what was built
    Version(about::Version),
    /// Print a script that completes commands in a shell
    Completions(about::Completions),
    /// Print the manual page
    Man(about::Man),
}

/// A failure with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// The user can mend what was given.
    pub(crate) fn wrong_input(error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: WRONG_INPUT,
            error: error.into(),
        }
    }
}

impl Failure {
    /// A failure with an exit code of its own, which the command's help names.
    pub(crate) fn of_code(code: u8, error: anyhow::Error) -> Self {
        Self { code, error }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: 1, error }
    }
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigFile {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        default_value = "doorward.yaml",
        env = "DOORWARD_CONFIG"
    )]
    pub(crate) config: PathBuf,
}

/// Runs the command; its failure is told on standard error.
pub async fn run(cli: Cli) -> ExitCode {
    let format = cli.log_format;
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(format).await,
        Command::Config(config) => config.run(),
        Command::Init(init) => init.run(),
        Command::Doctor(doctor) => {
            log::quiet(format);
            Box::pin(doctor.run()).await
        }
        Command::Report(report) => report.run().await,
        Command::Wait(wait) => wait.run().await,
        Command::Prove(prove) => prove.run().await,
        Command::Health(health) => health.run().await,
        #[cfg(feature = "demo")]
        Command::Demo(demo) => {
            log::quiet(format);
            demo.run().await.map_err(Failure::from)
        }
        #[cfg(feature = "demo")]
        Command::Simulate(options) => {
            log::start(format);
            simulate(options, Clock::system())
                .await
                .map_err(Failure::from)
        }
        Command::Parse(parse) => parse.run().map_err(Failure::from),
        Command::Policy(policy) => policy.run(),
        Command::Replay(replay) => replay.run().await,
        Command::Whois(whois) => whois.run(),
        Command::Sets(sets) => sets.run().await,
        Command::Notify(notify) => notify.run().await,
        Command::Sessions(sessions) => sessions.run().await,
        Command::Tokens(tokens) => tokens.run().await,
        Command::Grants(grants) => grants.run().await,
        Command::Revoke(revoke) => revoke.run().await,
        Command::Verdicts(verdicts) => verdicts.run().await,
        Command::Pause(pause) => pause.run().await,
        Command::Resume(resume) => resume.run().await,
        Command::Export(export) => export.run().await,
        Command::Sweep(sweep) => {
            log::quiet(format);
            sweep.run().await
        }
        Command::Audit(audit) => audit.run().await,
        Command::Get(get) => get.run().await,
        Command::Describe(describe) => describe.run().await,
        Command::Requests(requests) => requests.run().await,
        Command::Registries(registries) => registries.run().await,
        Command::Denials(denials) => denials.run().await,
        Command::Ledger(ledger) => ledger.run().await,
        Command::Version(version) => version.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    };
    told(outcome)
}

/// How the command ended; its failure is told on standard error.
fn told(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, error }) => {
            // Nothing is left to be done if standard error is closed.
            writeln!(std::io::stderr(), "{}", message(&error)).ok();
            ExitCode::from(code)
        }
    }
}

/// An error and its causes; one that shows its place in a file begins with `error:` itself.
fn message(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    if text.starts_with("error:") {
        text
    } else {
        format!("error: {text}")
    }
}
