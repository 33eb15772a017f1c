//! What operators are told of address sets, and how they confirm what was refused.

use super::book;
use crate::flow::app::App;
use crate::flow::orders::By;
use crate::store::StoreError;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::Policy;
use doorward_core::sets::{External, Kind, Ranges, Size};
use doorward_core::state::KnownSet;
use doorward_core::states::{SetFacts, SetState};
use doorward_core::yaml::problem::did_you_mean;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The least that a hash may be cut down to, in characters.
const SHORTEST_HASH: usize = 8;

/// A set, or a source of addresses that stands in a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listed {
    /// Its name; without one, what it is made of.
    pub name: String,
    /// What it is made of: `nat_gateway`.
    pub kind: String,
    /// How it is.
    #[schema(schema_with = crate::flow::view::states::words::set)]
    pub state: SetState,
    /// The same with its id, file or host.
    pub from: String,
    /// Whether nobody but its owner sends from there.
    pub owned: bool,
    /// How large it is; none if it was never loaded.
    #[schema(value_type = Option<Object>)]
    pub size: Option<Size>,
    /// The hash of its addresses, as verdicts name it.
    pub hash: Option<String>,
    /// When its source last said so.
    pub loaded_at: Option<Timestamp>,
    /// How long ago that is, in seconds.
    pub age_seconds: Option<i64>,
    /// Which edition of a list it is from.
    pub change_number: Option<u64>,
    /// When its source is asked next.
    pub next: Option<Timestamp>,
    /// Why its source could not be used the last time.
    pub error: Option<String>,
    /// What is odd about it.
    pub note: Option<String>,
    /// What its source says now and waits for a person.
    pub pending: Option<Pending>,
}

/// What waits to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pending {
    /// Its hash.
    pub hash: String,
    /// Since when.
    pub since: Timestamp,
    /// How large the set would be.
    #[schema(value_type = Object)]
    pub size: Size,
    /// What changes too much.
    pub reason: String,
}

/// What was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Confirmed {
    /// The set's name.
    pub name: String,
    /// The hash of what it may become.
    pub hash: String,
}

/// Why nothing was confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// There is no such set.
    #[error("there is no set `{name}` that is loaded from elsewhere: {hint}")]
    NoSet {
        /// The name given.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// Nothing of it was refused.
    #[error(
        "nothing of the set `{name}` waits to be confirmed: `doorward sets list` shows what does"
    )]
    NothingWaits {
        /// Its name.
        name: String,
    },
    /// Something else was refused.
    #[error(
        "what waits to be confirmed of the set `{name}` is {hash}, not that: look at it again, and confirm the whole hash or its first {SHORTEST_HASH} digits or more"
    )]
    Other {
        /// Its name.
        name: String,
        /// What waits.
        hash: String,
    },
    /// The ledger does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Every named set that has addresses of its own, and every source that rules name without one.
pub fn list(app: &App) -> Vec<Listed> {
    let policy = app.policy.load_full();
    let mut listed: Vec<Listed> = policy
        .needs()
        .iter()
        .map(|external| of_source(app, &policy, external))
        .collect();
    for (name, set) in &policy.sets {
        if let Kind::Cidrs { ranges, hash } = &set.kind {
            listed.push(of_policy(name, ranges, hash));
        }
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed
}

fn of_source(app: &App, policy: &Policy, external: &External) -> Listed {
    let now = app.clock.now();
    let sets = app.sets.load();
    let loaded = sets.get(external);
    let watch = book(app, |book| book.watches.get(external).cloned()).unwrap_or_default();
    let waits = waiting(app, external);
    Listed {
        name: policy.name_of(external),
        kind: external.kind().to_owned(),
        state: SetState::of(SetFacts {
            is_loaded: loaded.is_some(),
            has_failed: watch.error.is_some(),
            waits: waits.is_some(),
        }),
        from: external.to_string(),
        owned: external.is_owned(),
        size: loaded.map(|loaded| loaded.ranges.size()),
        hash: loaded.map(|loaded| loaded.hash.clone()),
        loaded_at: loaded.map(|loaded| loaded.loaded_at),
        age_seconds: loaded.map(|loaded| now.duration_since(loaded.loaded_at).as_secs()),
        change_number: loaded.and_then(|loaded| loaded.change_number),
        next: watch.due,
        error: watch.error,
        note: watch.note,
        pending: waits.map(|(since, hash, size, reason)| Pending {
            hash,
            since,
            size,
            reason,
        }),
    }
}

fn of_policy(name: &str, ranges: &Ranges, hash: &str) -> Listed {
    Listed {
        name: name.to_owned(),
        kind: "cidrs".to_owned(),
        state: SetState::Fresh,
        from: "the policy".to_owned(),
        owned: true,
        size: Some(ranges.size()),
        hash: Some(hash.to_owned()),
        loaded_at: None,
        age_seconds: None,
        change_number: None,
        next: None,
        error: None,
        note: None,
        pending: None,
    }
}

/// What waits to be confirmed of a source.
fn waiting(app: &App, external: &External) -> Option<(Timestamp, String, Size, String)> {
    app.ledger.read(|state| {
        let KnownSet { refused, .. } = state.sets.get(&external.to_string())?;
        let (since, candidate, reason) = refused.as_ref()?;
        Some((
            *since,
            candidate.hash.clone(),
            candidate.size,
            reason.clone(),
        ))
    })
}

/// Confirms what was refused. Its source is asked again at once, and what it says then counts if it is
/// just that.
pub async fn confirm(
    app: &App,
    name: &str,
    hash: &str,
    by: &By,
) -> Result<Confirmed, ConfirmError> {
    let policy = app.policy.load_full();
    let needs = policy.needs();
    let mut found = needs
        .iter()
        .filter(|external| policy.name_of(external) == name || external.to_string() == name);
    let Some(external) = found.next() else {
        let names: Vec<String> = needs.iter().map(|need| policy.name_of(need)).collect();
        let hint = did_you_mean(name, names.iter().map(String::as_str));
        return Err(ConfirmError::NoSet {
            name: name.to_owned(),
            hint: hint.unwrap_or_else(|| "`doorward sets list` shows them".to_owned()),
        });
    };
    let name = policy.name_of(external);
    let Some((_, waits, ..)) = waiting(app, external) else {
        return Err(ConfirmError::NothingWaits { name });
    };
    let digits = |hash: &str| hash.strip_prefix("sha256:").unwrap_or(hash).to_owned();
    let given = digits(hash);
    if given.len() < SHORTEST_HASH || !digits(&waits).starts_with(&given) {
        return Err(ConfirmError::Other { name, hash: waits });
    }
    let confirmed = LedgerEvent::SetConfirmed {
        set: external.to_string(),
        hash: waits.clone(),
        by: Some(by.actor()),
    };
    // The loop that the entry wakes must find the set due.
    let _alone = app.memory.sets_refresh.lock().await;
    let as_of = app.ledger.as_of();
    let still = waiting(app, external).is_some_and(|(_, hash, ..)| hash == waits);
    if !still {
        return Err(ConfirmError::NothingWaits { name });
    }
    let now = app.clock.now();
    app.ledger.append_as_of(now, as_of, vec![confirmed]).await?;
    book(app, |book| {
        book.next = None;
        if let Some(watch) = book.watches.get_mut(external) {
            watch.due = None;
        }
    });
    Ok(Confirmed { name, hash: waits })
}
