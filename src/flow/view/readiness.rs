//! Whether the program can do its work, put together from what its parts know.

use crate::flow::app::App;
use crate::flow::decide::shadow;
use crate::flow::registry::posture::Failing;
use crate::flow::{feeds, policy, supervise};
use doorward_core::intake::routing::Scope;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::readiness::{Condition, ConditionCode, Readiness};
use std::collections::BTreeMap;

/// How the program stands now.
pub async fn of(app: &App) -> Readiness {
    Readiness::of(missing(app).await, degraded(app))
}

/// What stands between `app` and its work. More of it is in the log.
async fn missing(app: &App) -> Vec<Condition> {
    let mut missing = Vec::new();
    if let Err(error) = app.ledger.ping().await {
        tracing::error!(%error, "the ledger does not answer");
        missing.push(Condition::new(
            ConditionCode::LedgerUnavailable,
            "The ledger's database does not answer.",
        ));
    } else {
        missing.extend(app.ledger.conditions().0);
    }
    missing
}

/// That the policy's files cannot be used, in a sentence for people.
pub fn policy_refused(app: &App) -> Option<String> {
    policy::is_refused(app).then(|| {
        "The policy files cannot be used as they are now; the last good policy is in force."
            .to_owned()
    })
}

/// What somebody should mend while `app` does its work. More of it is in the log.
pub fn degraded(app: &App) -> Vec<Condition> {
    let mut degraded: Vec<Condition> = app.ledger.conditions().1.into_iter().collect();
    if policy::is_refused(app) {
        degraded.push(Condition::new(
            ConditionCode::PolicyRefused,
            "The policy files cannot be used; the last good policy is in force.",
        ));
    }
    if shadow::is_refused(app) {
        degraded.push(Condition::new(
            ConditionCode::CandidatePolicyRefused,
            "The candidate policy's files cannot be used; its last good version is asked.",
        ));
    }
    degraded.extend(unreadable(app));
    degraded.extend(channels(app));
    degraded.extend(feeds::conditions(app));
    degraded.extend(supervise::stuck(app).into_iter().map(|name| {
        let detail = "A turn takes far too long; a restart may help.";
        Condition::new(ConditionCode::LoopStuck, detail).about(name)
    }));
    degraded
}

/// The registries that Azure does not show, and what waits for them.
fn unreadable(app: &App) -> Vec<Condition> {
    let failing = app.postures(|postures| postures.failing().clone());
    if failing.is_empty() {
        return Vec::new();
    }
    let (hosts, everything) = (app.presumed_hosts(), Scope::default());
    let mut waiting: BTreeMap<ResourceId, usize> = BTreeMap::new();
    app.ledger.read(|state| {
        for (_, denied) in state.undecided.values() {
            let source = app.sources.get(&denied.source);
            let scope = source.map_or(&everything, |source| &source.scope);
            if let Ok(id) = hosts.resolve(&denied.report, scope) {
                let count = waiting.entry(id.clone()).or_default();
                *count = count.saturating_add(1);
            }
        }
    });
    let condition = |(id, it): (&ResourceId, &Failing)| {
        let waits = match waiting.get(id) {
            None => String::new(),
            Some(count) => format!(" Denials that wait for it: {count}."),
        };
        let detail = format!("{}.{waits}", wording::capital(&it.why.to_string()));
        Condition::new(ConditionCode::AzureUnreadable, detail)
            .about(id.name())
            .since(it.since)
    };
    failing.iter().map(condition).collect()
}

/// The channels that take no messages.
fn channels(app: &App) -> Vec<Condition> {
    app.lanes(|lanes| {
        let broken = lanes.broken().into_iter();
        let condition = broken.map(|(name, since, why)| {
            let detail = format!("The channel does not take messages: {why}.");
            Condition::new(ConditionCode::ChannelFailing, detail)
                .about(name)
                .since(since)
        });
        condition.collect()
    })
}
