//! `doorward replay`: what a policy would have said to what was captured.

use super::Failure;
use super::policy::{load, print, with_literals};
use crate::config::{GRANTS_PER_HOUR, read_text};
use crate::store::{self, Ledger};
use anyhow::Context;
use clap::ValueEnum;
use doorward_core::intake::dedup::DedupPolicy;
use doorward_core::intake::delivery;
use doorward_core::intake::delivery::Head;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::DenialId;
use doorward_core::messages::invisible::escaped_lines;
use doorward_core::policy::Policy;
use doorward_core::policy::replay::{Captured, Change, Given, Summary, compare, replay};
use doorward_core::sets::Sets;
use doorward_core::yaml::duration;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a file of SQLite begins (<https://www.sqlite.org/fileformat.html>).
const SQLITE: &[u8] = b"SQLite format 3\0";
/// How many entries of a ledger are read at once.
const PAGE: i64 = 500;
/// How long a request is taken to be answerable.
const ANSWERS_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// What `doorward replay` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The folder with the policies
    #[arg(long, value_name = "DIR", alias = "policy")]
    policies: PathBuf,
    /// Another folder: what it would answer otherwise
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Captured deliveries in any format that the service takes, or ledgers (databases, or what `doorward
    /// ledger show --output json` prints)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The source that is taken to have sent the deliveries
    #[arg(long, default_value = "")]
    source: String,
    /// The registry that is meant where a delivery names none
    #[arg(long, value_name = "HOST")]
    registry: Option<String>,
    /// Addresses of a set that comes from elsewhere: build-egress=20.50.1.0/30,20.50.2.1
    #[arg(long = "set", value_name = "NAME=CIDRS")]
    sets: Vec<String>,
    /// When deliveries that do not say happened
    #[arg(long, value_name = "TIME", default_value = "1970-01-01T00:00:00Z")]
    at: Timestamp,
    /// How many firewall entries a registry takes
    #[arg(long, value_name = "ENTRIES", default_value_t = 200)]
    quota: usize,
    /// How many grants a registry may have within an hour
    #[arg(long, value_name = "GRANTS", default_value_t = GRANTS_PER_HOUR)]
    grants_per_hour: u32,
    /// The longest that anything may be open
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration::parse)]
    max_ttl: Duration,
    /// Status-403 records are trusted to open
    #[arg(long)]
    trust_status_403: bool,
    /// How it is printed; markdown fits a comment on a pull request
    #[arg(long, short, value_enum, default_value_t = Output::Markdown)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Markdown,
    Json,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    policy: String,
    quota: usize,
    /// Sets of the policy that were not loaded: rules that need them match nothing.
    unknown_sets: Vec<String>,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
}

#[derive(Serialize)]
struct Against {
    policy: String,
    unknown_sets: Vec<String>,
    #[serde(flatten)]
    summary: Summary,
    changes: Vec<Change>,
}

