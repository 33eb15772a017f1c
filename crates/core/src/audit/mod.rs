//! What a ledger says of a span of time, for an auditor: what was opened for whom, by whom and why, for how long,
//! what stood past its end, what others changed, and what was refused.

mod fold;
mod markdown;
mod measures;

pub use fold::Fold;

use crate::ledger::id::GrantId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a ledger says of a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// From when.
    pub from: Timestamp,
    /// Until when, that instant not included.
    pub to: Timestamp,
    /// When this was made: what is open then is counted until then.
    pub made_at: Timestamp,
    /// The last entry of the span, if there is one up to there.
    pub last: Option<Link>,
    /// The end of the chain, as it was checked when this was made.
    pub head: Option<Link>,
    /// For how many seconds in all entries stood past their ends. What is promised is 0; reading shows an entry
    /// gone only seconds after it went.
    pub seconds_past_end: u64,
    /// The grants that were open at any time of the span, or decided in it.
    pub grants: Vec<AuditedGrant>,
    /// How many denials were refused, by what became of them and why.
    pub refusals: BTreeMap<String, u64>,
    /// What others changed.
    pub changes: Vec<Happened>,
    /// What people ordered.
    pub orders: Vec<Happened>,
}

/// An entry of the ledger, by which an auditor finds it and checks the chain up to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// A grant in an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedGrant {
    /// Its id.
    pub id: GrantId,
    /// The registry's name.
    pub registry: String,
    /// For whom.
    pub address: String,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Who decided: the policy, or a person.
    pub decided_by: String,
    /// The rule.
    pub rule: Option<String>,
    /// Why.
    pub why: String,
    /// What was refused before, in words.
    pub denial: String,
    /// When a read showed its entry; none if there never was one.
    pub opened_at: Option<Timestamp>,
    /// When it was to end, put off and revoked included.
    pub until: Timestamp,
    /// When a read showed its entry gone; none while it stands.
    pub ended_at: Option<Timestamp>,
    /// How it ended, or how it stands.
    pub state: String,
    /// For how many seconds its entry stood.
    pub seconds_open: u64,
    /// For how many of them after its end.
    pub seconds_past_end: u64,
    /// What people ordered about it.
    pub orders: Vec<String>,
}

/// Something that happened once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// The entry's number in the ledger.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What, in a line.
    pub what: String,
}

impl Audit {
    /// For how long its entries stood past their ends.
    pub fn past_end(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(self.seconds_past_end).unwrap_or(i64::MAX))
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        markdown::of(self)
    }
}
