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
pub mod readiness;
mod records;
mod request_progress;
mod sets;

pub use late::{Known, LastRead, Late};
pub use records::{Asked, Decision, Networks, Registry, Standing, Throttle};
pub use sets::{KnownSet, KnownSets};

use crate::firewall::owned_entries::MAY_LAND_WITHIN;
use crate::intake::admission::Crowd;
use crate::intake::dedup::{DenialKey, key};
use crate::intake::report::Evidence;
use crate::ledger::alert::Alert;
use crate::ledger::event::{Denied, What, Write, WriteOutcome};
use crate::ledger::grant::{Ending, Grant, Stage};
use crate::ledger::id::{AlertId, DenialId, GrantId, RequestId, WriteId};
use crate::ledger::orders::Pauses;
use crate::messages::routing::deliveries::Deliveries;
use crate::messages::wording;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use crate::policy::precedent::Precedent;
use crate::state::bounded::Recent;
use crate::state::effectiveness::Course;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// How many verdicts the operator page remembers.
const LAST_VERDICTS: usize = 50;

/// How many writes of a registry are remembered for recognising Azure's events about them.
const LAST_WRITES: usize = 100;

/// How far back the hourly budget of grants looks.
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How long a verdict is remembered for denials that repeat it; the configured window is at most
/// this.
pub const LONGEST_REPEAT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

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
    pub grants: BTreeMap<GrantId, Standing>,
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
    pub crowds: BTreeMap<Option<ResourceId>, Crowd>,
    /// What operators have paused.
    pub pauses: Pauses,
    /// When grants of each rule were decided within the last hour, oldest first.
    by_rule: BTreeMap<String, VecDeque<Timestamp>>,
    tidied: Option<Timestamp>,
}

impl State {
    /// Takes in what happened at `at`.
    pub fn apply(&mut self, at: Timestamp, what: &What) {
        self.follow(at, what);
        match what {
            What::Denied(denied) => self.arrive(at, denied),
            What::Decided {
                denial,
                registry,
                verdict,
            } => self.decide(at, *denial, registry.as_ref(), verdict),
            What::Repeated { .. } | What::Counted { .. } => self.again(at, what),
            What::Thinned { .. } | What::Storm { .. } => self.crowd_in(at, what),
            What::Granted(grant) => self.grant(at, grant),
            What::WriteIntended(write) => self.begin(at, write),
            What::WriteSettled {
                write,
                registry,
                outcome,
            } => self.settle(at, *write, registry, outcome),
            What::Opened { grant, within } => self.opened(at, *grant, *within),
            What::Satisfied { grant, .. } => {
                self.stage(*grant, Stage::Satisfied);
                self.keep_window(at, *grant);
            }
            What::NotOpened { grant, .. } => self.end(at, *grant, None),
            What::EndWaits { grant, .. } => self.told(at, *grant, What::END_WAITS),
            What::Ended { grant, ending } => self.end(at, *grant, Some(*ending)),
            What::NeverLanded { registry, entries } => {
                self.registry(registry).claimed.never_landed(entries);
            }
            What::VirtualNetworkRulesLost { registry, .. } => {
                self.registry(registry).networks = Some(Networks::Lost);
            }
            What::Throttled { .. }
            | What::RegistryChanged { .. }
            | What::RegistrySeen { .. }
            | What::Drifted { .. }
            | What::PossiblyOverwritten(_) => self.notice(at, what),
            What::Restoring { grant } => self.restore(at, *grant),
            What::Helped(helped) => self.helped(at, helped),
            What::Extended { grant, until, by } => self.extend(at, (*grant, *until), by),
            What::SetLoaded(snapshot) => self.sets.loaded(at, snapshot),
            What::SetRefused { candidate, reason } => self.sets.refused(at, candidate, reason),
            What::SetConfirmed { set, hash, .. } => self.sets.confirmed(set, hash),
            What::Revoked { .. }
            | What::Kept { .. }
            | What::Paused { .. }
            | What::Resumed { .. }
            | What::VerdictsCleared { .. } => self.obey(at, what),
            What::Recovered { grant, network } => self.recover(at, grant, *network),
            What::Requested(request) => self.ask(request),
            What::Answered {
                request,
                answer,
                by,
            } => self.answer(at, *request, *answer, by),
            What::Alerted(alert) => self.tell(at, alert),
            What::Delivered { .. } | What::Undelivered { .. } => self.reach(at, what),
        }
        self.forget(at);
    }

