//! What stands: the ledger's entries folded, one after the other, into what is still to be done.
//!
//! There is no other memory. Whatever the program knows about grants, requests, writes and messages
//! is here, and is the same again after a restart.

pub mod bounded;
mod decisions;
pub mod effectiveness;
mod grant_history;
pub mod history;
mod late;
mod observed;
mod orders;
pub mod past_grants;
mod pruning;
pub mod questions;
pub mod readiness;
mod records;
mod request_progress;
mod sets;

pub use late::{Known, LastRead, Late};
pub use records::{Asked, Decision, GrantRecord, Networks, Registry, Throttle, Voice};
pub use sets::{KnownSet, KnownSets};

use crate::firewall::owned_entries::MAY_LAND_WITHIN;
use crate::intake::admission::AdmissionWindow;
use crate::intake::dedup::{DenialKey, key};
use crate::intake::report::Evidence;
use crate::ledger::alert::Alert;
use crate::ledger::event::{Denied, LedgerEvent, Write, WriteOutcome};
use crate::ledger::feed::FeedPositions;
use crate::ledger::grant::{Ending, Grant, Stage};
use crate::ledger::id::{AlertId, DenialId, GrantId, RequestId, WriteId};
use crate::ledger::orders::Pauses;
use crate::messages::routing::deliveries::Deliveries;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use crate::policy::precedent::Precedent;
use crate::state::bounded::Recent;
use crate::state::effectiveness::GrantTimeline;
use crate::states::Activity;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// How many verdicts the operator page remembers.
const LAST_DECISIONS: usize = 50;

/// How many writes of a registry are remembered for recognising Azure's events about them.
const LAST_WRITES: usize = 100;

/// How far back the hourly budget of grants looks.
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How long a verdict is remembered for denials that repeat it; the configured window is at most
/// this.
pub const LONGEST_DEDUP_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// How many verdicts are remembered for denials that repeat them, and how many of these are counted.
const MOST_DECIDED: usize = 20_000;

/// How many events are known again by the state alone; older ones of rows are known by the database.
const MOST_EVENTS: usize = 1 << 17;

/// Everything that stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Denials without a verdict, in order of arrival.
    pub undecided: BTreeMap<DenialId, (Timestamp, Denied)>,
    /// Grants that are not over.
    pub grants: BTreeMap<GrantId, GrantRecord>,
    /// The writers' memory, by registry.
    pub registries: BTreeMap<ResourceId, Registry>,
    /// Requests that can still be answered, or were answered and are not forgotten yet.
    pub requests: BTreeMap<RequestId, Asked>,
    /// Messages not yet delivered, each with the channels still to reach.
    pub outbox: BTreeMap<AlertId, (Timestamp, Alert)>,
    /// What channels took, and what they never took.
    pub deliveries: Deliveries,
    /// The latest verdicts, newest first: for people to look at. What a decision needs of one stands
    /// with its grant or request.
    pub verdicts: VecDeque<Arc<Decision>>,
    /// The latest verdict for each thing denied, for recognising a repeat.
    pub decided: Recent<DenialKey, Precedent, MOST_DECIDED>,
    /// The latest of which a person said no, in the same way.
    pub refused: Recent<DenialKey, Precedent, MOST_DECIDED>,
    /// The newest denial without a verdict for each thing denied, likewise.
    pub waiting: HashMap<DenialKey, DenialId>,
    /// How often a denial came again, by the one that was decided.
    pub repeats: Recent<DenialId, u64, MOST_DECIDED>,
    /// Fingerprints of the latest events, for recognising a duplicate.
    pub events: Recent<u64, (), MOST_EVENTS>,
    /// What the address sets held last.
    pub sets: KnownSets,
    /// The new callers of each registry, and of none.
    pub admissions: BTreeMap<Option<ResourceId>, AdmissionWindow>,
    /// How often people were asked lately.
    pub questions: questions::Questions,
    /// How far feeds have been read.
    pub feeds: FeedPositions,
    /// What operators have paused.
    pub pauses: Pauses,
    /// The sources of whose silence people were told, and when.
    pub silent_sources: BTreeMap<String, Timestamp>,
    /// What came in lately, and what was said of it.
    pub activity: Activity,
    /// When grants of each rule were decided within the last hour, oldest first.
    by_rule: BTreeMap<String, VecDeque<Timestamp>>,
    tidied: Option<Timestamp>,
}

