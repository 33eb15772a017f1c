//! Whether the program can do its work, put together from what its parts know.

use super::{policy, shadow, supervise};
use crate::app::App;
use crate::domain::readiness::{Condition, ConditionCode, Readiness};

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
    degraded.extend(channels(app));
    degraded.extend(supervise::stuck(app).into_iter().map(|name| {
        let detail = "A turn takes far too long; a restart may help.";
        Condition::new(ConditionCode::LoopStuck, detail).about(name)
    }));
    degraded
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
