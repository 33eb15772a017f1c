//! Entries of the ledger, from the database or from a running doorward.

use crate::cli::Failure;
use crate::cli::admin::Admin;
use crate::http::api::page::Page;
use crate::http::api::read::ledger::EntryView;
use crate::store::{self, Ledger as Store};
use anyhow::Context;
use doorward_core::ledger::event::LedgerEvent;
use jiff::Timestamp;

/// How many entries are read at once.
const PAGE: i64 = 500;

/// Where entries are read.
pub(in crate::cli) enum Reader {
    /// In the database.
    Database(Box<Store>),
    /// At a running doorward.
    Server(Admin),
}

/// An entry that was read.
pub(in crate::cli) struct Read {
    pub(in crate::cli) seq: i64,
    pub(in crate::cli) at: Timestamp,
    pub(in crate::cli) hash: String,
    pub(in crate::cli) what: LedgerEvent,
    /// The same as text.
    pub(in crate::cli) body: String,
}

impl Reader {
    /// The entries after `seq`, some at a time.
    pub(in crate::cli) async fn entries(&self, seq: i64) -> Result<Vec<Read>, Failure> {
        match self {
            Self::Database(ledger) => {
                let entries = ledger.entries(seq, PAGE).await;
                let entries = entries.map_err(anyhow::Error::new)?.into_iter();
                let read = entries.map(|entry| {
                    Ok::<_, Failure>(Read {
                        seq: entry.seq,
                        at: entry.at,
                        hash: entry.hash.to_string(),
                        what: store::what(&entry).map_err(anyhow::Error::new)?,
                        body: entry.body,
                    })
                });
                read.collect()
            }
            Self::Server(admin) => {
                let (after, limit) = (seq.to_string(), PAGE.to_string());
                let query = [("after", after.as_str()), ("limit", limit.as_str())];
                let page: Page<EntryView> = admin.page(&["ledger"], &query).await?;
                let read = page.items.into_iter().map(|entry| {
                    Ok::<_, Failure>(Read {
                        seq: entry.seq,
                        at: entry.at,
                        hash: entry.hash,
                        body: entry.entry.to_string(),
                        what: serde_json::from_value(entry.entry)
                            .context("the server writes entries that this version does not know")?,
                    })
                });
                read.collect()
            }
        }
    }
}