impl State {
    /// Takes in what happened at `at`.
    pub fn apply(&mut self, at: Timestamp, what: &LedgerEvent) {
        self.follow(at, what);
        let undecided = &self.undecided;
        self.activity.take_in(at, what, |denial| {
            let (_, denied) = undecided.get(&denial)?;
            Some(denied.source.clone())
        });
        match what {
            LedgerEvent::Denied(denied) => self.enqueue(at, denied),
            LedgerEvent::Decided {
                denial,
                registry,
                verdict,
            } => self.decide(at, *denial, registry.as_ref(), verdict),
            LedgerEvent::Repeated { .. } | LedgerEvent::Counted { .. } => self.again(at, what),
            LedgerEvent::Suppressed { .. } | LedgerEvent::Flood { .. } => self.crowd_in(at, what),
            LedgerEvent::Requested(request) => self.ask(request),
            LedgerEvent::Approval { .. } | LedgerEvent::Answered { .. } => self.answer(at, what),
            LedgerEvent::QuestionWithheld {
                request, wholly, ..
            } => self.withhold(at, *request, *wholly),
            LedgerEvent::Alerted(alert) => self.tell(at, alert),
            LedgerEvent::Delivered { .. } | LedgerEvent::Undelivered { .. } => self.reach(at, what),
            LedgerEvent::SetLoaded(snapshot) => self.sets.loaded(at, snapshot),
            LedgerEvent::SetRefused { candidate, reason } => {
                self.sets.refused(at, candidate, reason);
            }
            LedgerEvent::FeedAdvanced(advanced) => self.feeds.apply(at, advanced),
            LedgerEvent::SetConfirmed { set, hash, .. } => self.sets.confirmed(set, hash),
            LedgerEvent::Revoked { .. }
            | LedgerEvent::Kept { .. }
            | LedgerEvent::Paused { .. }
            | LedgerEvent::Resumed { .. }
            | LedgerEvent::VerdictsCleared { .. } => self.apply_order(at, what),
            LedgerEvent::Throttled { .. }
            | LedgerEvent::RegistryChanged { .. }
            | LedgerEvent::RegistrySeen { .. }
            | LedgerEvent::Drifted { .. }
            | LedgerEvent::PossiblyOverwritten(_) => self.notice(at, what),
            LedgerEvent::Granted(_)
            | LedgerEvent::Recovered { .. }
            | LedgerEvent::WriteIntended(_)
            | LedgerEvent::WriteSettled { .. }
            | LedgerEvent::VirtualNetworkRulesLost { .. }
            | LedgerEvent::NeverLanded { .. }
            | LedgerEvent::Opened { .. }
            | LedgerEvent::CoveredByExisting { .. }
            | LedgerEvent::NotOpened { .. }
            | LedgerEvent::GrantOutcome(_)
            | LedgerEvent::Extended { .. }
            | LedgerEvent::Restoring { .. }
            | LedgerEvent::EndWaits { .. }
            | LedgerEvent::Ended { .. } => self.apply_to_grants(at, what),
        }
        self.forget(at);
    }

