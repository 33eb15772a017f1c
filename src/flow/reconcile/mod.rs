//! One registry's turn: read it, settle what hangs, bring its list to what is granted, write down
//! what came of it.
//!
//! There is one writer for a registry, its loop, and it holds no memory: every turn begins at a GET
//! and at what the ledger says stands. A PATCH is never sent twice; where its reply is lost, reads
//! tell, and a new attempt is a new turn.

mod breadcrumbs;
mod conclude;
mod read;
mod write;

pub use breadcrumbs::Tagged;

use crate::app::App;
use crate::azure::{ArmError, Call};
use crate::clock;
use crate::domain::firewall::{Live, Malformed, Obstacle, Patch, Plan, Step, Wanted, plan};
use crate::domain::grant::Ending;
use crate::domain::id::GrantId;
use crate::domain::resource_id::ResourceId;
use crate::domain::state::{Registry, Standing, State};
use crate::flow::lease::{self, Held};
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How soon a registry is read again while it is being updated, or while a write's fate is unknown.
const READ_AGAIN: Duration = Duration::from_secs(2);

/// How often a registry is read on which a lost write may yet land.
const LOOK_OUT: Duration = Duration::from_secs(20);

/// An entry of ours that no read has shown for this long has been taken away by others.
const SURELY_GONE: SignedDuration = SignedDuration::from_secs(40);

/// After this long a write that no read has shown is given up as lost, and a new attempt may begin.
const LOST_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The longest pause between two attempts while Azure does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a turn leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing was to be done.
    Idle,
    /// All was done.
    Done,
    /// Something is left, and this is when to look again.
    Again(Timestamp),
}

/// One turn's attempt: for whom, and under which correlation id.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    app: &'a App,
    id: &'a ResourceId,
    call: &'a Call,
    held: &'a Held,
}

/// What keeps a turn from its end.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Arm(#[from] ArmError),
    #[error(transparent)]
    Ground(#[from] Malformed),
    #[error("Azure shows the registry as it was before a change that it had shown already")]
    Stale,
}

/// What an attempt leaves behind.
#[derive(Debug)]
enum Left {
    Nothing,
    /// Entries of ours whose grants are over cannot be removed while this is so.
    Stuck(Obstacle),
    /// Look again after this.
    After(Duration),
}

/// Takes one turn for the registry `id`. Fails only if the ledger does.
pub async fn turn(app: &App, id: &ResourceId) -> Result<Turn, StoreError> {
    let now = app.clock.now();
    if !is_to_do(app, id, now) {
        return Ok(Turn::Idle);
    }
    if let Some(wait) = app.pace(id).waiting(now) {
        return Ok(Turn::Again(wait));
    }
    let held = match lease::take(app, id).await? {
        Ok(held) => held,
        Err(wait) => return Ok(Turn::Again(clock::add(now, wait))),
    };
    let turn = match turn_under(app, id, &held).await {
        // Another process was faster: it is to be looked at anew.
        Err(StoreError::Already | StoreError::Moved) => {
            Ok(Turn::Again(clock::add(now, READ_AGAIN)))
        }
        turn => turn,
    };
    let pause = match &turn {
        Ok(Turn::Again(at)) => Duration::try_from(at.duration_since(app.clock.now())),
        Ok(Turn::Idle | Turn::Done) | Err(_) => Ok(Duration::ZERO),
    };
    lease::release(app, id, &held, pause.unwrap_or_default()).await;
    turn
}

/// The turn, under a lease.
async fn turn_under(app: &App, id: &ResourceId, held: &Held) -> Result<Turn, StoreError> {
    app.ledger.follow().await?;
    let now = app.clock.now();
    if !is_to_do(app, id, now) {
        return Ok(Turn::Idle);
    }
    let call = Call::new(app.clock.id());
    let (left, why) = match attempt(Attempt {
        app,
        id,
        call: &call,
        held,
    })
    .await
    {
        Ok(Left::Nothing) => {
            app.set_pace(id, Pace::default());
            return Ok(Turn::Done);
        }
        Ok(Left::Stuck(obstacle)) => (app.pace(id).next(now, None), obstacle.to_string()),
        Ok(Left::After(pause)) => (
            Pace {
                not_before: Some(clock::add(app.clock.now(), pause)),
                ..app.pace(id)
            },
            String::from("a write is under way"),
        ),
        Err(Trouble::Store(error)) => return Err(error),
        Err(Trouble::Arm(error)) => {
            tracing::warn!(registry = id.name(), correlation = %call.correlation_id, "Azure: {error}");
            conclude::give_up_if_final(app, id, &error).await?;
            (
                app.pace(id).next(app.clock.now(), error.retry_after()),
                error.to_string(),
            )
        }
        Err(stale @ Trouble::Stale) => {
            let not_before = Some(clock::add(app.clock.now(), READ_AGAIN));
            let pace = Pace {
                not_before,
                ..app.pace(id)
            };
            (pace, stale.to_string())
        }
        Err(Trouble::Ground(error)) => {
            tracing::error!(registry = id.name(), correlation = %call.correlation_id, "{error}");
            (app.pace(id).next(app.clock.now(), None), error.to_string())
        }
    };
    conclude::warn_of_delays(app, id, &why).await?;
    app.set_pace(id, left);
    Ok(left.not_before.map_or(Turn::Done, Turn::Again))
}

