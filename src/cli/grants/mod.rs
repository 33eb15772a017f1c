//! `doorward grants`, `revoke`, `pause`, `resume`: operators' orders to a running doorward.

pub(super) mod pausing;

use super::Failure;
use super::admin::{Admin, By, Output};
use crate::http::api::page::Page;
use crate::http::api::wire;
use crate::http::api::wire::{GrantView, StoppedView};
use clap::Subcommand;
use doorward_core::messages::wording;
use doorward_core::yaml::duration;
use jiff::SignedDuration;
use pausing::pauses;
use std::io::{BufRead, IsTerminal, Write};
use std::net::IpAddr;
use std::time::Duration;

/// What `doorward grants` does. A grant is named by its address, its id, or the beginning or end of it.
#[derive(Debug, Subcommand)]
pub(crate) enum Grants {
    /// List the grants that stand, soonest end first
    List(List),
    /// Show one grant
    Show(Show),
    /// End grants now: their entries are taken away at once
    Revoke(Revoke),
    /// Put a grant's end off, within `max_ttl` of its start
    Extend(Extend),
    /// Hand a grant's entry over to people: it stays, and doorward will not remove it
    Keep(Keep),
}

/// What `doorward grants list` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only those of this registry: its resource id, name or login server
    #[arg(long)]
    registry: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward grants show` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The grant: its id, or its address
    #[arg(value_name = "GRANT")]
    id: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward grants revoke` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The grants, by id or by address: an address means all that stand for it
    #[arg(required = true, value_name = "GRANT")]
    ids: Vec<String>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward grants extend` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Extend {
    /// The grant: its id, or its address
    #[arg(value_name = "GRANT")]
    id: String,
    /// How long from now it stands: `90m`, `2h`
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    time: Duration,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward grants keep` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Keep {
    /// The grant: its id, or its address
    #[arg(value_name = "GRANT")]
    id: String,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward revoke` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeAll {
    /// Every grant that stands; single ones are revoked by `doorward grants revoke`
    #[arg(long, required = true)]
    all: bool,
    /// Only those of this registry: its resource id, name or login server
    #[arg(long)]
    registry: Option<String>,
    /// Do not ask whether this is meant
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward verdicts` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Verdicts {
    /// Let the next denial of an address be decided anew: what was decided, a person's no and that a grant
    /// was revoked stand for it no longer
    Clear(ClearVerdicts),
}

/// What `doorward verdicts clear` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ClearVerdicts {
    /// The refused address
    address: IpAddr,
    /// Only on this registry: its resource id, name or login server
    #[arg(long)]
    registry: Option<String>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

impl Verdicts {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self::Clear(clear) = self;
        let address = clear.address;
        let order = wire::ClearVerdicts {
            address,
            registry: clear.registry,
            by: clear.because.by.name,
            because: clear.because.because,
        };
        let done: wire::Cleared = clear.admin.post(&["verdicts", "clear"], &order).await?;
        clear.output.print(&done, || {
            format!("the next denial of `{address}` is decided anew\n")
        })
    }
}

/// Who orders, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Because {
    #[command(flatten)]
    pub(super) by: By,
    /// Why, for the ledger
    #[arg(long, visible_alias = "reason")]
    pub(super) because: Option<String>,
}

impl Grants {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List {
                registry,
                output,
                admin,
            }) => {
                let found: Page<GrantView> = admin.all_of(&["grants"], registry.as_ref()).await?;
                // Programs ask for it themselves.
                let closed: Option<wire::Pauses> = if output.is_table() {
                    Some(admin.get(&["pauses"]).await?)
                } else {
                    None
                };
                output.print(&found, || {
                    let closed = closed
                        .as_ref()
                        .map(|it| pauses(&it.paused) + &stopped(&it.stopped));
                    closed.unwrap_or_default() + &table(&found.items, "no grant stands")
                })
            }
            Self::Show(Show { id, output, admin }) => {
                let grant: GrantView = admin.get(&["grants", &id]).await?;
                output.print(&grant, || whole(&grant))
            }
            Self::Revoke(Revoke {
                ids,
                because,
                output,
                admin,
            }) => {
                let order = because.revoke(ids);
                revoke(&order, &output, &admin).await
            }
            Self::Extend(extend) => extend.run().await,
            Self::Keep(keep) => keep.run().await,
        }
    }
}

impl Extend {
    async fn run(self) -> Result<(), Failure> {
        let order = wire::Extend {
            seconds: self.time.as_secs(),
            by: self.because.by.name,
            because: self.because.because,
        };
        let path = ["grants", &self.id, "extend"];
        let done: wire::Extended = self.admin.post(&path, &order).await?;
        self.output.print(&done, || {
            let (address, until) = (&done.grant.address, wording::time(done.grant.until));
            let cut = done.max_ttl_seconds.map_or_else(String::new, |seconds| {
                let (wanted, most) = (duration::Show(self.time), duration::Show(Duration::from_secs(seconds)));
                format!(
                    ", not for {wanted}: nothing is open for longer than `max_ttl`, {most}, after its start"
                )
            });
            format!("`{address}` stands until {until}{cut}\n")
        })
    }
}