    /// The grants of one registry.
    pub fn grants_of<'a>(&'a self, registry: &'a ResourceId) -> impl Iterator<Item = &'a Standing> {
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
    pub fn outcomes(&self, write: &Write, now: Timestamp) -> Vec<What> {
        let claimed = self.registries.get(&write.registry);
        let of = |standing: &Standing| {
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
                    return Some(What::Opened { grant, within });
                }
                (Stage::Satisfied, _) => return None,
                _ if admits(&write.remove).is_none() => return None,
                // Whether an entry that still admits it is needed by others, the next plan says.
                (_, true) if added.is_some() || otherwise => return None,
                (Stage::Open, true) => Ending::Expired,
                (Stage::Intended, true) => Ending::NeverOpened,
                (Stage::Open, false) if added.is_none() && !otherwise => Ending::Evicted,
                (Stage::Open | Stage::Intended, false) => return None,
            };
            Some(What::Ended { grant, ending })
        };
        self.grants_of(&write.registry).filter_map(of).collect()
    }

    fn crowd_in(&mut self, at: Timestamp, what: &What) {
        if let What::Thinned {
            registry,
            count,
            storm,
            addresses,
            events,
            ..
        } = what
        {
            if *storm {
                self.crowd(registry.as_ref()).thin(at, *count, addresses);
            }
            self.remember(events);
        } else if let What::Storm { registry, over, .. } = what {
            let crowd = self.crowd(registry.as_ref());
            if *over { crowd.calm() } else { crowd.told() }
        }
    }

    fn grant(&mut self, at: Timestamp, grant: &Grant) {
        let decided = self.decision_behind(grant);
        let decided = decided.as_deref();
        let evidence = decided.map_or(Evidence::Message, |decision| {
            decision.denial.report.evidence
        });
        let standing = Standing {
            grant: grant.clone(),
            stage: Stage::Intended,
            since: at,
            key: decided.map(|decision| key(&decision.denial)),
            told: BTreeMap::new(),
            evidence,
            course: Course {
                denied_at: decided.map(|decision| decision.denial.report.at.unwrap_or(decision.at)),
                ..Course::default()
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
            self.close_window(&decision);
        }
    }

    fn begin(&mut self, at: Timestamp, write: &Write) {
        let registry = self.registry(&write.registry);
        registry.claimed.begin(at, &write.add);
        for network in &write.add {
            registry.held.insert(*network, ());
        }
        registry.unsettled = Some((at, write.clone()));
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
                registry.sight.applied((begun, at), &write, after);
                self.restored(&write.registry, &write.add);
            }
            WriteOutcome::NotApplied { .. } => registry.claimed.not_applied(begun, &write.add),
            WriteOutcome::Lost { .. } => {
                let before = write.before.iter().filter_map(|text| network::parse(text));
                for network in before.filter(|network| !write.remove.contains(network)) {
                    if registry.claimed.has(network) {
                        registry.may_return.insert(network, begun);
                    }
                }
                let to = begun.checked_add(MAY_LAND_WITHIN).unwrap_or(at);
                registry.sight.lost(&write, (begun, to));
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
        let Some(Standing { grant, .. }) = self.grants.get(&grant) else {
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

    fn told(&mut self, at: Timestamp, grant: GrantId, code: &str) {
        if let Some(standing) = self.grants.get_mut(&grant) {
            standing.told.insert(code.to_owned(), at);
        }
    }

    fn tell(&mut self, at: Timestamp, alert: &Alert) {
        for grant in alert.all_grants() {
            self.told(at, grant, &alert.code);
        }
        let of_all = alert.grant.is_none() && alert.denial.is_none() && alert.request.is_none();
        // These are told of a registry's entries together, however many there are.
        let of_all =
            of_all || [wording::OVERDUE, wording::END_UNKNOWN].contains(&alert.code.as_str());
        if let Some(registry) = alert.registry.as_ref().filter(|_| of_all) {
            let told = &mut self.registry(registry).told;
            told.insert(alert.code.clone(), at);
        }
        if let Some(dead) = alert.resends {
            self.deliveries.resent(dead, &alert.channels);
        }
        if !alert.channels.is_empty() {
            self.outbox.insert(alert.id, (at, alert.clone()));
        }
    }

    fn reach(&mut self, at: Timestamp, what: &What) {
        if let What::Delivered {
            alert,
            channel,
            receipt,
        } = what
        {
            if let Some((_, message)) = self.outbox.get(alert) {
                let receipt = receipt.as_ref();
                self.deliveries.delivered(at, message, channel, receipt);
            }
            self.reached(*alert, channel);
        } else if let What::Undelivered {
            alert,
            channel,
            reason,
        } = what
        {
            if let Some((_, message)) = self.outbox.get(alert) {
                self.deliveries.given_up(at, message, channel, reason);
            }
            self.reached(*alert, channel);
        }
    }

    fn reached(&mut self, alert: AlertId, channel: &str) {
        let Some((_, waiting)) = self.outbox.get_mut(&alert) else {
            return;
        };
        waiting.channels.retain(|name| name != channel);
        if waiting.channels.is_empty() {
            self.outbox.remove(&alert);
        }
    }

    fn registry(&mut self, id: &ResourceId) -> &mut Registry {
        self.registries.entry(id.clone()).or_default()
    }
}
