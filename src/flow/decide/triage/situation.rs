//! All that deciding one denial looks at, gathered once: the core decides by it alone.

use super::target::Target;
use crate::flow::app::App;
use crate::flow::decide::batch::{Batch, in_flood};
use crate::flow::registry::posture;
use doorward_core::firewall::Live;
use doorward_core::intake::report::Evidence;
use doorward_core::ledger::event::Denied;
use doorward_core::ledger::id::DenialId;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::{
    Decision, Facts, Limits, Posture, RegistryUse, RuleUse, Situation, judge,
};
use doorward_core::state::history::Before;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was gathered for one denial.
pub(super) struct Gathered<'a> {
    denied: &'a Denied,
    target: &'a Target,
    live: Option<Arc<Live>>,
    ours: BTreeSet<Ipv4Net>,
    before: Before,
    trusted_status_403: bool,
    limits: Limits,
    now: Timestamp,
}

impl<'a> Gathered<'a> {
    /// Gathers it.
    pub(super) fn of(app: &App, batch: &Batch, denied: &'a Denied, target: &'a Target) -> Self {
        let now = app.clock.now();
        let id = target.registry.as_ref().ok();
        let source = app.sources.get(&denied.source);
        let trusted = source.is_some_and(|source| source.trust_status_403);
        let before = app
            .ledger
            .read(|state| state.granted_before(id, &denied.report.denial));
        Self {
            denied,
            target,
            live: id.and_then(|id| posture::of(app, id, now)),
            ours: id.map(|id| posture::ours(app, id, now)).unwrap_or_default(),
            before,
            trusted_status_403: trusted && denied.report.evidence == Evidence::Status403,
            limits: limits(app, batch, (denied, id), now),
            now,
        }
    }

    /// Lets the core decide by it. `open_request`: the denial of an open request for the same address.
    pub(super) fn judge(
        &self,
        app: &App,
        batch: &Batch,
        open_request: Option<DenialId>,
    ) -> Decision {
        let no_registry = self.target.registry.as_ref().err().map(ToString::to_string);
        let unreadable = self.target.unreadable(app);
        let rule_use = |rule: &str| {
            let (active, within_the_hour) = batch.granted_by_rule(app, rule, self.now);
            RuleUse {
                active,
                within_the_hour,
            }
        };
        self.with_facts(app, |facts| {
            judge(&Situation {
                policy: &batch.in_force.policy,
                sets: &batch.in_force.sets,
                facts,
                limits: &self.limits,
                rule_use: &rule_use,
                no_registry: no_registry.as_deref(),
                unreadable: unreadable.as_deref(),
                awaits_read: self.target.awaits_read,
                open_request,
                now: self.now,
            })
        })
    }

    /// Asks something with what is known of the denial and its registry.
    pub(super) fn with_facts<T>(&self, app: &App, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let report = &self.denied.report;
        let posture = self.live.as_deref().map(|live| Posture {
            live,
            ours: &self.ours,
        });
        ask(&Facts {
            denial: &report.denial,
            registry: self.target.host.as_deref(),
            source: &self.denied.source,
            before: self.before,
            posture,
            holders: &[],
            import: report.import,
            proof: self.denied.proof.as_ref(),
            identity: report.identity.as_deref(),
            user_agent: report.user_agent.as_deref(),
            age_unknown: report.at.is_none(),
            trusted_status_403: self.trusted_status_403,
            max_ttl: app.max_ttl,
        })
    }
}

/// What is used up, and what stops opening at the moment.
fn limits(
    app: &App,
    batch: &Batch,
    (denied, id): (&Denied, Option<&ResourceId>),
    now: Timestamp,
) -> Limits {
    let owned = batch.in_force.owned(denied);
    let old = app.windows.too_old(denied, now);
    Limits {
        owned,
        too_old: denied.report.at.filter(|_| old),
        flood: in_flood(app, id),
        registry: id.map(|id| registry_use(app, batch, (id, owned), now)),
    }
}

fn registry_use(
    app: &App,
    batch: &Batch,
    (id, owned): (&ResourceId, bool),
    now: Timestamp,
) -> RegistryUse {
    let (paused, throttled) = app.ledger.read(|state| {
        let paused = state.pauses.of(id).map(wording::paused);
        (paused, state.throttled(id, now).map(wording::throttled))
    });
    let enrolled = app.registries.get(id);
    RegistryUse {
        name: id.name().to_owned(),
        paused,
        throttled,
        granted: batch.granted(app, id, now),
        budget: enrolled.map_or(usize::MAX, |enrolled| enrolled.grants_per_hour),
        may_ask: batch.may_ask(app, id, owned, now),
    }
}
