//! What the state is made of.

use crate::domain::claims::Claims;
use crate::domain::event::Evidence;
use crate::domain::grant::{Grant, Stage};
use crate::domain::id::{DenialId, GrantId, RequestId, WriteId};
use crate::domain::ledger::{Denied, Write};
use crate::domain::repeat::DenialKey;
use crate::domain::request::{Answer, Request};
use crate::domain::resource_id::ResourceId;
use crate::domain::seen::Remembered;
use crate::domain::verdict::Verdict;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

/// A grant and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The grant.
    pub grant: Grant,
    /// How far it has come.
    pub stage: Stage,
    /// When it was decided.
    pub since: Timestamp,
    /// What people were last told of it, by the message's code.
    pub told: BTreeMap<String, Timestamp>,
    /// What it rests on: a grant for a status-403 row explains itself otherwise when it does not help.
    pub evidence: Evidence,
}

/// What is known of one registry's entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// The write that was begun and of which the outcome is not known.
    pub unsettled: Option<(Timestamp, Write)>,
    /// Entries that we wrote, or began to write: if they stand there, they are ours.
    pub claimed: Claims,
    /// When grants were decided within the last hour, oldest first.
    pub granted: VecDeque<Timestamp>,
    /// The latest change of it that a read after a write of ours showed.
    pub modified: Option<Timestamp>,
    /// The latest writes, newest first: Azure tells of them later.
    pub writes: VecDeque<WriteId>,
    /// Which addresses were granted before.
    pub seen: Remembered,
    /// The grants and requests that stand for an address.
    pub standing: BTreeMap<Ipv4Addr, (BTreeSet<GrantId>, BTreeSet<RequestId>)>,
    /// Whether breadcrumbs told of entries here.
    pub recovered: bool,
    /// When a grant for an address was last revoked, and for which denial it was: for a while it is
    /// not granted again.
    pub revoked: BTreeMap<Ipv4Addr, (Timestamp, DenialId)>,
}

/// A request, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// What a person said, and when.
    pub answer: Option<(Timestamp, Answer)>,
    /// What was denied, for recognising a repeat after a no.
    pub(super) key: Option<DenialKey>,
}

/// A verdict as the operator page shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The denial.
    pub denial: Denied,
    /// The registry, where it is known.
    pub registry: Option<ResourceId>,
    /// What policy said.
    pub verdict: Verdict,
}

impl Registry {
    pub(super) fn drop_empty(&mut self, address: Ipv4Addr) {
        let empty = |(grants, requests): &(BTreeSet<_>, BTreeSet<_>)| {
            grants.is_empty() && requests.is_empty()
        };
        if self.standing.get(&address).is_some_and(empty) {
            self.standing.remove(&address);
        }
    }
}

impl Asked {
    /// Whether it can still be answered.
    pub fn open(&self, now: Timestamp) -> bool {
        self.answer.is_none() && self.request.until > now
    }
}

impl Standing {
    /// Whether its time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.grant.until <= now
    }

    /// Whether something is to be done for it: to open it, or to bring it to its end.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.stage == Stage::Intended || self.is_over(now)
    }
}