    /// The life of grants and of the writes that carry them out.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not about grants is taken in by `apply`, which calls this"
    )]
    fn apply_to_grants(&mut self, at: Timestamp, what: &LedgerEvent) {
        match what {
            LedgerEvent::Granted(grant) => self.grant(at, grant),
            LedgerEvent::Recovered { grant, network } => self.recover(at, grant, *network),
            LedgerEvent::WriteIntended(write) => self.begin(at, write),
            LedgerEvent::WriteSettled {
                write,
                registry,
                outcome,
            } => self.settle(at, *write, registry, outcome),
            LedgerEvent::VirtualNetworkRulesLost { registry, .. } => {
                self.registry(registry).networks = Some(Networks::Lost);
            }
            LedgerEvent::NeverLanded { registry, entries } => {
                self.registry(registry).claimed.never_landed(entries);
            }
            LedgerEvent::Opened { grant, within } => self.opened(at, *grant, *within),
            LedgerEvent::CoveredByExisting { grant, .. } => {
                self.stage(*grant, Stage::CoveredByExisting);
                self.refresh_dedup_key(at, *grant);
            }
            LedgerEvent::NotOpened { grant, .. } => self.end(at, *grant, None),
            LedgerEvent::GrantOutcome(helped) => self.helped(at, helped),
            LedgerEvent::Extended {
                grant, until, by, ..
            } => self.extend(at, (*grant, *until), by),
            LedgerEvent::Restoring { grant } => self.restore(at, *grant),
            LedgerEvent::EndWaits { grant, .. } => {
                self.notified(at, *grant, LedgerEvent::END_WAITS);
            }
            LedgerEvent::Ended { grant, ending } => self.end(at, *grant, Some(*ending)),
            _ => {}
        }
    }

    /// The grants of one registry.
    pub fn grants_of<'a>(
        &'a self,
        registry: &'a ResourceId,
    ) -> impl Iterator<Item = &'a GrantRecord> {
        self.grants
            .values()
            .filter(move |standing| standing.grant.registry == *registry)
    }

    /// Whether a write of `registry` hangs: begun, and its outcome not known.
    pub fn is_unsettled(&self, registry: &ResourceId) -> bool {
        let known = self.registries.get(registry);
        known.is_some_and(|known| known.unsettled.is_some())
    }

    /// How many grants for `registry` were decided within the hour before `now`.
    pub fn granted_within_the_hour(&self, registry: &ResourceId, now: Timestamp) -> usize {
        let recent = |at: &&Timestamp| now.duration_since(**at) < BUDGET_WINDOW;
        self.registries
            .get(registry)
            .map_or(0, |known| known.granted.iter().filter(recent).count())
    }

    /// How many grants of a policy's rule stand, and how many were decided within the hour before `now`.
    pub fn granted_by_rule(&self, rule: &str, now: Timestamp) -> (usize, usize) {
        let standing = self.grants.values().filter(|standing| {
            !standing.is_over(now) && standing.grant.rule.as_deref() == Some(rule)
        });
        let recent = |at: &&Timestamp| now.duration_since(**at) < BUDGET_WINDOW;
        let decided = self.by_rule.get(rule);
        let decided = decided.map_or(0, |times| times.iter().filter(recent).count());
        (standing.count(), decided)
    }

    /// What an applied write means for the grants of its registry.
    pub fn outcomes(&self, write: &Write, now: Timestamp) -> Vec<LedgerEvent> {
        let claimed = self.registries.get(&write.registry);
        let of = |standing: &GrantRecord| {
            let (grant, address) = (standing.grant.id, standing.grant.address.get());
            let admits = |networks: &[Ipv4Net]| {
                let mut networks = networks.iter();
                networks.find(|network| network.contains(&address)).copied()
            };
            let added = admits(&write.add);
            let otherwise =
                claimed.is_some_and(|known| known.claimed.admit(address, &write.remove));
            let ending = match (standing.stage, standing.is_over(now)) {
                (Stage::Intended, _) if added.is_some() => {
                    let within = added.filter(|entry| *entry != standing.grant.address.network());
                    return Some(LedgerEvent::Opened { grant, within });
                }
                (Stage::CoveredByExisting, _) => return None,
                _ if admits(&write.remove).is_none() => return None,
                // Whether an entry that still admits it is needed by others, the next plan says.
                (_, true) if added.is_some() || otherwise => return None,
                (Stage::Open, true) => Ending::Expired,
                (Stage::Intended, true) => Ending::NeverOpened,
                (Stage::Open, false) if added.is_none() && !otherwise => Ending::Evicted,
                (Stage::Open | Stage::Intended, false) => return None,
            };
            Some(LedgerEvent::Ended { grant, ending })
        };
        self.grants_of(&write.registry).filter_map(of).collect()
    }

    fn grant(&mut self, at: Timestamp, grant: &Grant) {
        let decided = self.decision_behind(grant);
        let decided = decided.as_deref();
        let evidence = decided.map_or(Evidence::Message, |decision| {
            decision.denial.report.evidence
        });
        let standing = GrantRecord {
            grant: grant.clone(),
            stage: Stage::Intended,
            since: at,
            key: decided.map(|decision| key(&decision.denial)),
            notified_at: BTreeMap::new(),
            evidence,
            course: GrantTimeline {
                denied_at: decided.map(|decision| decision.denial.report.at.unwrap_or(decision.at)),
                ..GrantTimeline::default()
            },
            restores: Vec::new(),
            restoring: false,
        };
        self.grants.insert(grant.id, standing);
        let registry = self.registry(&grant.registry);
        registry.granted.push_back(at);
        let standing = registry.standing.entry(grant.address.get());
        standing.or_default().0.insert(grant.id);
        if let Some(rule) = &grant.rule {
            self.by_rule.entry(rule.clone()).or_default().push_back(at);
        }
        if let Some(decision) = self.decision_behind(grant) {
            self.clear_dedup_key(&decision);
        }
    }

    fn begin(&mut self, at: Timestamp, write: &Write) {
        let registry = self.registry(&write.registry);
        registry.claimed.begin(at, &write.add);
        for network in &write.add {
            registry.held.insert(*network, ());
        }
        registry.unsettled = Some((at, write.clone()));
        registry.sight.begun(at, write.id, registry.modified);
        registry.writes.push_front(write.id);
        registry.writes.truncate(LAST_WRITES);
    }

    fn settle(
        &mut self,
        at: Timestamp,
        write: WriteId,
        registry: &ResourceId,
        outcome: &WriteOutcome,
    ) {
        let registry = self.registry(registry);
        let hanging = registry.unsettled.take_if(|(_, hangs)| hangs.id == write);
        let Some((begun, write)) = hanging else {
            return;
        };
        match outcome {
            WriteOutcome::Applied { after, modified } => {
                registry.claimed.applied(&write.add, &write.remove);
                for network in &write.remove {
                    let lost = registry.may_return.get(network).copied();
                    let lost = lost.filter(|lost| at.duration_since(*lost) < MAY_LAND_WITHIN);
                    if let Some(lost) = lost {
                        registry.claimed.begin(lost, &[*network]);
                    }
                }
                registry.modified = registry.modified.max(*modified);
                registry
                    .sight
                    .applied((begun, at), &write, after, *modified);
                self.restored(&write.registry, &write.add);
            }
            WriteOutcome::NotApplied { .. } => {
                registry.claimed.not_applied(begun, &write.add);
                registry.sight.not_applied(write.id);
            }
            WriteOutcome::Lost { .. } => {
                let before = write.before.iter().filter_map(|text| network::parse(text));
                for network in before.filter(|network| !write.remove.contains(network)) {
                    if registry.claimed.has(network) {
                        registry.may_return.insert(network, begun);
                    }
                }
                registry.sight.lost(&write, begun);
            }
        }
    }

    fn stage(&mut self, grant: GrantId, stage: Stage) {
        let Some(standing) = self.grants.get_mut(&grant) else {
            return;
        };
        standing.stage = stage;
        standing.restoring = false;
    }

    /// The entry that admits the grant's address is ours: one for the address alone, or a wider one.
    fn claim(&mut self, grant: GrantId, within: Option<Ipv4Net>) {
        let Some(GrantRecord { grant, .. }) = self.grants.get(&grant) else {
            return;
        };
        let entry = within.unwrap_or_else(|| grant.address.network());
        let registry = grant.registry.clone();
        self.registry(&registry).claimed.applied(&[entry], &[]);
    }

    fn end(&mut self, at: Timestamp, grant: GrantId, ending: Option<Ending>) {
        let Some(standing) = self.grants.remove(&grant) else {
            return;
        };
        self.look_back(at, &standing, ending);
        let Grant {
            registry, address, ..
        } = standing.grant;
        if let Some((grants, _)) = self.registry(&registry).standing.get_mut(&address.get()) {
            grants.remove(&grant);
        }
        let registry = self.registry(&registry);
        registry.drop_empty(address.get());
        registry.sight.over(address.network());
        let mut claimed = std::mem::take(&mut registry.claimed);
        let before: Vec<Ipv4Net> = claimed.all(at).map(|(network, _)| network).collect();
        if matches!(ending, Some(Ending::RemovedByOthers | Ending::Kept)) {
            claimed.lose(address.get(), |network| registry.needs(network));
        } else {
            // Whoever else still needs the entry needs to know whose it is.
            claimed.release(address.get(), |network| registry.needs(network));
        }
        for network in before.into_iter().filter(|network| !claimed.has(*network)) {
            registry.sight.over(network);
        }
        registry.claimed = claimed;
    }

    fn registry(&mut self, id: &ResourceId) -> &mut Registry {
        self.registries.entry(id.clone()).or_default()
    }
}
