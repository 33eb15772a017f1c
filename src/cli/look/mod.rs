//! Looking at a running doorward: `doorward get`, `describe`, and the same by the names of things.

mod answers;
pub(super) mod audit;
mod kinds;
pub(super) mod reader;
mod table;

use super::Failure;
use super::admin::{Admin, Output};
use crate::http::api::page::Page;
use answers::{Approve, Deny};
use clap::Subcommand;
use clock::Clock;
use doorward_core::messages::wording;
use doorward_core::yaml::duration;
use jiff::{SignedDuration, Timestamp};
use kinds::Kind;
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

/// How often `--watch` looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What `doorward get` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// What to list: grants, requests, denials, registries, sources, sets, rules
    #[arg(value_name = "KIND", value_parser = kinds::named)]
    kind: &'static Kind,
    /// Only this one: its id, name or address
    name: Option<String>,
    #[command(flatten)]
    how: How,
}

/// What `doorward describe` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Describe {
    /// What it is: grant, request, denial, registry, source, set, rule
    #[arg(value_name = "KIND", value_parser = kinds::named)]
    kind: &'static Kind,
    /// Its id, name or address
    name: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// How a list is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// Only those of this registry: its name
    #[arg(long)]
    registry: Option<String>,
    /// Only those in this state
    #[arg(long)]
    state: Option<String>,
    /// Only those since then: a time (2026-11-22T12:00:00Z), or how long ago (1h)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// Show it again whenever it has changed, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// Which single thing.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// Its id, name or address
    name: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward requests` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Requests {
    /// List requests: those that wait, the one that lapses first before the others
    List(How),
    /// Show a request, by its id or the address that it is for
    Show(One),
    /// Approve a request: shows what that opens, and asks whether it is meant
    Approve(Approve),
    /// Deny a request: nothing is opened
    Deny(Deny),
}

/// What `doorward registries` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Registries {
    /// List the enrolled registries
    List(How),
    /// Show a registry, by its name, login server or resource id
    Show(One),
}

/// What `doorward denials` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Denials {
    /// List the denials that wait for a verdict, and the latest 50 that have one: all are in `ledger show`
    List(How),
    /// Show one of them, by its id
    Show(One),
}

/// From when on.
#[derive(Clone, Copy, Debug)]
enum Since {
    Ago(Duration),
    At(Timestamp),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(at) = text.parse() {
        return Ok(Since::At(at));
    }
    let ago = duration::parse(text).map(Since::Ago);
    ago.map_err(|error| format!("{error}; {}", duration::HINT))
}

impl Since {
    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => SignedDuration::try_from(ago)
                .ok()
                .and_then(|ago| now.checked_sub(ago).ok())
                .unwrap_or(Timestamp::MIN),
        }
    }
}

impl Get {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.name {
            Some(name) => show(self.kind, &name, &self.how.output, &self.how.admin).await,
            None => self.how.list(self.kind).await,
        }
    }
}

impl Describe {
    pub(super) async fn run(self) -> Result<(), Failure> {
        show(self.kind, &self.name, &self.output, &self.admin).await
    }
}

impl One {
    async fn show(self, kind: &Kind) -> Result<(), Failure> {
        show(kind, &self.name, &self.output, &self.admin).await
    }
}

impl Requests {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(how) => how.list(&kinds::REQUESTS).await,
            Self::Show(one) => one.show(&kinds::REQUESTS).await,
            Self::Approve(approve) => approve.run().await,
            Self::Deny(deny) => deny.run().await,
        }
    }
}

impl Registries {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(how) => how.list(&kinds::REGISTRIES).await,
            Self::Show(one) => one.show(&kinds::REGISTRIES).await,
        }
    }
}

impl Denials {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(how) => how.list(&kinds::DENIALS).await,
            Self::Show(one) => one.show(&kinds::DENIALS).await,
        }
    }
}

impl How {
    async fn list(&self, kind: &Kind) -> Result<(), Failure> {
        if let Some(state) = &self.state {
            kind.check_state(state)?;
        }
        let clock = Clock::system();
        let mut before: Option<Vec<Value>> = None;
        loop {
            let found = self.found(kind, clock.now()).await?;
            if before.as_ref() != Some(&found.items) {
                if before.is_some() && self.output.is_table() {
                    let line = format!("\n{}\n", wording::time(clock.now()));
                    let told = std::io::stdout().write_all(line.as_bytes());
                    told.map_err(anyhow::Error::new)?;
                }
                let wide = self.output.is_wide();
                self.output
                    .print(&found, || table::of(kind, &found.items, wide))?;
                capped(&found, kind);
                before = Some(found.items);
            }
            if !self.watch {
                return Ok(());
            }
            clock.sleep(LOOK_EVERY).await;
        }
    }

    async fn found(&self, kind: &Kind, now: Timestamp) -> Result<Page<Value>, Failure> {
        let mut found: Page<Value> = self.admin.all(&[kind.plural], &[]).await?;
        let is = |item: &Value, name: &str, wanted: Option<&String>| {
            let value = item.get(name).and_then(Value::as_str);
            wanted
                .as_ref()
                .is_none_or(|wanted| value.is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
        };
        let from = self.since.map(|since| since.at(now));
        let time = |item: &Value| {
            let at = item.get("since").or_else(|| item.get("at"))?;
            at.as_str()?.parse::<Timestamp>().ok()
        };
        found.items.retain(|item| {
            let own = if kind.plural == "registries" {
                "name"
            } else {
                "registry"
            };
            is(item, own, self.registry.as_ref())
                && is(item, "state", self.state.as_ref())
                && from.is_none_or(|from| time(item).is_none_or(|at| at >= from))
        });
        Ok(found)
    }
}

/// Says on standard error where a list was too long to be shown whole.
fn capped(found: &Page<Value>, kind: &Kind) {
    if found.next.is_some() {
        let shown = found.items.len();
        let what = format!("only the first {shown} {} are shown\n", kind.plural);
        // Nothing is left to be done if standard error is closed.
        std::io::stderr().write_all(what.as_bytes()).ok();
    }
}

async fn show(kind: &Kind, name: &str, output: &Output, admin: &Admin) -> Result<(), Failure> {
    let found: Value = admin.get(&[kind.plural, name]).await?;
    output.print(&found, || table::whole(&found))
}
