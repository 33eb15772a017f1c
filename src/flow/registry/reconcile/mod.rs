//! One registry's turn: read it, settle what hangs, bring its list to what is granted, write down
//! what came of it.
//!
//! There is one writer for a registry, its loop, and it holds no memory: every turn begins at a GET
//! and at what the ledger says stands. A PATCH is never sent twice; where its reply is lost, reads
//! tell, and a new attempt is a new turn.

mod conclude;
mod due;
mod lookout;
mod ownership_tags;
mod read;
mod retry_state;
mod sent;
mod waits;
mod write;

use due::{due, is_due, plan_now};
pub use due::{has_work, next, next_end};
pub(in crate::flow) use due::{is_stopped_by_failures, limit_as_known, wanted};
pub use ownership_tags::Tagged;
pub use retry_state::{Circuit, RetryState};
pub use sent::Sent;
pub use waits::Watch;
pub(in crate::flow) use write::client_for_api_version;

use lookout::{look_out, may_be_left_behind, set_aside_unsure};

use super::drift;
use super::lease;
use super::lease::Held;
use crate::azure::{ArmError, Call};
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::firewall::{
    Live, Malformed, Obstacle, Patch, Plan, Wanted, forbids_writing, plan, scaled_reserve,
};
use doorward_core::ledger::id::GrantId;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::{GrantRecord, Networks, Registry, State};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How soon a registry is read again while it is being updated, or while a write's fate is unknown.
const READ_AGAIN: Duration = Duration::from_secs(2);

/// How often a registry is read on which a lost write may yet land.
pub(in crate::flow) const LOOK_OUT: Duration = Duration::from_secs(20);

/// An entry of ours that no read has shown for this long has been taken away by others.
pub(in crate::flow) const SURELY_GONE: SignedDuration = SignedDuration::from_secs(40);

/// After this long a write that no read has shown is given up as lost in any case, and a new attempt may
/// begin (sooner where its exchange is known to have ended: `sent.rs`): a while after
/// [`PATCH_WITHIN`](crate::azure::PATCH_WITHIN), and soon enough that an entry whose removal
/// was lost is gone within a minute of its end.
const LOST_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// While an attempt takes long, people are told of what is late this often.
const WARN_EVERY: Duration = Duration::from_secs(20);

/// Why something waits while Azure works on a write.
const UNDER_WAY: &str = "a write is under way";

/// Why something waits that earlier attempts did not come to an end with.
const FAILED_BEFORE: &str = "earlier attempts failed";