async fn attempt(attempt: Attempt<'_>) -> Result<Left, Trouble> {
    let Attempt { app, id, call, .. } = attempt;
    let live = read::live(app, id, app.arm.read_api_version(), call).await?;
    if live.is_being_updated() {
        return Ok(Left::After(READ_AGAIN));
    }
    if !write::settle(app, id, &live).await? {
        return Ok(Left::After(READ_AGAIN));
    }
    breadcrumbs::look(app, id, &live).await?;
    let limit = read::limit(app, id, call).await;
    let mut plan = plan_now(app, id, &live, limit);
    let unsure = set_aside_unsure(app, id, &mut plan);
    conclude::steps(app, &plan.steps).await?;
    if let Some(patch) = plan.patch {
        return write::write(attempt, &live, patch, limit).await;
    }
    breadcrumbs::note(app, id, &live).await?;
    if breadcrumbs::is_due(app, id) {
        breadcrumbs::try_again(app, id);
        return write::write(attempt, &live, Patch::default(), limit).await;
    }
    let watch = app
        .ledger
        .read(|state| may_be_left_behind(state, id, app.clock.now()));
    Ok(match plan.stuck {
        Some(obstacle) => Left::Stuck(obstacle),
        None if watch || unsure => Left::After(LOOK_OUT),
        None => Left::Nothing,
    })
}

/// One read that does not show an entry of ours may be stale: only reads over [`SURELY_GONE`] say that
/// others took it away. Takes such conclusions out of the plan until then; whether there are any.
fn set_aside_unsure(app: &App, id: &ResourceId, plan: &mut Plan) -> bool {
    let now = app.clock.now();
    let missing = |step: &Step| match step {
        Step::Ended(grant, Ending::RemovedByOthers) => Some(*grant),
        Step::Ended(..)
        | Step::Opened(_)
        | Step::Satisfied(..)
        | Step::NotOpened(..)
        | Step::Observed(_) => None,
    };
    let all: Vec<GrantId> = plan.steps.iter().filter_map(missing).collect();
    let since = app.missing_since(id, now, &all);
    let unsure = |grant: &GrantId| {
        since
            .get(grant)
            .is_some_and(|at| now.duration_since(*at) < SURELY_GONE)
    };
    plan.steps
        .retain(|step| !missing(step).as_ref().is_some_and(unsure));
    all.iter().any(unsure)
}

/// Whether a turn has anything to do: for grants, or for the tags that tell of them.
fn is_to_do(app: &App, id: &ResourceId, now: Timestamp) -> bool {
    app.ledger.read(|state| has_work(state, id, now)) || breadcrumbs::is_due(app, id)
}

/// Whether anything is to be done for `id` at `now`: something to open, to close, to settle, or to
/// watch for.
pub fn has_work(state: &State, id: &ResourceId, now: Timestamp) -> bool {
    let hangs = |registry: &Registry| registry.unsettled.is_some();
    // While a registry is paused, what is not open yet waits.
    let paused = state.pauses.of(id).is_some();
    let due = |standing: &Standing| {
        if paused {
            standing.is_over(now)
        } else {
            standing.is_due(now)
        }
    };
    state.registries.get(id).is_some_and(hangs)
        || state.grants_of(id).any(due)
        || may_be_left_behind(state, id, now)
}

/// Whether a write whose reply was lost may yet leave an entry behind that no grant needs any more.
fn may_be_left_behind(state: &State, id: &ResourceId, now: Timestamp) -> bool {
    let needed = |network| {
        state
            .grants_of(id)
            .any(|standing| standing.grant.address.network() == network)
    };
    let Some(registry) = state.registries.get(id) else {
        return false;
    };
    let mut claims = registry.claimed.all(now);
    claims.any(|(network, may_land)| may_land && !needed(network))
}

/// When the next grant of `id` ends, if one stands.
pub fn next_end(state: &State, id: &ResourceId) -> Option<Timestamp> {
    state
        .grants_of(id)
        .map(|standing| standing.grant.until)
        .min()
}

fn plan_now(app: &App, id: &ResourceId, live: &Live, limit: u32) -> Plan {
    let now = app.clock.now();
    app.ledger.read(|state| {
        let claimed = state.registries.get(id).map(|registry| &registry.claimed);
        let wanted = Wanted {
            grants: state
                .grants_of(id)
                .map(|standing| (&standing.grant, standing.stage))
                .collect(),
            claimed: claimed.map_or_else(BTreeMap::new, |claims| claims.all(now).collect()),
            limit,
            may_add: app.may_add,
            paused: state.pauses.of(id).is_some(),
        };
        plan(live, &wanted, now)
    })
}

/// How fast attempts follow each other for one registry. Lost in a restart, on purpose: then the
/// first attempt is made at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    failures: u32,
    not_before: Option<Timestamp>,
}

impl Pace {
    fn waiting(self, now: Timestamp) -> Option<Timestamp> {
        self.not_before.filter(|until| *until > now)
    }

    /// After one more failure: twice as long as before, at least what Azure asked for, at most
    /// [`LONGEST_PAUSE`] so that nothing of ours outlives an outage by more than that.
    fn next(self, now: Timestamp, asked: Option<Duration>) -> Self {
        let own =
            Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(self.failures.min(10)));
        let pause = own.max(asked.unwrap_or_default()).min(LONGEST_PAUSE);
        Self {
            failures: self.failures.saturating_add(1),
            not_before: Some(clock::add(now, pause)),
        }
    }
}
