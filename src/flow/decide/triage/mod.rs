//! Each new denial gets its verdict, and what follows from it is written down with it.

mod follow_up;
mod situation;
mod target;

use super::batch::{Batch, in_flood};
use super::precedents::InForce;
use super::{flood, questions, shadow};
use crate::flow::app::App;
use crate::flow::effectiveness;
use crate::flow::registry::{outages, posture};
use crate::store::StoreError;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::{Denied, LedgerEvent};
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request::Answer;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::Decision;
use doorward_core::policy::verdict::{Action, Verdict};
use follow_up::follow;
use jiff::Timestamp;
use situation::Gathered;
use target::Target;

/// How many verdicts are written down together.
const AT_ONCE: usize = 500;

/// How often superseded verdicts are made again before other work gets its turn.
const ATTEMPTS: u32 = 20;

/// Gives a verdict to every denial that has none; how many it was. Addresses that somebody owns come
/// first, then all others, each in order of arrival. What would open a registry that Azure has not shown yet
/// stays for a while.
pub async fn run_once(app: &App) -> Result<usize, StoreError> {
    flood::run_once(app).await?;
    effectiveness::run_once(app).await?;
    outages::run_once(app).await?;
    let mut decided = 0;
    for attempt in 1.. {
        match decide_all(app, &mut decided).await {
            // Somebody answered, or another process decided, while we did.
            Err(StoreError::Conflict) if attempt < ATTEMPTS => app.ledger.follow().await?,
            Ok(()) | Err(StoreError::Conflict) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(decided)
}

async fn decide_all(app: &App, decided: &mut usize) -> Result<(), StoreError> {
    let mut waiting: Vec<(Timestamp, Denied)> = app
        .ledger
        .read(|state| state.undecided.values().cloned().collect());
    let in_force = InForce::now(app);
    // Each is asked about once, not at each comparison.
    waiting.sort_by_cached_key(|(_, denied)| !in_force.owned(denied));
    let meant = waiting
        .iter()
        .filter_map(|(_, denied)| app.registry_of(denied).ok());
    posture::refresh(app, meant.collect()).await;
    for waiting in waiting.chunks(AT_ONCE) {
        let as_of = app.ledger.as_of();
        let mut batch = Batch::new(app);
        let judged: Vec<Vec<LedgerEvent>> = waiting
            .iter()
            .filter_map(|(arrived, denied)| judge(app, &mut batch, *arrived, denied))
            .collect();
        if !judged.is_empty() {
            let written = app.ledger.decide(app.clock.now(), as_of, judged).await?;
            *decided += written.into_iter().filter(|new| *new).count();
        }
    }
    Ok(())
}

/// What is to be appended for one denial; nothing while it waits for its registry to be read.
fn judge(
    app: &App,
    batch: &mut Batch,
    arrived: Timestamp,
    denied: &Denied,
) -> Option<Vec<LedgerEvent>> {
    let now = app.clock.now();
    let target = Target::of(app, &batch.in_force.policy, denied, (arrived, now));
    let id = target.registry.as_ref().ok();
    if target.awaits_read && target.host.is_none() {
        return None;
    }
    if let Some(of) = batch.repeats(app, denied, id, now) {
        return Some(vec![LedgerEvent::Repeated {
            denial: denied.id,
            of,
            basis: None,
        }]);
    }
    // Only one that was asked under other circumstances is open here.
    let open = app.ledger.read(|state| {
        let asked = state.open_request(denied, id, now)?;
        Some((asked.request.id, asked.request.denial))
    });
    let gathered = Gathered::of(app, batch, denied, &target);
    let verdict = match gathered.judge(app, batch, open.map(|(_, denial)| denial)) {
        Decision::Wait => return None,
        Decision::Repeat { of, basis } => {
            return Some(vec![LedgerEvent::Repeated {
                denial: denied.id,
                of,
                basis,
            }]);
        }
        Decision::Verdict {
            mut verdict,
            policy_says,
        } => {
            verdict.shadow = gathered.with_facts(app, |facts| {
                shadow::ask(app, &batch.in_force.sets, facts, &policy_says, now)
            });
            *verdict
        }
    };
    Some(written_down(
        app,
        batch,
        (denied, id, &verdict),
        open.map(|(request, _)| request),
    ))
}

/// A verdict and what follows from it, as they are appended.
fn written_down(
    app: &App,
    batch: &mut Batch,
    (denied, id, verdict): (&Denied, Option<&ResourceId>, &Verdict),
    open: Option<RequestId>,
) -> Vec<LedgerEvent> {
    let now = app.clock.now();
    tracing::info!(denial = %denied.id, verdict = %verdict.action, rule = verdict.rule.as_deref(), "{}", wording::denial(denied));
    let mut what = vec![LedgerEvent::Decided {
        denial: denied.id,
        registry: id.cloned(),
        verdict: verdict.clone(),
    }];
    let owned = batch.in_force.owned(denied);
    let mut follows = follow(app, denied, id, verdict, now);
    let tells = (owned || !in_flood(app, id)) && batch.may_tell(app, owned);
    // In a flood one message stands for all; and messages that nobody takes do not accumulate.
    follows.retain(|what| tells || !matches!(what, LedgerEvent::Alerted(_)));
    let follows = questions::limit(app, batch, owned, follows);
    batch.add(denied, verdict, &follows);
    if let (Some(request), Action::Allow) = (open, verdict.action) {
        what.push(LedgerEvent::Answered {
            request,
            answer: Answer::Allow,
            by: Actor::POLICY,
            given: None,
        });
    }
    what.extend(follows);
    what
}
