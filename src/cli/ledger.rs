//! `doorward ledger`: what happened, and whether it is still as it was written.

use super::admin::Admin;
use super::look::reader::{Read, Reader};
use super::{ConfigFile, Failure};
use crate::store::Ledger as Store;
use clap::{Subcommand, ValueEnum};
use clock::Clock;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::invisible::escaped;
use doorward_core::messages::{ledger_line, wording};
use doorward_core::yaml::duration;
use doorward_core::yaml::problem::did_you_mean;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use std::collections::HashSet;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How often what others write is looked for.
const LOOK: Duration = Duration::from_millis(500);

/// What `doorward ledger` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Print the entries, oldest first
    Show(Box<Show>),
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
    /// Ask a running doorward at its admin listener, instead of the database
    #[arg(long, value_name = "URL", conflicts_with = "state")]
    server: Option<Url>,
    /// A file with that listener's token; else it is read from `DOORWARD_ADMIN_TOKEN`
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    /// Only entries of this kind: denied, decided, granted, opened, ended, …
    #[arg(long)]
    kind: Option<String>,
    /// Only entries after this number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: i64,
    /// Only entries that speak of this id, whole or in part
    #[arg(long, value_name = "ID")]
    about: Option<String>,
    /// Only entries about this address: its denials, and what followed from them
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// Only entries since then: a time (2026-11-22T12:00:00Z), or how long ago (1h)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// How each entry is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
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

/// The entries about one address: those that name it, and those that name what began with these.
struct Trail {
    address: String,
    ids: HashSet<String>,
}

impl Trail {
    fn of(address: IpAddr) -> Self {
        Self {
            address: address.to_string(),
            ids: HashSet::new(),
        }
    }

    /// Whether an entry belongs to it; what an entry of it begins does from then on.
    fn takes(&mut self, what: &LedgerEvent, body: &str) -> bool {
        let Self { address, ids } = self;
        let named =
            body.contains(&format!("\"{address}\"")) || body.contains(&format!("\"{address}/32\""));
        if !named && !ids.iter().any(|id| body.contains(id.as_str())) {
            return false;
        }
        ids.extend(match what {
            LedgerEvent::Denied(denied) => Some(denied.id.to_string()),
            LedgerEvent::Granted(grant) => Some(grant.id.to_string()),
            LedgerEvent::Requested(request) => Some(request.id.to_string()),
            LedgerEvent::Alerted(alert) => Some(alert.id.to_string()),
            _ => None,
        });
        true
    }
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
    pub(super) async fn open(&self) -> Result<Store, Failure> {
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
        let reader = match &self.server {
            None => Reader::Database(Box::new(self.which.open().await?)),
            Some(url) => Reader::Server(Admin::at(url.clone(), self.token_file.clone())),
        };
        let clock = Clock::system();
        let from = self.since.map(|since| match since {
            Since::At(at) => at,
            Since::Ago(ago) => SignedDuration::try_from(ago)
                .ok()
                .and_then(|ago| clock.now().checked_sub(ago).ok())
                .unwrap_or(Timestamp::MIN),
        });
        let mut trail = self.address.map(Trail::of);
        let mut seq = self.after;
        let mut output = std::io::BufWriter::new(std::io::stdout());
        loop {
            let entries = reader.entries(seq).await?;
            match entries.last() {
                Some(last) => seq = last.seq,
                None if self.follow => clock.sleep(LOOK).await,
                None => return Ok(()),
            }
            for entry in &entries {
                // What came before `--since` is still what later entries follow from.
                let belongs = trail
                    .as_mut()
                    .is_none_or(|trail| trail.takes(&entry.what, &entry.body));
                if belongs && from.is_none_or(|from| entry.at >= from) {
                    self.print(entry, &mut output)?;
                }
            }
            if output.flush().is_err() {
                return Ok(());
            }
        }
    }

    fn print(&self, entry: &Read, output: &mut impl Write) -> Result<(), Failure> {
        let what = &entry.what;
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
                escaped(&ledger_line::line(what))
            ),
            Output::Json => {
                let hash = &entry.hash;
                let whole = serde_json::json!({ "seq": entry.seq, "at": entry.at, "hash": hash, "entry": what });
                writeln!(output, "{}", escaped(&whole.to_string()))
            }
        };
        written.map_err(|error| anyhow::Error::new(error).into())
    }
}
