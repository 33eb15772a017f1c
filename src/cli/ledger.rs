//! `doorward ledger`: what happened, and whether it is still as it was written.

use super::{ConfigFile, Failure};
use crate::store::{self, Ledger as Store};
use clap::{Subcommand, ValueEnum};
use doorward_core::ledger::event::{Entry, LedgerEvent};
use doorward_core::messages::invisible::escaped;
use doorward_core::messages::{ledger_line, wording};
use doorward_core::yaml::problem::did_you_mean;
use std::io::Write;

/// How many entries are read at once.
const PAGE: i64 = 500;

/// What `doorward ledger` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Print the entries, oldest first
    Show(Show),
    /// Check that every entry follows from the one before it and that the database is as it was made, and print
    /// the last entry's hash
    Verify(Where),
}

/// Which ledger.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    #[command(flatten)]
    config: ConfigFile,
    /// The ledger's database, instead of the configuration's `state`; others on this machine can see it
    #[arg(long, value_name = "URL")]
    state: Option<String>,
}

/// What `doorward ledger show` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Where,
    /// Only entries of this kind: denied, decided, granted, opened, ended, …
    #[arg(long)]
    kind: Option<String>,
    /// Only entries after this number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: i64,
    /// Only entries that speak of this id, whole or in part
    #[arg(long, value_name = "ID")]
    about: Option<String>,
    /// How each entry is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for people
    Text,
    /// A JSON object a line, whole
    Json,
}

impl Ledger {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(show) => show.run().await,
            Self::Verify(which) => which.verify().await,
        }
    }
}

impl Where {
    async fn open(&self) -> Result<Store, Failure> {
        let url = match &self.state {
            Some(url) => url.clone(),
            None => crate::config::load(&self.config.config)
                .and_then(|config| config.state.url())
                .map_err(Failure::wrong_input)?
                .expose(),
        };
        Store::open_read_only(&url)
            .await
            .map_err(|error| anyhow::Error::new(error).into())
    }

    async fn verify(&self) -> Result<(), Failure> {
        let end = self
            .open()
            .await?
            .verify()
            .await
            .map_err(anyhow::Error::new)?;
        let (count, hash) = end.map_or((0, "none".to_owned()), |(seq, hash)| {
            (seq, hash.to_string())
        });
        let told = writeln!(
            std::io::stdout(),
            "the ledger is whole: {count} entries, last hash {hash}\nkeep that hash elsewhere: entries cut off at the end can be noticed only by it"
        );
        told.map_err(|error| anyhow::Error::new(error).into())
    }
}

impl Show {
    async fn run(self) -> Result<(), Failure> {
        if let Some(kind) = &self.kind
            && !LedgerEvent::KINDS.contains(&kind.as_str())
        {
            let what = format!("there are no entries of kind `{kind}`");
            let near = did_you_mean(kind, LedgerEvent::KINDS)
                .map_or(String::new(), |it| format!(": {it}"));
            let all = LedgerEvent::KINDS.join(", ");
            return Err(Failure::wrong_input(anyhow::anyhow!(
                "{what}{near}\nthe kinds are {all}"
            )));
        }
        let ledger = self.which.open().await?;
        let mut seq = self.after;
        let mut output = std::io::BufWriter::new(std::io::stdout());
        loop {
            let entries = ledger
                .entries(seq, PAGE)
                .await
                .map_err(anyhow::Error::new)?;
            let Some(last) = entries.last() else {
                return Ok(());
            };
            seq = last.seq;
            for entry in &entries {
                self.print(entry, &mut output)?;
            }
            if output.flush().is_err() {
                return Ok(());
            }
        }
    }

    fn print(&self, entry: &Entry, output: &mut impl Write) -> Result<(), Failure> {
        let what = store::what(entry).map_err(anyhow::Error::new)?;
        if self.kind.as_ref().is_some_and(|kind| kind != what.kind()) {
            return Ok(());
        }
        if self
            .about
            .as_ref()
            .is_some_and(|id| !entry.body.contains(id))
        {
            return Ok(());
        }
        let written = match self.output {
            Output::Text => writeln!(
                output,
                "{:>6}  {}  {:<14}  {}",
                entry.seq,
                wording::time(entry.at),
                what.kind(),
                escaped(&ledger_line::line(&what))
            ),
            Output::Json => {
                let hash = entry.hash.to_string();
                let whole = serde_json::json!({ "seq": entry.seq, "at": entry.at, "hash": hash, "entry": what });
                writeln!(output, "{}", escaped(&whole.to_string()))
            }
        };
        written.map_err(|error| anyhow::Error::new(error).into())
    }
}
