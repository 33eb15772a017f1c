//! Verdicts that are written down together see each other: what one of them opens, the next one
//! finds open, and what one spends, the next one finds spent.

use super::precedents::{InForce, KnownNow, reopened};
use crate::flow::app::App;
use doorward_core::intake::dedup::{DenialKey, verdict_key};
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::{Denied, LedgerEvent};
use doorward_core::ledger::id::DenialId;
use doorward_core::messages::codes;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::RegistryUse;
use doorward_core::policy::verdict::Verdict;
use doorward_core::state::State;
use doorward_core::state::questions::is_question;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// How many requests about one registry are open at once; unknown sources get half of them.
const MOST_REQUESTS: usize = 1000;

/// How many messages wait for their channels before verdicts make no more; unknown sources' verdicts stop
/// at half.
const MOST_MESSAGES: usize = 2000;

/// What the verdicts of one batch have led to so far, and the policy and sets that all of them see.
pub(in crate::flow) struct Batch {
    pub(in crate::flow) in_force: InForce,
    standing: BTreeMap<(ResourceId, IpAddr), DenialId>,
    decided: HashMap<DenialKey, DenialId>,
    grants: BTreeMap<ResourceId, usize>,
    requests: BTreeMap<ResourceId, usize>,
    by_rule: BTreeMap<String, usize>,
    messages: usize,
    asked_about: BTreeMap<ResourceId, usize>,
    asked_to: BTreeMap<String, usize>,
    withheld: BTreeSet<ResourceId>,
}

impl Batch {
    /// A batch under the policy and sets as they are now.
    pub(in crate::flow) fn new(app: &App) -> Self {
        Self {
            in_force: InForce::now(app),
            standing: BTreeMap::new(),
            decided: HashMap::new(),
            grants: BTreeMap::new(),
            requests: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            messages: 0,
            asked_about: BTreeMap::new(),
            asked_to: BTreeMap::new(),
            withheld: BTreeSet::new(),
        }
    }

    /// The denial that stands for `denied`, before or within this batch.
    pub(in crate::flow) fn repeats(
        &self,
        app: &App,
        denied: &Denied,
        registry: Option<&ResourceId>,
        now: Timestamp,
    ) -> Option<DenialId> {
        let address = denied.report.denial.ip.map(|ip| ip.to_canonical());
        let standing = registry.zip(address);
        let standing = standing.and_then(|(id, ip)| self.standing.get(&(id.clone(), ip)));
        let known_now = KnownNow {
            granted: &|id| self.granted(app, id, now),
            may_look: false,
        };
        let reopened = reopened(app, &self.in_force, (denied, registry), &known_now);
        let rest = (&app.windows, reopened.as_slice());
        let before = |state: &State| state.repeats(denied, registry, now, rest);
        let mut keys = app.windows.keys(denied, now);
        standing
            .copied()
            .or_else(|| app.ledger.read(before))
            .or_else(|| keys.find_map(|key| self.decided.get(&key)).copied())
    }

    /// Takes in a verdict and what follows from it.
    pub(in crate::flow) fn add(
        &mut self,
        denied: &Denied,
        verdict: &Verdict,
        follows: &[LedgerEvent],
    ) {
        self.decided.insert(verdict_key(denied, verdict), denied.id);
        for what in follows {
            match what {
                LedgerEvent::Granted(grant) => {
                    let ip = IpAddr::V4(grant.address.get());
                    self.standing
                        .insert((grant.registry.clone(), ip), denied.id);
                    add_one(&mut self.grants, &grant.registry);
                    if let Some(rule) = &grant.rule {
                        add_one(&mut self.by_rule, rule);
                    }
                }
                LedgerEvent::Requested(request) => {
                    let ip = IpAddr::V4(request.address.get());
                    self.standing
                        .insert((request.registry.clone(), ip), denied.id);
                    add_one(&mut self.requests, &request.registry);
                }
                LedgerEvent::Alerted(alert) => {
                    self.messages = self.messages.saturating_add(1);
                    self.ask(alert);
                }
                _ => {}
            }
        }
    }

