//! `doorward doctor`: what is right, wrong, or cannot be told about this installation, with what to do. Changes
//! nothing, and works before the first start.

mod azure;
mod local;
mod outside;

use super::config::findings::{Findings, find};
use super::policy::{self, print};
use super::{ConfigFile, Failure};
use clap::ValueEnum;
use clock::Clock;
use doorward_core::doctor::{Finding, Outcome, Verdict, verdict};
use doorward_core::messages::invisible::{escaped, escaped_lines};
use doorward_core::yaml::problem::Problem;

/// The exit code where nothing is known to be wrong, and something that matters could not be checked.
const UNKNOWN: u8 = 3;

/// Why nothing on the network is asked.
const OFFLINE: &str = "--offline";

/// What `doorward doctor` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 when all that was looked at is right, 1 when something is wrong, 3 when nothing is known to be wrong and something that matters could not be checked."
)]
pub(crate) struct Doctor {
    #[command(flatten)]
    file: ConfigFile,
    /// Ask nothing over the network
    #[arg(long)]
    offline: bool,
    /// Send every channel a test message
    #[arg(long, conflicts_with = "offline")]
    send: bool,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each check, in the order in which to mend what is wrong
    Text,
    /// One JSON document
    Json,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let found = find(&self.file.config, None);
        let mut findings = of_files(&found);
        if let Some(config) = &found.config {
            let clock = Clock::system();
            let read = local::read(config, self.offline, clock.now()).await;
            findings.extend(read.findings.iter().cloned());
            findings.extend(azure::findings(config, &read, self.offline, &clock).await);
            let outside = outside::Outside {
                config,
                policy: found.policy.as_ref(),
                sound: found.errors.is_empty(),
                read: &read,
                offline: self.offline,
                send: self.send,
            };
            findings.extend(Box::pin(outside.findings(&clock)).await);
        }
        self.tell(&findings)?;
        match verdict(&findings) {
            Verdict::Sound => Ok(()),
            Verdict::Wrong => {
                Err(anyhow::anyhow!("{} wrong", count(&findings, Outcome::Wrong)).into())
            }
            Verdict::Unknown => {
                let could_not = findings
                    .iter()
                    .filter(|it| it.outcome == Outcome::CouldNotCheck && !it.left_out);
                let what = format!(
                    "nothing is known to be wrong; {} could not be checked",
                    could_not.count()
                );
                Err(Failure::of_code(UNKNOWN, anyhow::anyhow!(what)))
            }
        }
    }

    fn tell(&self, findings: &[Finding]) -> Result<(), Failure> {
        if self.output == Output::Json {
            let told = serde_json::json!({
                "ok": verdict(findings) == Verdict::Sound,
                "counts": {
                    "ok": count(findings, Outcome::Ok), "wrong": count(findings, Outcome::Wrong),
                    "could_not_check": count(findings, Outcome::CouldNotCheck),
                },
                "findings": findings,
            });
            let json = serde_json::to_string_pretty(&told).map_err(anyhow::Error::new)?;
            return print(format_args!("{}", escaped_lines(&json)));
        }
        for finding in findings {
            print(format_args!("{}", line(finding)))?;
        }
        Ok(())
    }
}

fn count(findings: &[Finding], outcome: Outcome) -> usize {
    findings
        .iter()
        .filter(|finding| finding.outcome == outcome)
        .count()
}

/// One finding, as people read it.
fn line(finding: &Finding) -> String {
    let outcome = match finding.outcome {
        Outcome::Ok => "ok",
        Outcome::Wrong => "wrong",
        Outcome::CouldNotCheck => "could not check",
    };
    let subject = finding
        .subject
        .as_ref()
        .map_or_else(String::new, |it| format!(" {it}"));
    let about = format!("{}{subject}", finding.check);
    let fix = finding.fix.as_ref().map_or_else(String::new, |fix| {
        format!("\n{:17}fix: {}", "", escaped(fix))
    });
    format!("{outcome:<15}  {about}: {}{fix}", escaped(&finding.text))
}

/// The configuration and the policies.
fn of_files(found: &Findings) -> Vec<Finding> {
    let wrong = |check: &'static str| {
        move |problem: &Problem| {
            let help = problem.help.clone();
            let bare = Problem {
                help: None,
                ..problem.clone()
            };
            let fix = help.unwrap_or_else(|| "`doorward config check` shows the place".to_owned());
            Finding::wrong(check, bare.in_a_line(), fix)
        }
    };
    let of_policies = |problem: &&Problem| found.policy_errors.contains(problem);
    let config: Vec<Finding> = found
        .errors
        .iter()
        .filter(|it| !of_policies(it))
        .map(wrong("configuration"))
        .collect();
    let policies: Vec<Finding> = found.policy_errors.iter().map(wrong("policies")).collect();
    let warnings = match found.warnings.len() {
        0 => String::new(),
        many => format!(
            "; {} (`doorward config check`)",
            policy::count(many, "warning")
        ),
    };
    let mut findings = config;
    if findings.is_empty() {
        findings.push(Finding::ok(
            "configuration",
            format!("can be used{warnings}"),
        ));
    }
    match (&found.policy, policies.is_empty()) {
        (Some(policy), true) => {
            findings.push(Finding::ok(
                "policies",
                policy::count(policy.rules.len(), "rule"),
            ));
        }
        (None, true) => findings.push(Finding::left_out(
            "policies",
            "the configuration must be readable first",
        )),
        (_, false) => findings.extend(policies),
    }
    findings
}
