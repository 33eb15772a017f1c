//! `doorward sets`: what the address sets of a running doorward hold, and what waits to be confirmed.

use super::Failure;
use super::admin::{Admin, By, Output};
use crate::flow::sets::{Confirmed, Listed};
use crate::http::api::page::Page;
use crate::http::api::wire::Confirm;
use clap::Subcommand;
use doorward_core::messages::wording;
use jiff::SignedDuration;

/// What `doorward sets` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Sets {
    /// Show every address set: how large, how old, and what waits to be confirmed
    List(List),
    /// Let a set become what was refused since it changes too much
    Confirm(ConfirmSet),
}

/// What `doorward sets list` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

/// What `doorward sets confirm` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfirmSet {
    /// The set's name, as `sets list` shows it
    #[arg(value_name = "NAME")]
    set: String,
    /// The hash of what it may become, or its first 8 digits or more
    hash: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    admin: Admin,
}

impl Sets {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Confirm(confirm) => confirm.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let listed: Page<Listed> = self.admin.all(&["sets"], &[]).await?;
        self.output.print(&listed, || {
            let mut sets: Vec<String> = listed.items.iter().flat_map(lines).collect();
            sets.push(String::new());
            sets.join("\n")
        })
    }
}

impl ConfirmSet {
    async fn run(self) -> Result<(), Failure> {
        let order = Confirm {
            name: self.set,
            hash: self.hash,
            by: self.by.name,
        };
        let confirmed: Confirmed = self.admin.post(&["sets", "confirm"], &order).await?;
        self.output.print(&confirmed, || {
            format!(
                "`{}` may become {}: its source is asked again now, and counts if it still says that\n",
                confirmed.name, confirmed.hash
            )
        })
    }
}

/// A set in some lines.
fn lines(set: &Listed) -> Vec<String> {
    let owned = if set.owned { "owned" } else { "shared" };
    let size = set.size.map_or_else(
        || "never loaded, matches nothing".to_owned(),
        |size| size.to_string(),
    );
    let mut lines = vec![format!("{}  {} ({owned}): {size}", set.name, set.kind)];
    if set.from != set.name {
        lines.push(format!("  from      {}", set.from));
    }
    if let Some(hash) = &set.hash {
        lines.push(format!("  hash      {hash}"));
    }
    if let (Some(at), Some(age)) = (set.loaded_at, set.age_seconds) {
        let age = wording::duration(SignedDuration::from_secs(age));
        lines.push(format!("  loaded    {} ({age} ago)", wording::time(at)));
    }
    if let Some(number) = set.change_number {
        lines.push(format!("  edition   changeNumber {number}"));
    }
    if let Some(next) = set.next {
        lines.push(format!("  next      {}", wording::time(next)));
    }
    for (what, text) in [("error", &set.error), ("note", &set.note)] {
        if let Some(text) = text {
            lines.push(format!("  {what:<9} {text}"));
        }
    }
    if let Some(waits) = &set.pending {
        lines.push(format!(
            "  waits     {} since {}: {}\n            doorward sets confirm {} {}",
            waits.size,
            wording::time(waits.since),
            waits.reason,
            set.name,
            waits.hash
        ));
    }
    lines
}
