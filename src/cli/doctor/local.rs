//! The ledger's place and what the ledger says, read only.

use super::OFFLINE;
use crate::config::{Config, StateUrl};
use crate::store::{self, Ledger as Store, StoreError};
use doorward_core::doctor::Finding;
use doorward_core::doctor::machine::{self, Ledger};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::state::State;
use jiff::Timestamp;
use rustix::fs::Access;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How many entries are read at once.
const PAGE: i64 = 1000;

/// What is known of the ledger.
pub(super) struct Read {
    /// What that comes to.
    pub(super) findings: Vec<Finding>,
    /// What stands; none without a ledger.
    pub(super) state: Option<State>,
    /// The last denial of each source.
    pub(super) last: BTreeMap<String, Timestamp>,
}

/// Looks at the place and reads the ledger, if there is one.
pub(super) async fn read(config: &Config, offline: bool, now: Timestamp) -> Read {
    let mut read = Read {
        findings: Vec::new(),
        state: None,
        last: BTreeMap::new(),
    };
    // A place that cannot be read has been reported with the configuration.
    let Ok(url) = config.state.url() else {
        return read;
    };
    let mut facts = machine::Store {
        place: url.to_string(),
        unwritable: None,
        free: None,
        open_to_others: false,
        ledger: Ledger::None,
    };
    let there = match &url {
        StateUrl::Sqlite(path) => {
            look(path, &mut facts);
            path.exists() && std::fs::metadata(path).is_ok_and(|about| about.len() > 0)
        }
        StateUrl::Postgres(_) if offline => {
            facts.ledger = Ledger::Skipped(OFFLINE);
            false
        }
        StateUrl::Postgres(_) => true,
    };
    if there {
        facts.ledger = match fold(&url.expose(), &mut read, now).await {
            Ok(ledger) => ledger,
            // No ledger yet, on a server that answers.
            Err(StoreError::Server { brief, .. }) if brief.starts_with("There is no ledger") => {
                Ledger::None
            }
            Err(error) => Ledger::Unreadable(error.to_string()),
        };
    }
    read.findings = machine::store(&facts);
    read
}

/// Whether the file, or the folder that it will be made in, can be written, and how much room there is.
fn look(path: &Path, facts: &mut machine::Store) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    let existing = folder
        .ancestors()
        .find(|it| it.exists())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    let mut needed = vec![existing.clone()];
    if path.exists() {
        needed.push(path.to_owned());
    }
    for place in needed {
        if !place.is_dir() && place != path {
            facts.unwritable = Some(format!("`{}` is not a folder", place.display()));
        } else if let Err(error) = rustix::fs::access(&place, Access::WRITE_OK) {
            let error = std::io::Error::from(error);
            facts.unwritable = Some(format!("`{}`: {error}", place.display()));
        }
    }
    let space = rustix::fs::statvfs(&existing).ok();
    facts.free = space.map(|about| about.f_bavail.saturating_mul(about.f_frsize));
    let mode = std::fs::metadata(&folder).map(|about| about.permissions().mode());
    facts.open_to_others = mode.is_ok_and(|mode| mode & 0o077 != 0);
}

/// Reads the ledger from its first entry to its last.
async fn fold(url: &str, read: &mut Read, now: Timestamp) -> Result<Ledger, StoreError> {
    let ledger = Store::open_read_only(url).await?;
    let (pending, newer) = ledger.steps().await?;
    let (mut state, mut seq) = (State::default(), 0);
    if newer == 0 {
        loop {
            let entries = ledger.entries(seq, PAGE).await?;
            let Some(last) = entries.last() else { break };
            seq = last.seq;
            for entry in &entries {
                let what = store::what(entry)?;
                if let LedgerEvent::Denied(denied) = &what {
                    read.last.insert(denied.source.clone(), entry.at.min(now));
                }
                state.apply(entry.at, &what);
            }
        }
        read.state = Some(state);
    }
    Ok(Ledger::Readable {
        entries: seq,
        pending,
        newer,
    })
}