/// What a turn leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickOutcome {
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
enum AttemptError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Arm(#[from] ArmError),
    #[error(transparent)]
    Ground(#[from] Malformed),
    #[error("Azure shows the registry as it was before a change that it had shown already")]
    Stale,
    #[error("what became of the write is not known: {0}")]
    Unknown(String, Option<Duration>),
    #[error("Azure could not do it ({code}): {message}")]
    Failed { code: String, message: String },
}

impl AttemptError {
    /// How long Azure asked to wait, and what it said.
    fn asked(&self) -> Option<(Duration, String)> {
        let asked = match self {
            Self::Arm(error) => error.retry_after(),
            Self::Unknown(_, asked) => *asked,
            Self::Store(_) | Self::Ground(_) | Self::Stale | Self::Failed { .. } => None,
        };
        asked.map(|asked| (asked, self.to_string()))
    }
}

/// What an attempt leaves behind.
#[derive(Debug)]
enum Remaining {
    Nothing,
    /// A write was seen to be done, and nothing else is left.
    Written,
    /// Entries of ours whose grants are over cannot be removed while this is so.
    Stuck(Obstacle),
    /// All was done that can be done now. Look again after this, or once there is more to do.
    Watch(Duration),
    /// Look again after this.
    After(Duration),
}

/// Takes one turn for the registry `id`. Fails only if the ledger does.
pub async fn run_once(app: &App, id: &ResourceId) -> Result<TickOutcome, StoreError> {
    let now = app.clock.now();
    if !is_due(app, id, now) {
        return Ok(TickOutcome::Idle);
    }
    if let Some(wait) = waits::waiting(app, id, now)
        && !waits::is_to_be_told(app, id, now)
    {
        return Ok(TickOutcome::Again(wait));
    }
    let held = match lease::take(app, id).await? {
        Ok(held) => held,
        Err(wait) => return Ok(TickOutcome::Again(clock::add(now, wait))),
    };
    let outcome = match turn_under(app, id, &held).await {
        // Another process was faster: it is to be looked at anew.
        Err(StoreError::Duplicate | StoreError::Conflict) => {
            Ok(TickOutcome::Again(clock::add(now, READ_AGAIN)))
        }
        outcome => outcome,
    };
    // Who only watches keeps nobody from opening what comes meanwhile.
    let now = app.clock.now();
    let pause = match &outcome {
        Ok(TickOutcome::Again(_)) => waits::pausing(app, id, now),
        Ok(TickOutcome::Idle | TickOutcome::Done) | Err(_) => None,
    };
    let pause = pause.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
    lease::release(app, id, &held, pause.unwrap_or_default()).await;
    outcome
}

/// The turn, under a lease.
async fn turn_under(app: &App, id: &ResourceId, held: &Held) -> Result<TickOutcome, StoreError> {
    app.ledger.follow().await?;
    let now = app.clock.now();
    if !is_due(app, id, now) {
        return Ok(TickOutcome::Idle);
    }
    waits::tell_of_throttle(app, id).await?;
    if let Some(wait) = waits::waiting(app, id, now) {
        return Ok(TickOutcome::Again(wait));
    }
    app.set_watch(id, None);
    let call = Call::new(app.clock.id());
    let outcome = Box::pin(attempt(Attempt {
        app,
        id,
        call: &call,
        held,
    }));
    let outcome = with_warnings(app, id, outcome).await;
    let asked = outcome.as_ref().err().and_then(AttemptError::asked);
    if let Some((asked, reason)) = asked {
        waits::note_throttle(app, id, asked, &reason).await?;
    }
    if let Err(
        trouble @ (AttemptError::Failed { .. } | AttemptError::Arm(_) | AttemptError::Unknown(..)),
    ) = &outcome
    {
        app.set_trouble(id, Some(trouble.to_string()));
    }
    let Some((left, why)) = handle_outcome(app, id, &call, outcome).await? else {
        app.set_trouble(id, None);
        set_pace(app, id, app.retry_state(id).succeeded());
        return Ok(TickOutcome::Done);
    };
    // One that was begun just now says nothing of why it takes long.
    if !sent::is_fresh(app, id) {
        conclude::warn_of_delays(app, id, &why).await?;
    }
    set_pace(app, id, left);
    let again = waits::waiting(app, id, app.clock.now());
    Ok(again.map_or(TickOutcome::Done, TickOutcome::Again))
}

/// What an attempt comes to; meanwhile people are told of what is late, for Azure may take minutes.
async fn with_warnings(
    app: &App,
    id: &ResourceId,
    attempt: impl Future<Output = Result<Remaining, AttemptError>>,
) -> Result<Remaining, AttemptError> {
    let over = CancellationToken::new();
    let attempt = async {
        let outcome = attempt.await;
        over.cancel();
        outcome
    };
    let warnings = async {
        loop {
            let next = clock::add(app.clock.now(), WARN_EVERY);
            tokio::select! {
                () = over.cancelled() => return Ok(()),
                () = app.clock.reached(next) => {}
            }
            conclude::warn_of_delays(app, id, UNDER_WAY).await?;
        }
    };
    let (outcome, warned): (_, Result<(), StoreError>) = tokio::join!(attempt, warnings);
    warned?;
    outcome
}

/// Why something waits while Azure works on a write; and why those before it failed, where they did.
fn under_way(app: &App, id: &ResourceId) -> String {
    let trouble = app.trouble(id);
    trouble.map_or_else(
        || UNDER_WAY.to_owned(),
        |trouble| format!("{UNDER_WAY}; the attempt before it failed: {trouble}"),
    )
}

/// When an attempt is followed by another, and why; none where nothing is left to do.
async fn handle_outcome(
    app: &App,
    id: &ResourceId,
    call: &Call,
    outcome: Result<Remaining, AttemptError>,
) -> Result<Option<(RetryState, String)>, StoreError> {
    let now = app.clock.now();
    Ok(Some(match outcome {
        Ok(Remaining::Nothing) if app.retry_state(id).circuit(now) == Circuit::Open => (
            app.retry_state(id).held_back(now),
            String::from("too many attempts have failed in a row, so nothing is added for a while"),
        ),
        Ok(Remaining::Nothing | Remaining::Written) => return Ok(None),
        Ok(Remaining::Stuck(obstacle)) => {
            waits::watch(app, id, LOOK_OUT);
            (app.retry_state(id).succeeded(), obstacle.to_string())
        }
        Ok(Remaining::Watch(pause)) => {
            waits::watch(app, id, pause);
            (app.retry_state(id).at_once(), String::from(UNDER_WAY))
        }
        Ok(Remaining::After(pause)) => (
            app.retry_state(id).until(now, clock::add(now, pause)),
            under_way(app, id),
        ),
        Err(AttemptError::Store(error)) => return Err(error),
        Err(AttemptError::Arm(error)) => {
            tracing::warn!(registry = id.name(), correlation = %call.correlation_id, "Azure: {error}");
            if drift::is_sure(app, id, &error) {
                conclude::give_up_if_final(app, id, &error).await?;
                drift::gone(app, id, &error).await?;
            }
            (
                app.retry_state(id).failed(now, error.retry_after()),
                error.to_string(),
            )
        }
        Err(stale @ AttemptError::Stale) => {
            let again = clock::add(now, READ_AGAIN);
            (app.retry_state(id).until(now, again), stale.to_string())
        }
        Err(
            trouble @ (AttemptError::Ground(_)
            | AttemptError::Unknown(..)
            | AttemptError::Failed { .. }),
        ) => {
            tracing::warn!(registry = id.name(), correlation = %call.correlation_id, "{trouble}");
            let retry_state = app.retry_state(id);
            let retry_state = match &trouble {
                // Reads tell what became of it, and the sooner the better.
                AttemptError::Unknown(_, None) => retry_state
                    .failed(now, None)
                    .until(now, clock::add(now, sent::READ_SOON)),
                AttemptError::Unknown(_, asked) => retry_state.failed(now, *asked),
                _ => retry_state.failed(now, None),
            };
            (retry_state, trouble.to_string())
        }
    }))
}

/// Sets the pace, and tells operators of a circuit that opens or closes.
fn set_pace(app: &App, id: &ResourceId, retry_state: RetryState) {
    let now = app.clock.now();
    let (before, after) = (app.retry_state(id).circuit(now), retry_state.circuit(now));
    if before != Circuit::Open && after == Circuit::Open {
        tracing::warn!(
            registry = id.name(),
            "too many attempts have failed in a row: nothing is added for a minute; removing goes on"
        );
    } else if before != Circuit::Closed && after == Circuit::Closed {
        tracing::info!(
            registry = id.name(),
            "attempts succeed again: entries are added as before"
        );
    }
    app.metrics.circuit(id.name(), after.number());
    app.set_pace(id, retry_state);
}

async fn attempt(attempt: Attempt<'_>) -> Result<Remaining, AttemptError> {
    let Attempt { app, id, call, .. } = attempt;
    let heard = drift::heard(app, id);
    let live = read::live(app, id, app.arm.read_api_version(), call).await?;
    let undone = write::undone(app, id, &live);
    drift::note(app, id, &live).await?;
    app.looked(id, app.clock.now(), heard);
    if !undone.is_empty() {
        app.ledger.append(app.clock.now(), undone).await?;
    }
    if live.is_being_updated() {
        return Ok(Remaining::After(sent::look_again(app, id)));
    }
    drift::report(app, id).await?;
    drift::conclude(app, id).await?;
    let removal_hangs = write::hangs_with_a_removal(app, id, &live);
    if let Some(left) = write::settle(attempt, &live).await? {
        return Ok(left);
    }
    ownership_tags::look(app, id, &live).await?;
    let limit = read::limit(app, id, call).await;
    let mut plan = plan_now(app, id, &live, limit);
    let unsure = set_aside_unsure(app, id, &mut plan);
    conclude::steps(app, &plan.steps).await?;
    let watch = look_out(app, id, &live).await?;
    if let Some(patch) = plan.patch {
        if let Some(pause) = waits::before_write(app, id, &patch) {
            return Ok(Remaining::After(pause));
        }
        let end = app.ledger.read(|state| next_end(state, id));
        let failed = app.retry_state(id).has_failed() && app.last_read(id).wrote >= end;
        if failed || removal_hangs {
            // A removal failed before. What this read shows is sure now, and no more once this one is sent.
            conclude::warn_of_delays(app, id, FAILED_BEFORE).await?;
        }
        return write::write(attempt, &live, patch, limit).await;
    }
    ownership_tags::note(app, id, &live).await?;
    // Tags alone say nothing of the default action. They wait for `Deny` all the same: while a registry is
    // open to all, nothing is written to it.
    if ownership_tags::is_due(app, id) && forbids_writing(&live).is_none() {
        ownership_tags::try_again(app, id);
        return write::write(attempt, &live, Patch::default(), limit).await;
    }
    if let Some(obstacle) = &plan.stuck {
        waits::note_ends(app, id, obstacle).await?;
    }
    // One whose write was lost is not over before it can land no more.
    let now = app.clock.now();
    let waits = app.ledger.read(|state| waits::has_ended(state, id, now));
    Ok(match plan.stuck {
        Some(obstacle) => Remaining::Stuck(obstacle),
        None if watch || unsure || waits => {
            Remaining::Watch(waits::backoff_for_reads(app, id, LOOK_OUT))
        }
        None => Remaining::Nothing,
    })
}
