//! The whole story of something, as the ledger tells it.

use super::path;
use super::view::{Cell, Section};
use crate::flow::app::App;
use crate::flow::view::search::{self, Found, Query};
use crate::http::HttpError;
use doorward_core::ledger::event::{Entry, LedgerEvent};
use doorward_core::messages::ledger_line::line;
use doorward_core::messages::wording;

/// How many entries a story shows; the timeline goes on.
const LIMIT: usize = 40;

/// What the ledger says of anything that has one of these names, newest first.
pub(super) async fn found(app: &App, names: Vec<String>) -> Result<Found, HttpError> {
    let query = Query {
        any_of: names,
        limit: LIMIT,
        ..Query::default()
    };
    Ok(search::run(app, &query).await?)
}

/// An id as it stands in an entry by itself: a registry's id may hold another like it.
pub(super) fn whole(id: &impl std::fmt::Display) -> String {
    format!("\"{id}\"")
}

/// The part of a page that tells it.
pub(super) fn section(found: &Found, older: Option<String>) -> Section {
    let rows = found.entries.iter().map(|(entry, what)| row(entry, what));
    let section = Section::new("story", "Story", "The ledger says nothing of it.").table(
        "What the ledger says, newest first",
        &["Event", "Time", "What happened"],
        rows.collect(),
    );
    match older {
        Some(link) => section.more("All of it", link),
        None => section,
    }
}

/// An entry of the ledger as a row.
pub(super) fn row(entry: &Entry, what: &LedgerEvent) -> Vec<Cell> {
    let kind = what.kind().replace('_', " ");
    let name = match subject(what) {
        Some(link) => Cell::link(kind, link),
        None => Cell::text(kind),
    };
    let said = wording::capital(&line(what));
    vec![name, Cell::text(wording::time(entry.at)), Cell::text(said)]
}

/// The page of what an entry is about.
fn subject(what: &LedgerEvent) -> Option<String> {
    let grant = |id: &dyn std::fmt::Display| Some(format!("grants/{id}"));
    if let LedgerEvent::Granted(it) = what {
        grant(&it.id)
    } else if let LedgerEvent::Opened { grant: id, .. }
    | LedgerEvent::CoveredByExisting { grant: id, .. }
    | LedgerEvent::NotOpened { grant: id, .. }
    | LedgerEvent::Restoring { grant: id }
    | LedgerEvent::EndWaits { grant: id, .. }
    | LedgerEvent::Ended { grant: id, .. }
    | LedgerEvent::Revoked { grant: id, .. }
    | LedgerEvent::Extended { grant: id, .. }
    | LedgerEvent::Kept { grant: id, .. } = what
    {
        grant(id)
    } else if let LedgerEvent::GrantOutcome(it) = what {
        grant(&it.grant)
    } else if let LedgerEvent::Requested(it) = what {
        Some(format!("requests/{}", it.id))
    } else if let LedgerEvent::Answered { request, .. } = what {
        Some(format!("requests/{request}"))
    } else if let LedgerEvent::Denied(it) = what {
        Some(format!("denials/{}", it.id))
    } else if let LedgerEvent::Decided { denial, .. } = what {
        Some(format!("denials/{denial}"))
    } else if let LedgerEvent::Repeated { of, .. } = what {
        Some(format!("denials/{of}"))
    } else if let LedgerEvent::RegistrySeen { registry, .. }
    | LedgerEvent::Drifted { registry, .. }
    | LedgerEvent::WriteSettled { registry, .. } = what
    {
        Some(path("registries", registry.name()))
    } else {
        None
    }
}