    /// Takes in a message, if it is a question; or one that says that questions are withheld.
    fn ask(&mut self, alert: &Alert) {
        let Some(registry) = &alert.registry else {
            return;
        };
        if alert.code == codes::QUESTIONS_WITHHELD {
            self.withheld.insert(registry.clone());
        }
        if is_question(alert) && !alert.channels.is_empty() {
            add_one(&mut self.asked_about, registry);
            for channel in &alert.channels {
                add_one(&mut self.asked_to, channel);
            }
        }
    }

    /// How many questions about a registry this batch sends.
    pub(in crate::flow) fn asked_about(&self, registry: &ResourceId) -> usize {
        self.asked_about.get(registry).copied().unwrap_or_default()
    }

    /// How many questions it sends to a channel.
    pub(in crate::flow) fn asked_to(&self, channel: &str) -> usize {
        self.asked_to.get(channel).copied().unwrap_or_default()
    }

    /// Whether it says that questions about a registry are withheld.
    pub(in crate::flow) fn withheld(&self, registry: &ResourceId) -> bool {
        self.withheld.contains(registry)
    }

    /// How many grants `registry` has had within the hour, these included.
    pub(in crate::flow) fn granted(
        &self,
        app: &App,
        registry: &ResourceId,
        now: Timestamp,
    ) -> usize {
        let before = app
            .ledger
            .read(|state| state.granted_within_the_hour(registry, now));
        before.saturating_add(self.grants.get(registry).copied().unwrap_or_default())
    }

    /// How many grants of a policy's rule stand, and how many were decided within the hour, these
    /// included.
    pub(in crate::flow) fn granted_by_rule(
        &self,
        app: &App,
        rule: &str,
        now: Timestamp,
    ) -> (usize, usize) {
        let (standing, hour) = app.ledger.read(|state| state.granted_by_rule(rule, now));
        let these = self.by_rule.get(rule).copied().unwrap_or_default();
        (standing.saturating_add(these), hour.saturating_add(these))
    }

    /// Whether another person may be asked about `registry`.
    pub(in crate::flow) fn may_ask(
        &self,
        app: &App,
        registry: &ResourceId,
        owned: bool,
        now: Timestamp,
    ) -> bool {
        let open = app.ledger.read(|state| state.open_requests(registry, now));
        let open = open.saturating_add(self.requests.get(registry).copied().unwrap_or_default());
        open < most_requests(owned) && self.may_tell(app, owned)
    }

    /// Whether another message may be made.
    pub(in crate::flow) fn may_tell(&self, app: &App, owned: bool) -> bool {
        let waiting = app.ledger.read(|state| state.outbox.len());
        waiting.saturating_add(self.messages) < share(MOST_MESSAGES, owned)
    }
}

fn add_one<K: Ord + Clone>(counts: &mut BTreeMap<K, usize>, of: &K) {
    let count = counts.entry(of.clone()).or_default();
    *count = count.saturating_add(1);
}

/// How many requests about one registry may be open for one more.
pub(in crate::flow) fn most_requests(owned: bool) -> usize {
    share(MOST_REQUESTS, owned)
}

/// How many grants of `registry` may be decided within an hour for an address that is owned, or is not.
pub(in crate::flow) fn budget(app: &App, registry: &ResourceId, owned: bool) -> usize {
    let all = app.registries.get(registry);
    let all = all.map_or(usize::MAX, |enrolled| enrolled.grants_per_hour);
    all.saturating_sub(RegistryUse::kept_for_owned(all, owned))
}

/// Whether a registry is in a flood: so many addresses that nobody owns are refused that they are only counted.
pub(in crate::flow) fn in_flood(app: &App, registry: Option<&ResourceId>) -> bool {
    let registry = registry.cloned();
    app.ledger.read(|state| {
        let admission = state.admissions.get(&registry);
        admission.is_some_and(|admission| admission.flood.is_some())
    })
}

/// Whoever owns an address may use all; the others half.
pub(super) fn share(most: usize, owned: bool) -> usize {
    if owned { most } else { most / 2 }
}