impl Replay {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut captured = Vec::new();
        for file in &self.files {
            self.read(file, &mut captured)
                .await
                .with_context(|| format!("`{}`", file.display()))
                .map_err(Failure::wrong_input)?;
        }
        let given = Given {
            registry: self.registry.as_ref().map(|host| host.to_lowercase()),
            max_ttl: self.max_ttl,
            dedup_window: DedupPolicy::default().repeat,
            answers_within: ANSWERS_WITHIN,
            trust_status_403: self.trust_status_403,
            grants_per_hour: usize::try_from(self.grants_per_hour).unwrap_or(usize::MAX),
        };
        let first = captured.iter().map(|captured| captured.at).min();
        let loaded_at = first.unwrap_or(self.at);
        let (policy, sets) = load(&self.policies)?;
        let sets = with_literals(&self.sets, &policy, sets, loaded_at)?;
        let (_, summary) = replay(&policy, &sets, &captured, &given);
        let against = match &self.against {
            None => None,
            Some(folder) => {
                let (other, other_sets) = load(folder)?;
                let other_sets = with_literals(&self.sets, &other, other_sets, loaded_at)?;
                let (_, summary) = replay(&other, &other_sets, &captured, &given);
                let changes = compare((&policy, &sets), (&other, &other_sets), &captured, &given);
                Some(Against {
                    policy: folder.display().to_string(),
                    unknown_sets: unknown(&other, &other_sets),
                    summary,
                    changes,
                })
            }
        };
        let report = Report {
            policy: self.policies.display().to_string(),
            quota: self.quota,
            unknown_sets: unknown(&policy, &sets),
            summary,
            against,
        };
        match self.output {
            Output::Markdown => print(format_args!("{}", report.markdown().trim_end())),
            Output::Json => {
                let json = serde_json::to_string_pretty(&report).map_err(anyhow::Error::new)?;
                print(format_args!("{}", escaped_lines(&json)))
            }
        }
    }

    async fn read(&self, file: &Path, to: &mut Vec<Captured>) -> anyhow::Result<()> {
        if is_database(file)? {
            return read_database(file, to).await;
        }
        let text = read_text(file).context("it cannot be read")?;
        if read_printed(&text, to) {
            return Ok(());
        }
        let delivery = delivery::read(&Head::default(), text.as_bytes())?;
        for bad in &delivery.bad {
            let file = file.display();
            // Nothing is left to be done if standard error is closed.
            writeln!(
                std::io::stderr(),
                "warning: {file}: record {}: {}",
                bad.record,
                bad.error
            )
            .ok();
        }
        let mut at = self.at;
        for report in delivery.reports {
            at = report.at.unwrap_or(at);
            to.push(Captured {
                at,
                source: self.source.clone(),
                report,
                proof: None,
                times: 1,
            });
        }
        Ok(())
    }
}

/// The sets that a policy needs from elsewhere and that nobody gave.
fn unknown(policy: &Policy, sets: &Sets) -> Vec<String> {
    let needs = policy.needs().into_iter();
    let missing = needs.filter(|external| sets.get(external).is_none());
    missing.map(|external| policy.name_of(&external)).collect()
}

fn is_database(file: &Path) -> anyhow::Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    let opened = std::fs::File::open(file).context("it cannot be read")?;
    opened.take(SQLITE.len() as u64).read_to_end(&mut start)?;
    Ok(start == SQLITE)
}

async fn read_database(file: &Path, to: &mut Vec<Captured>) -> anyhow::Result<()> {
    let ledger = Ledger::open_read_only(&format!("sqlite:{}", file.display())).await?;
    let (mut seq, mut known) = (0, HashMap::new());
    loop {
        let entries = ledger.entries(seq, PAGE).await?;
        let Some(last) = entries.last() else {
            return Ok(());
        };
        seq = last.seq;
        for entry in &entries {
            take(entry.at, store::what(entry)?, &mut known, to);
        }
    }
}