impl Keep {
    async fn run(self) -> Result<(), Failure> {
        let order = wire::Keep {
            by: self.because.by.name,
            because: self.because.because,
        };
        let path = ["grants", &self.id, "keep"];
        let grant: GrantView = self.admin.post(&path, &order).await?;
        self.output.print(&grant, || {
            format!(
                "the entry for `{}` stays on `{}`: it is yours now, and doorward will not remove it\n",
                grant.address, grant.registry
            )
        })
    }
}

impl RevokeAll {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let registry = self.registry.as_ref();
        let found: Page<GrantView> = self.admin.all_of(&["grants"], registry).await?;
        let on = registry.map_or_else(
            || "on all registries".to_owned(),
            |registry| format!("on `{registry}`"),
        );
        if !self.yes {
            confirm(&format!("Revoke all {} grants {on}?", found.items.len()))?;
        }
        let order = wire::Revoke {
            all: true,
            registry: self.registry,
            ..self.because.revoke(Vec::new())
        };
        revoke(&order, &self.output, &self.admin).await
    }
}

impl Because {
    /// The order to revoke these.
    fn revoke(self, grants: Vec<String>) -> wire::Revoke {
        wire::Revoke {
            grants,
            all: false,
            registry: None,
            by: self.by.name,
            because: self.because,
        }
    }
}

async fn revoke(order: &wire::Revoke, output: &Output, admin: &Admin) -> Result<(), Failure> {
    let done: wire::Revoked = admin.post(&["grants", "revoke"], order).await?;
    output.print(&done, || {
        let each = done.revoked.iter().map(|grant| {
            let (address, registry) = (&grant.address, &grant.registry);
            format!("revoked `{address}` on `{registry}` ({})\n", grant.id)
        });
        let told = each.collect::<Vec<_>>().concat();
        if told.is_empty() {
            "nothing was revoked\n".to_owned()
        } else {
            told
        }
    })?;
    if done.refused.is_empty() {
        return Ok(());
    }
    let refused = done.refused.iter();
    let refused: Vec<String> = refused.map(|refused| refused.error.clone()).collect();
    Err(anyhow::anyhow!("{}", refused.join("\n")).into())
}

/// Asks whoever sits at the terminal.
pub(super) fn confirm(question: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let what = "nobody can be asked whether this is meant: add `--yes`";
        return Err(Failure::wrong_input(anyhow::anyhow!(what)));
    }
    let mut stderr = std::io::stderr();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    asked.map_err(anyhow::Error::new)?;
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(anyhow::Error::new)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(anyhow::anyhow!("nothing was done").into()),
    }
}

fn stopped(stopped: &[StoppedView]) -> String {
    let each = stopped
        .iter()
        .map(|it| format!("stopped: {}: {}\n", it.registry, it.text));
    each.collect()
}

/// Columns as wide as what is in them.
fn table(grants: &[GrantView], none: &str) -> String {
    if grants.is_empty() {
        return format!("{none}\n");
    }
    let head = [
        "ID", "REGISTRY", "ADDRESS", "STATE", "LEFT", "UNTIL", "RULE",
    ]
    .map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head)
        .chain(grants.iter().map(row))
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(grant: &GrantView) -> [String; 7] {
    [
        grant.id.to_string(),
        grant.registry.clone(),
        grant.address.clone(),
        grant.state.to_string(),
        left(grant),
        wording::time(grant.until),
        grant.rule.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

fn left(grant: &GrantView) -> String {
    wording::duration(SignedDuration::from_secs(grant.seconds_left))
}

/// One grant, a line for each thing that is known of it.
fn whole(grant: &GrantView) -> String {
    let none = || "-".to_owned();
    let lines = [
        ("id", grant.id.to_string()),
        ("registry", grant.registry_id.clone()),
        ("address", grant.address.clone()),
        ("state", grant.state.to_string()),
        ("since", wording::time(grant.since)),
        (
            "until",
            format!("{} ({} left)", wording::time(grant.until), left(grant)),
        ),
        ("rule", grant.rule.clone().unwrap_or_else(none)),
        ("denial", grant.denial.clone()),
        ("request", grant.request.clone().unwrap_or_else(none)),
        (
            "history",
            format!("doorward ledger show --about {}", grant.id),
        ),
    ];
    let line = |(name, value): (&str, String)| format!("{name:<9} {value}\n");
    lines.into_iter().map(line).collect()
}
