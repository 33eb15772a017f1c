//! What the state is made of.

use super::bounded::Recent;
use super::effectiveness::GrantTimeline;
use super::history::Remembered;
use super::past_grants::Answered;
use crate::firewall::ObservedState;
use crate::firewall::owned_entries::OwnedEntries;
use crate::intake::dedup::DenialKey;
use crate::intake::report::Evidence;
use crate::ledger::actor::Actor;
use crate::ledger::event::{Denied, Write};
use crate::ledger::grant::{Grant, Stage};
use crate::ledger::id::{DenialId, GrantId, RequestId, WriteId};
use crate::ledger::request::{Answer, Given, Request};
use crate::messages::outcome::Trail;
use crate::messages::wording;
use crate::net::resource_id::ResourceId;
use crate::policy::precedent::Precedent;
use crate::policy::verdict::Verdict;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// How many entries of a registry are remembered as once ours.
const MOST_HELD: usize = 10_000;

/// A grant and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRecord {
    /// The grant.
    pub grant: Grant,
    /// How far it has come.
    pub stage: Stage,
    /// When it was decided.
    pub since: Timestamp,
    /// What people were last told of it, by the message's code; that its end waits, which stands in the
    /// ledger only, counts as such.
    pub notified_at: BTreeMap<String, Timestamp>,
    /// The denial that it answers, where it is known: what repeats it is recognised by this key.
    pub(crate) key: Option<DenialKey>,
    /// What it rests on: a grant for a status-403 row explains itself otherwise when it does not help.
    pub evidence: Evidence,
    /// What became of the caller.
    pub course: GrantTimeline,
    /// When its entry was to be written again after others had taken it away, newest last.
    pub restores: Vec<Timestamp>,
    /// Whether it is to be written again now.
    pub restoring: bool,
}

/// What is known of one registry's entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// The write that was begun and of which the outcome is not known.
    pub unsettled: Option<(Timestamp, Write)>,
    /// Entries that we wrote, or began to write: if they stand there, they are ours.
    pub claimed: OwnedEntries,
    /// Entries of ours in the list that a lost write was made from, and when it was begun: it may land
    /// late, and bring back what was taken away since.
    pub may_return: BTreeMap<Ipv4Net, Timestamp>,
    /// When grants were decided within the last hour, oldest first.
    pub granted: VecDeque<Timestamp>,
    /// The patience that Azure asked for last.
    pub throttled: Option<Throttle>,
    /// The latest change of it that a believed read showed.
    pub modified: Option<Timestamp>,
    /// The latest writes, newest first: Azure tells of them later.
    pub writes: VecDeque<WriteId>,
    /// Whether Azure lost its virtual network rules over a write of ours.
    pub networks: Option<Networks>,
    /// Which addresses were granted before.
    pub seen: Remembered,
    /// Which refusals grants that are over had answered.
    pub answered: Answered,
    /// The grants and requests that stand for an address.
    pub standing: BTreeMap<Ipv4Addr, (BTreeSet<GrantId>, BTreeSet<RequestId>)>,
    /// The entries that we ever held here, or began to write, as far as they are remembered.
    pub held: Recent<Ipv4Net, (), MOST_HELD>,
    /// When a grant for an address was last revoked, and for which denial it was: for a while it is
    /// not granted again.
    pub revoked: BTreeMap<Ipv4Addr, (Timestamp, DenialId)>,
    /// What reads have shown of it, and events told.
    pub sight: ObservedState,
    /// When people were last told something of the registry as such, by the message's code.
    pub notified_at: BTreeMap<String, Timestamp>,
}

/// Azure asked for patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Until when.
    pub until: Timestamp,
    /// What Azure said.
    pub reason: String,
}

/// What is known of a registry whose virtual network rules a write of ours has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Networks {
    /// Nobody has looked at it yet: nothing is added.
    Lost,
    /// A person has: entries are written again, but never while there are such rules.
    Seen,
}

/// A request, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// What a person said, and when.
    pub answer: Option<(Timestamp, Answer)>,
    /// Who that was, or by which way it came.
    pub by: Option<Actor>,
    /// How it was given.
    pub given: Option<Given>,
    /// Who has said yes where several people have to, the first one first.
    pub voices: Vec<Voice>,
    /// Whether nobody was sent it, since there were too many questions.
    pub withheld: bool,
    /// What became of the grant that a yes has made.
    pub trail: Option<Trail>,
    /// The verdict that led to it, for whoever looks at it and for what a yes leads to.
    pub decision: Option<Arc<Decision>>,
    /// What that verdict was made under.
    pub(crate) precedent: Option<Precedent>,
}

/// One person's yes of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub by: Actor,
    /// How it was given.
    pub given: Given,
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
    /// Whether a grant that stands asks for an address in `network`: one past its end too, until what
    /// becomes of its entry is known.
    pub fn needs(&self, network: Ipv4Net) -> bool {
        let inside = network.network()..=network.broadcast();
        let mut standing = self.standing.range(inside);
        standing.any(|(_, (grants, _))| !grants.is_empty())
    }

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
    /// A request that nobody has answered.
    pub fn new(request: Request, decision: Option<Arc<Decision>>) -> Self {
        Self {
            request,
            answer: None,
            by: None,
            given: None,
            voices: Vec::new(),
            withheld: false,
            trail: None,
            precedent: decision.as_deref().map(Precedent::of),
            decision,
        }
    }

    /// Whether it can still be answered.
    pub fn open(&self, now: Timestamp) -> bool {
        self.answer.is_none() && self.request.until > now
    }
}

impl GrantRecord {
    /// Whether its time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.grant.until <= now
    }

    /// When people were last told that nobody can tell whether its entry stands, if they have not been told
    /// since that somebody can.
    pub fn in_doubt(&self) -> Option<Timestamp> {
        let notified = |code: &str| self.notified_at.get(code).copied();
        let known = notified(wording::END_KNOWN).max(notified(wording::OVERDUE));
        notified(wording::END_UNKNOWN).filter(|doubt| known.is_none_or(|known| known < *doubt))
    }

    /// Whether an entry is to be written for it.
    pub fn waits_for_a_write(&self) -> bool {
        self.stage == Stage::Intended || self.restoring
    }

    /// Whether something is to be done for it: to open it, or to bring it to its end.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.waits_for_a_write() || self.is_over(now)
    }
}