/// Reads what `doorward ledger show --output json` prints; `false` if this is something else.
fn read_printed(text: &str, to: &mut Vec<Captured>) -> bool {
    #[derive(serde::Deserialize)]
    struct Line {
        at: Timestamp,
        entry: LedgerEvent,
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let read: Result<Vec<Line>, _> = lines.map(serde_json::from_str).collect();
    let Ok(lines) = read else {
        return false;
    };
    let mut known = HashMap::new();
    for line in lines {
        take(line.at, line.entry, &mut known, to);
    }
    true
}

/// Takes in what an entry of the ledger tells of denials: one of them, or how often some came again.
fn take(
    at: Timestamp,
    what: LedgerEvent,
    known: &mut HashMap<DenialId, Captured>,
    to: &mut Vec<Captured>,
) {
    match what {
        LedgerEvent::Denied(denied) => {
            let captured = Captured {
                at,
                source: denied.source,
                report: denied.report,
                proof: denied.proof,
                times: 1,
            };
            known.insert(denied.id, captured.clone());
            to.push(captured);
        }
        LedgerEvent::Counted { counts, .. } => {
            for (denial, count) in counts {
                let times = usize::try_from(count).unwrap_or(usize::MAX);
                let again = known.get(&denial).cloned();
                to.extend(again.map(|captured| Captured {
                    at,
                    times,
                    ..captured
                }));
            }
        }
        _ => {}
    }
}

impl Report {
    fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write(&mut text).ok();
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let other = self
            .against
            .as_ref()
            .map(|against| (&against.policy, &against.summary));
        let columns: Vec<(&String, &Summary)> = [(&self.policy, &self.summary)]
            .into_iter()
            .chain(other)
            .collect();
        writeln!(to, "## Replay of {} denials\n", self.summary.denials)?;
        let others = self.against.iter();
        let others = others.map(|against| (&against.policy, &against.unknown_sets));
        for (policy, sets) in std::iter::once((&self.policy, &self.unknown_sets)).chain(others) {
            if !sets.is_empty() {
                let sets: Vec<String> = sets.iter().map(|set| code(set)).collect();
                writeln!(
                    to,
                    "Not known in {}: {}. Rules that need these sets match nothing here: give their addresses with `--set NAME=CIDR,CIDR`.\n",
                    code(policy),
                    sets.join(", ")
                )?;
            }
        }
        let names: Vec<String> = columns.iter().map(|(name, _)| code(name)).collect();
        writeln!(
            to,
            "| | {} |\n|---|{}",
            names.join(" | "),
            "--:|".repeat(columns.len())
        )?;
        let verdict =
            |summary: &Summary, name: &str| summary.verdicts.get(name).copied().unwrap_or_default();
        let mut row = |name: &str, of: &dyn Fn(&Summary) -> usize| {
            let cells: Vec<String> = columns
                .iter()
                .map(|(_, summary)| of(summary).to_string())
                .collect();
            writeln!(to, "| {name} | {} |", cells.join(" | "))
        };
        row("grants (`allow`)", &|summary| verdict(summary, "allow"))?;
        row("requests (`ask`)", &|summary| verdict(summary, "ask"))?;
        row("alerts (`alert`)", &|summary| verdict(summary, "alert"))?;
        row("`ignore`", &|summary| verdict(summary, "ignore"))?;
        row("`forbid`", &|summary| verdict(summary, "forbid"))?;
        row("repeats of one that stands", &|summary| summary.repeats)?;
        for (name, summary) in &columns {
            self.peaks(name, summary, to)?;
        }
        match &self.against {
            None => Ok(()),
            Some(against) if against.changes.is_empty() => {
                writeln!(to, "\nBoth policies give every denial the same answer.")
            }
            Some(against) => against.changes(to),
        }
    }

    fn peaks(&self, name: &str, summary: &Summary, to: &mut String) -> std::fmt::Result {
        writeln!(to, "\n### Entries at once, by {}\n", code(name))?;
        if summary.peaks.is_empty() {
            return writeln!(to, "None: nothing opens by itself.");
        }
        writeln!(
            to,
            "| registry | peak | of {} | at |\n|---|--:|--:|---|",
            self.quota
        )?;
        for (registry, peak) in &summary.peaks {
            let percent = peak
                .entries
                .saturating_mul(100)
                .checked_div(self.quota)
                .unwrap_or_default();
            let over = if peak.entries > self.quota {
                " **too many**"
            } else {
                ""
            };
            writeln!(
                to,
                "| {} | {} | {percent}%{over} | {} |",
                code(registry),
                peak.entries,
                peak.at
            )?;
        }
        Ok(())
    }
}

impl Against {
    fn changes(&self, to: &mut String) -> std::fmt::Result {
        writeln!(
            to,
            "\n### What changes\n\n| now | then | denials | addresses | such as |\n|---|---|--:|--:|---|"
        )?;
        for change in &self.changes {
            let examples: Vec<String> = change.examples.iter().map(ToString::to_string).collect();
            writeln!(
                to,
                "| {} | {} | {} | {} | {} |",
                plain(&change.before),
                plain(&change.after),
                change.denials,
                change.addresses,
                examples.join(", ")
            )?;
        }
        Ok(())
    }
}

/// A name in a cell of a table: it may hold what would end the cell.
fn code(name: &str) -> String {
    format!("`{}`", plain(&name.replace('`', "'")))
}

fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
