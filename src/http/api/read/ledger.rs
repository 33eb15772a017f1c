//! `/api/v1/ledger`: what happened, oldest first.

use super::super::page::{Page, Paging, cursor};
use super::super::routes::Answer;
use crate::http::{HttpError, Web};
use crate::store;
use axum::Json;
use axum::extract::{Path, Query, State};
use doorward_core::ledger::event::{Entry, LedgerEvent};
use doorward_core::messages::ledger_line;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many entries are read at once, and how many one request looks at: a search that takes longer goes on at
/// its `next`.
const AT_ONCE: i64 = 500;
const LOOKED_AT: usize = 5_000;

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct EntryView {
    /// Its number.
    pub(crate) seq: i64,
    /// When it was written.
    pub(crate) at: Timestamp,
    /// What kind of thing happened.
    pub(crate) kind: String,
    /// In a line, for people.
    pub(crate) text: String,
    /// Its hash, which the next one is chained to.
    pub(crate) hash: String,
    /// The whole of it.
    #[schema(value_type = Object)]
    pub(crate) entry: serde_json::Value,
}

/// Which entries.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Which {
    /// Only entries of this kind.
    kind: Option<String>,
    /// Only entries that name this: an id, whole or in part, or an address.
    #[param(min_length = 4)]
    about: Option<String>,
    /// Only entries written then or later.
    since: Option<Timestamp>,
    /// Only entries after this number; instead of a cursor.
    #[param(minimum = 0)]
    after: Option<i64>,
}

impl EntryView {
    fn new(entry: &Entry) -> Result<Self, HttpError> {
        let what = store::what(entry)?;
        let whole = serde_json::to_value(&what).map_err(|_| HttpError::Internal)?;
        Ok(Self {
            seq: entry.seq,
            at: entry.at,
            kind: what.kind().to_owned(),
            text: ledger_line::line(&what),
            hash: entry.hash.to_string(),
            entry: whole,
        })
    }
}

impl Which {
    fn takes(&self, entry: &Entry) -> bool {
        let kind = |kind: &String| entry.body.contains(&format!("\"kind\":\"{kind}\""));
        self.kind.as_ref().is_none_or(kind)
            && self.since.is_none_or(|since| entry.at >= since)
            && self
                .about
                .as_ref()
                .is_none_or(|about| entry.body.contains(about.as_str()))
    }

    fn check(&self) -> Result<(), HttpError> {
        if let Some(kind) = &self.kind
            && !LedgerEvent::KINDS.contains(&kind.as_str())
        {
            let all = LedgerEvent::KINDS.join(", ");
            let what = format!("there are no entries of that kind; the kinds are {all}");
            return Err(HttpError::BadOrder(what));
        }
        if self.after.is_some_and(|after| after < 0) {
            let what = "entries are numbered from 1: `after` is 0 or more";
            return Err(HttpError::BadOrder(what.to_owned()));
        }
        if self.about.as_ref().is_some_and(|about| about.len() < 4) {
            let what = "give at least 4 characters of what entries name";
            return Err(HttpError::BadOrder(what.to_owned()));
        }
        Ok(())
    }
}

/// List entries of the ledger, oldest first. A page may have fewer than `limit`, or none, and a `next` still: the
/// search goes on there.
#[utoipa::path(get, path = "/ledger", tag = "ledger", params(Which, Paging),
    responses((status = 200, body = Page<EntryView>)))]
pub(in crate::http) async fn list(
    State(web): State<Web>,
    Query(which): Query<Which>,
    Query(paging): Query<Paging>,
) -> Answer<Page<EntryView>> {
    which.check()?;
    let limit = paging.limit()?;
    let after = match paging.after()? {
        None => which.after.unwrap_or(0),
        Some(key) => key.parse().map_err(|_| {
            let what = "`cursor` is what `next` of an earlier answer said, or left out";
            HttpError::BadOrder(what.to_owned())
        })?,
    };
    let (mut at, mut items, mut looked) = (after.max(0), Vec::new(), 0_usize);
    loop {
        let entries = web.app.ledger.entries(at, AT_ONCE).await?;
        if entries.is_empty() {
            return Ok(Json(Page { items, next: None }));
        }
        for entry in &entries {
            at = entry.seq;
            looked = looked.saturating_add(1);
            let before = items.len();
            if which.takes(entry) {
                let view = EntryView::new(entry)?;
                // A kind may stand elsewhere in a body too.
                if which.kind.as_ref().is_none_or(|kind| *kind == view.kind) {
                    items.push(view);
                }
            }
            let full = items.len() > before && items.len() >= limit;
            if full || looked >= LOOKED_AT {
                let more = web.app.ledger.as_of() > at;
                let next = more.then(|| cursor(&at.to_string()));
                return Ok(Json(Page { items, next }));
            }
        }
    }
}

/// Show an entry of the ledger.
#[utoipa::path(get, path = "/ledger/{seq}", tag = "ledger",
    params(("seq" = i64, Path, minimum = 1, description = "Its number")),
    responses((status = 200, body = EntryView)))]
pub(in crate::http) async fn show(
    State(web): State<Web>,
    Path(seq): Path<i64>,
) -> Answer<EntryView> {
    let found = web.app.ledger.entries(seq.saturating_sub(1), 1).await?;
    let found = found.first().filter(|entry| entry.seq == seq);
    let none = HttpError::NoSuch {
        what: "entry of the ledger",
        list: "doorward ledger show",
    };
    Ok(Json(EntryView::new(found.ok_or(none)?)?))
}
