//! Writing: intent, one PATCH right after a GET, outcome by reading.

use super::{
    Attempt, AttemptError, READ_AGAIN, Remaining, Sent, conclude, ownership_tags, plan_now, read,
    sent,
};
use crate::azure::{Accepted, Arm, PatchError};
use crate::flow::app::App;
use crate::flow::registry::drift;
use crate::flow::registry::lease;
use crate::flow::registry::lease::Held;
use crate::store::StoreError;
use doorward_core::firewall::raw_json::RawObject;
use doorward_core::firewall::{Live, Patch, forbids_writing, missing_in};
use doorward_core::ledger::event::{LedgerEvent, Write, WriteOutcome};
use doorward_core::ledger::id::WriteId;
use doorward_core::net::resource_id::ResourceId;
use std::time::Duration;

/// Settles a write of which the fate is unknown, by a read; what its operation says only helps. What the
/// attempt leaves behind, if it is unknown still.
pub(super) async fn settle(
    attempt: Attempt<'_>,
    live: &Live,
) -> Result<Option<Remaining>, AttemptError> {
    let Attempt { app, id, call, .. } = attempt;
    let hanging = app.ledger.read(|state| {
        state
            .registries
            .get(id)
            .and_then(|registry| registry.unsettled.clone())
    });
    let Some((begun, write)) = hanging else {
        return Ok(None);
    };
    if write.patch().shows_in(live) {
        applied(app, &write, live).await?;
        return Ok(None);
    }
    if let Some((code, message)) = sent::failure(app, &write, call).await {
        let trouble = AttemptError::Failed { code, message };
        return failed(attempt, &write, None, trouble).await.map(Some);
    }
    if !sent::is_lost(app, &write, begun) {
        return Ok(Some(Remaining::After(sent::look_again(app, id))));
    }
    let reason = "no reply told what became of it, and no read has shown it since".to_owned();
    settled(app, &write, WriteOutcome::Lost { reason }).await?;
    Ok(None)
}

/// Whether a write of which the fate is unknown was to take something away, and `live` does not show it.
pub(super) fn hangs_with_a_removal(app: &App, id: &ResourceId, live: &Live) -> bool {
    app.ledger.read(|state| {
        let registry = state.registries.get(id);
        let hanging = registry.and_then(|registry| registry.unsettled.as_ref());
        hanging.is_some_and(|(_, write)| !write.remove.is_empty() && !write.patch().shows_in(live))
    })
}

/// What a write of which the fate was unknown undid, if `live` is the read that shows it.
pub(super) fn undone(app: &App, id: &ResourceId, live: &Live) -> Vec<LedgerEvent> {
    let hanging = app
        .ledger
        .read(|state| state.registries.get(id)?.unsettled.clone());
    let shown = hanging.filter(|(_, write)| write.patch().shows_in(live));
    shown.map_or_else(Vec::new, |(begun, write)| {
        drift::undone(app, begun, &write, live)
    })
}

/// Writes `patch`: intent into the ledger, the lease once more, a last GET, the PATCH, and a read to see.
pub(super) async fn write(
    attempt: Attempt<'_>,
    live: &Live,
    patch: Patch,
    limit: u32,
) -> Result<Remaining, AttemptError> {
    let Attempt { app, id, call, .. } = attempt;
    let write = intend(attempt, live, &patch).await?;
    // From the intent on, no entry of it is handed over; one may have been since the plan was made.
    if !takes_only_ours(app, &write) {
        let reason = "an entry that it takes away was handed over meanwhile, so it was not sent";
        not_applied(app, &write, reason).await?;
        return Ok(Remaining::After(READ_AGAIN));
    }
    let Some(held) = renewed(app, &write).await? else {
        let reason = "the right to write had passed on to another replica, so it was not sent";
        not_applied(app, &write, reason).await?;
        return Ok(Remaining::After(READ_AGAIN));
    };
    // From here to the PATCH nothing is waited for but Azure: this is the gap that ARM leaves.
    let arm = client_for_api_version(&app.arm, live);
    let fresh = match last_look(attempt, &arm, live, &patch, limit).await {
        Ok(fresh) => fresh,
        Err(WhyNot { reason, left }) => {
            not_applied(app, &write, reason).await?;
            return left;
        }
    };
    let body = ownership_tags::body(app, id, &patch, &fresh);
    app.set_pace(id, app.retry_state(id).wrote(app.clock.now()));
    app.has_written(id, app.clock.now());
    let outcome = arm
        .patch_registry(id, &body, call, || held.may_patch())
        .await;
    tracing::info!(registry = id.name(), correlation = %call.correlation_id, add = ?write.add, remove = ?write.remove, ok = outcome.is_ok(), "PATCH");
    conclude_with(attempt, &write, &fresh, &body, outcome).await
}

