//! A verdict that stands for denials like its own, and what it was made under: when that has changed, the
//! next denial is decided anew.

use super::Basis;
use super::verdict::{NoteCode, Verdict};
use crate::ledger::event::Denied;
use crate::ledger::grant::Grant;
use crate::ledger::id::DenialId;
use crate::net::resource_id::ResourceId;
use crate::state::Decision;
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;

/// How long a verdict stands at least that repeats one with the same passing cause, and how long it is
/// between two looks at a cause of which nothing is known.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// A verdict that stands for denials like its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Precedent {
    /// When it was made.
    pub at: Timestamp,
    /// The denial.
    pub denial: DenialId,
    /// Who was refused.
    pub address: Option<IpAddr>,
    /// The registry, where it was known.
    pub registry: Option<ResourceId>,
    /// Why it opened less than it may when these have passed.
    pub causes: Vec<NoteCode>,
    /// What policy and sets said of the address.
    pub basis: Option<Basis>,
    /// When somebody last looked whether its causes have passed.
    looked: Timestamp,
    /// Whether the verdict before it had the same causes: one that comes and goes makes no flood.
    again: bool,
}

impl Precedent {
    /// The verdict of `at` on a denial.
    pub fn new(
        at: Timestamp,
        denied: &Denied,
        registry: Option<&ResourceId>,
        verdict: &Verdict,
    ) -> Self {
        let codes = verdict.notes.iter().map(|note| note.code);
        Self {
            at,
            denial: denied.id,
            address: denied.report.denial.ip.map(|ip| ip.to_canonical()),
            registry: registry.cloned(),
            causes: codes.filter(|code| code.passes()).collect(),
            basis: verdict.basis,
            looked: at,
            again: false,
        }
    }

    /// The same of a verdict that stands already.
    pub fn of(decision: &Decision) -> Self {
        let registry = decision.registry.as_ref();
        Self::new(decision.at, &decision.denial, registry, &decision.verdict)
    }

    /// A person said no at `at`: that stands whatever changes.
    pub fn no(at: Timestamp, decision: &Decision) -> Self {
        Self {
            causes: Vec::new(),
            basis: None,
            at,
            ..Self::of(decision)
        }
    }

    /// At `at` an entry of others was found to admit a grant's address.
    pub fn satisfied(at: Timestamp, grant: &Grant) -> Self {
        Self {
            at,
            denial: grant.denial,
            address: Some(IpAddr::V4(grant.address.get())),
            registry: Some(grant.registry.clone()),
            causes: vec![NoteCode::AlreadyCovered],
            basis: None,
            looked: at,
            again: false,
        }
    }

    /// The same where `before` was the verdict on its like.
    #[must_use]
    pub fn after(mut self, before: Option<&Self>) -> Self {
        self.again = before.is_some_and(|before| {
            let soon = self.at.duration_since(before.at) < LOOK_AGAIN;
            soon && self.causes.iter().any(|code| before.causes.contains(code))
        });
        self
    }

    /// Whether it is younger than `window`.
    pub fn stands(&self, now: Timestamp, window: SignedDuration) -> bool {
        now.duration_since(self.at) < window
    }

    /// Whether it is about this address, on this registry or on any.
    pub fn is_of(&self, address: IpAddr, registry: Option<&ResourceId>) -> bool {
        let same = self.address == Some(address.to_canonical());
        same && registry.is_none_or(|only| self.registry.as_ref() == Some(only))
    }

    /// Whether it may be thought over at `now`: a cause that comes and goes is looked at once a minute.
    pub fn may_be_reopened(&self, now: Timestamp) -> bool {
        !self.again || now.duration_since(self.at) >= LOOK_AGAIN
    }

    /// Whether it is time to look at a cause of which nothing is known.
    pub fn may_be_looked_at(&self, now: Timestamp) -> bool {
        now.duration_since(self.looked) >= LOOK_AGAIN
    }

    /// Somebody looked at `at`, and it stands: on this basis, where another one was found.
    pub fn look(&mut self, at: Timestamp, basis: Option<Basis>) {
        self.looked = self.looked.max(at);
        self.basis = basis.or(self.basis);
    }
}