/// Writes down what is about to be written, before anything is sent.
async fn intend(attempt: Attempt<'_>, live: &Live, patch: &Patch) -> Result<Write, StoreError> {
    let Attempt { app, id, call, .. } = attempt;
    let write = Write {
        id: WriteId(call.correlation_id),
        registry: id.clone(),
        add: patch.add.iter().copied().collect(),
        remove: patch.remove.iter().copied().collect(),
        before: live.entries(),
        subnets: live.subnets.iter().cloned().collect(),
        restore_entries: patch.restore_entries.clone(),
        generation: attempt.held.generation(),
    };
    let what = vec![LedgerEvent::WriteIntended(write.clone())];
    app.ledger.append(app.clock.now(), what).await?;
    Ok(write)
}

/// Whether all that a write takes away is doorward's own, as orders stand now.
fn takes_only_ours(app: &App, write: &Write) -> bool {
    let now = app.clock.now();
    let ours = app.ledger.read(|state| state.ours(&write.registry, now));
    write
        .remove
        .iter()
        .all(|entry| ours.claimed.contains(entry))
}

/// The lease under which the write was intended, renewed; none if others had it in between.
async fn renewed(app: &App, write: &Write) -> Result<Option<Held>, StoreError> {
    let held = lease::take(app, &write.registry).await?.ok();
    Ok(held.filter(|held| held.generation() == write.generation))
}

/// Why an intended write is not sent after all, and what the attempt leaves behind then.
struct WhyNot {
    reason: &'static str,
    left: Result<Remaining, AttemptError>,
}

/// Reads the registry right before the PATCH: as it is, if the PATCH still fits it, else why not.
async fn last_look(
    Attempt { app, id, call, .. }: Attempt<'_>,
    arm: &Arm,
    live: &Live,
    patch: &Patch,
    limit: u32,
) -> Result<Live, WhyNot> {
    let not = |reason, left| Err(WhyNot { reason, left });
    let fresh = match read::live(app, id, arm.api_version(), call).await {
        Ok(fresh) => fresh,
        Err(trouble) => {
            let reason = "the read right before it failed, so it was not sent";
            return not(reason, Err(trouble));
        }
    };
    if fresh.is_being_updated() {
        let reason = "others' write began before it was sent";
        return not(reason, Ok(Remaining::After(READ_AGAIN)));
    }
    // An entry that the last read showed and this one does not was taken away just now, or one of the two
    // reads is stale: written from it, our PATCH would drop the entry.
    let lacks = !missing_in(&fresh.entries(), &live.entries()).is_empty();
    let forbidden = forbids_writing(&fresh).is_some();
    if lacks || forbidden || plan_now(app, id, &fresh, limit).patch.unwrap_or_default() != *patch {
        let soon = if lacks { READ_AGAIN } else { Duration::ZERO };
        return not(
            "the list changed before it was sent",
            Ok(Remaining::After(soon)),
        );
    }
    Ok(fresh)
}

/// What follows from the PATCH's outcome.
async fn conclude_with(
    attempt: Attempt<'_>,
    write: &Write,
    fresh: &Live,
    body: &RawObject,
    outcome: Result<Accepted, PatchError>,
) -> Result<Remaining, AttemptError> {
    let Attempt { app, id, .. } = attempt;
    match outcome {
        Ok(Accepted::Done) => verify(attempt, write, fresh).await,
        Ok(Accepted::Running(operation)) => {
            drift::note_base(app, write, fresh).await?;
            app.set_sent(id, Sent::running(app, write, operation));
            Ok(Remaining::After(sent::READ_SOON))
        }
        Err(error @ PatchError::TooLate) => {
            not_applied(app, write, &error.to_string()).await?;
            Ok(Remaining::After(Duration::ZERO))
        }
        Err(PatchError::Unknown { why, retry_after }) => {
            drift::note_base(app, write, fresh).await?;
            app.set_sent(id, Sent::unanswered(app, write));
            Err(AttemptError::Unknown(why, retry_after))
        }
        Err(PatchError::NotApplied(error)) => {
            let learnt = error
                .refusal()
                .is_some_and(|said| read::learn_limit(app, write, fresh, said));
            if learnt {
                not_applied(app, write, &error.to_string()).await?;
                return Ok(Remaining::After(Duration::ZERO));
            }
            let again_without = ownership_tags::go_without(app, id, body, &error).await?;
            not_applied(app, write, &error.to_string()).await?;
            if again_without {
                Ok(Remaining::After(Duration::ZERO))
            } else {
                Err(AttemptError::Arm(error))
            }
        }
        Err(PatchError::OperationFailed { code, message }) => {
            failed(
                attempt,
                write,
                Some(fresh),
                AttemptError::Failed { code, message },
            )
            .await
        }
    }
}

/// Azure began, and says that it could not do it: what stands now, a read tells. Where it does not show
/// the write, something of it may stand all the same or come yet; what waits for it is tried again, and
/// given up when too many attempts have failed in a row.
async fn failed(
    attempt: Attempt<'_>,
    write: &Write,
    fresh: Option<&Live>,
    trouble: AttemptError,
) -> Result<Remaining, AttemptError> {
    let Attempt { app, id, call, .. } = attempt;
    let live = read::live(app, id, app.arm.read_api_version(), call).await?;
    if write.patch().shows_in(&live) {
        return shown(attempt, write, fresh, &live).await;
    }
    if let Some(fresh) = fresh {
        drift::note_base(app, write, fresh).await?;
    }
    let reason = trouble.to_string();
    if let AttemptError::Failed { message, .. } = &trouble {
        read::learn_limit(app, write, &live, message);
    }
    if app.retry_state(id).is_last() {
        conclude::refused(app, id, write, &reason).await?;
    }
    settled(app, write, WriteOutcome::Lost { reason }).await?;
    Err(trouble)
}

/// Where there are virtual network rules, the api-version is one that shows them: they are sent back as
/// they were read. What others do to them is not known in Azure's pages.
pub(in crate::flow) fn client_for_api_version(arm: &Arm, live: &Live) -> Arm {
    if live.subnets.is_empty() {
        arm.clone()
    } else {
        arm.with_api_version(arm.read_api_version())
    }
}

async fn verify(
    attempt: Attempt<'_>,
    write: &Write,
    before: &Live,
) -> Result<Remaining, AttemptError> {
    let Attempt { app, id, call, .. } = attempt;
    let live = read::live(app, id, app.arm.read_api_version(), call).await?;
    if write.patch().shows_in(&live) {
        return shown(attempt, write, Some(before), &live).await;
    }
    drift::note_base(app, write, before).await?;
    Ok(Remaining::After(READ_AGAIN))
}

/// A read after the PATCH shows it; `before` is the one that it was made from, if it is not written down yet.
async fn shown(
    Attempt { app, id, .. }: Attempt<'_>,
    write: &Write,
    before: Option<&Live>,
    live: &Live,
) -> Result<Remaining, AttemptError> {
    // One that hung, and that another read showed not to be done yet.
    let undone = match before {
        None => undone(app, id, live),
        Some(_) => Vec::new(),
    };
    match before {
        Some(before) if drift::is_as_known(app, write, before) => {
            drift::note(app, id, before).await?;
        }
        Some(before) => drift::note_base(app, write, before).await?,
        None => {}
    }
    drift::note(app, id, live).await?;
    if !undone.is_empty() {
        app.ledger.append(app.clock.now(), undone).await?;
    }
    applied(app, write, live).await?;
    ownership_tags::note(app, id, live).await?;
    Ok(Remaining::Written)
}

async fn applied(app: &App, write: &Write, live: &Live) -> Result<(), StoreError> {
    let now = app.clock.now();
    let outcome = WriteOutcome::Applied {
        after: live.entries(),
        modified: live.modified,
    };
    let mut what = vec![LedgerEvent::WriteSettled {
        write: write.id,
        registry: write.registry.clone(),
        outcome,
    }];
    let outcomes: Vec<LedgerEvent> = app.ledger.read(|state| {
        let outcomes = state.outcomes(write, now).into_iter();
        outcomes
            .flat_map(|what| conclude::with_last_word(state, what))
            .collect()
    });
    what.extend(conclude::with_alerts(app, outcomes));
    what.extend(conclude::lost_networks(app, write, live));
    app.ledger.append(now, what).await
}

async fn not_applied(app: &App, write: &Write, reason: &str) -> Result<(), StoreError> {
    settled(
        app,
        write,
        WriteOutcome::NotApplied {
            reason: reason.to_owned(),
        },
    )
    .await
}

async fn settled(app: &App, write: &Write, outcome: WriteOutcome) -> Result<(), StoreError> {
    let what = LedgerEvent::WriteSettled {
        write: write.id,
        registry: write.registry.clone(),
        outcome,
    };
    app.ledger.append(app.clock.now(), vec![what]).await
}
