//! Looking at registries: what a read shows is written down where it is new, and what others changed
//! is told once reads have shown it long enough.

use super::reconcile::{LOOK_OUT, SURELY_GONE};
use crate::azure::ArmError;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::firewall::{Answer, Class, Drift, Live, Overwritten, Seen};
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::{LedgerEvent, Write};
use doorward_core::ledger::grant::{Ending, Grant};
use doorward_core::ledger::id::GrantId;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use jiff::{SignedDuration, Timestamp};

/// Whether a registry is to be read now, whatever else is to be done with it: its time has come, an
/// event tells that others changed it, or a change is not sure yet.
pub(in crate::flow) fn is_due(app: &App, id: &ResourceId, now: Timestamp) -> bool {
    let Some((_, heard)) = app.last_look(id) else {
        return true;
    };
    heard != self::heard(app, id) || next(app, id).is_some_and(|next| next <= now)
}

/// When it is to be read next, if no event tells of a change: later while Azure has few reads left for us,
/// after four times as long at most.
pub(in crate::flow) fn next(app: &App, id: &ResourceId) -> Option<Timestamp> {
    let (at, _) = app.last_look(id)?;
    let drifts = app
        .ledger
        .read(|state| state.differs(id, at) || !state.overwritten(id, Timestamp::MAX).is_empty());
    let every = app.registries.get(id)?.drift.every;
    let period = if drifts { LOOK_OUT.min(every) } else { every };
    Some(clock::add(at, app.arm.seldom(period)))
}

/// Of how many changes of others events have told; asked before a read, so that none of them that
/// comes meanwhile is taken for seen.
pub(in crate::flow) fn heard(app: &App, id: &ResourceId) -> u64 {
    app.ledger.read(|state| {
        let registry = state.registries.get(id);
        registry.map_or(0, |registry| registry.sight.heard)
    })
}

/// Writes down what a read shows, if the one before it showed something else, writes of ours under
/// way aside.
pub(in crate::flow) async fn note(
    app: &App,
    id: &ResourceId,
    live: &Live,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut seen = Seen::of(live);
    let (known, gone, in_flight, newer) = app.ledger.read(|state| {
        let registry = state.registries.get(id);
        // What others changed that is not shown here is in what is sent back: it must not be undone by a stale
        // read after a restart. What our own write changed is written down with its outcome.
        let newer = registry.is_some_and(|registry| {
            let settled = registry.unsettled.is_none();
            settled && live.modified.is_some() && registry.modified != live.modified
        });
        let sight = registry.map(|registry| &registry.sight);
        let known = sight.and_then(|sight| sight.seen.clone());
        let gone = sight.is_some_and(|sight| sight.gone);
        (known, gone, state.ours(id, now).in_flight, newer)
    });
    if let (Some(known), true) = (&known, live.is_being_updated()) {
        // That it is being updated is no news.
        seen.provisioning_state
            .clone_from(&known.provisioning_state);
    }
    let same = known.is_some_and(|known| known.is_same(&seen, &in_flight));
    let mut what = Vec::new();
    if gone {
        what.extend(drifted(app, id, Drift::RegistryBack, Vec::new()));
    }
    if gone || !same || newer {
        what.push(LedgerEvent::RegistrySeen {
            registry: id.clone(),
            seen: Some(seen),
            base_of: None,
            asked: live.asked,
            modified: live.modified,
        });
    }
    if what.is_empty() {
        return Ok(());
    }
    app.ledger.append(now, what).await
}

/// Whether the read that a write was made from shows nothing that was not known when it was begun.
pub(super) fn is_as_known(app: &App, write: &Write, base: &Live) -> bool {
    let known = app
        .ledger
        .read(|state| state.registries.get(&write.registry)?.modified);
    base.entries() == write.before && known == base.modified
}

/// Writes down the read that a write was made from, where its reply was lost: what later reads show
/// beside it and our write then dropped was others'.
pub(in crate::flow) async fn note_base(
    app: &App,
    write: &Write,
    base: &Live,
) -> Result<(), StoreError> {
    let what = LedgerEvent::RegistrySeen {
        registry: write.registry.clone(),
        seen: Some(Seen::of(base)),
        base_of: Some(write.id),
        asked: base.asked,
        modified: base.modified,
    };
    app.ledger.append(app.clock.now(), vec![what]).await
}

/// Whether an error is to be believed: that there is no such registry may be a slip, unless Azure has
/// said so for [`SURELY_GONE`], and nothing else.
pub(in crate::flow) fn is_sure(app: &App, id: &ResourceId, error: &ArmError) -> bool {
    let now = app.clock.now();
    let absent = matches!(error, ArmError::NotFound { .. });
    !absent || now.duration_since(app.absent_since(id, now)) >= SURELY_GONE
}

/// Azure knows no such registry, if that is what it says: said once.
pub(in crate::flow) async fn gone(
    app: &App,
    id: &ResourceId,
    error: &ArmError,
) -> Result<(), StoreError> {
    if !matches!(error, ArmError::NotFound { .. }) {
        return Ok(());
    }
    let now = app.clock.now();
    app.looked(id, now, heard(app, id));
    let known = app.ledger.read(|state| {
        let registry = state.registries.get(id);
        registry.is_some_and(|registry| registry.sight.gone)
    });
    if known {
        return Ok(());
    }
    let by = by(app, id, now);
    let mut what = vec![LedgerEvent::RegistrySeen {
        registry: id.clone(),
        seen: None,
        base_of: None,
        asked: None,
        modified: None,
    }];
    what.extend(drifted(app, id, Drift::RegistryGone, by));
    app.ledger.append(now, what).await
}

/// Tells what others changed, once all reads have shown it for [`SURELY_GONE`]: a single one may be
/// stale. Grants whose entries they took away end, or are restored.
pub(in crate::flow) async fn conclude(app: &App, id: &ResourceId) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut what = Vec::new();
    for (since, drift) in app.ledger.read(|state| state.drift(id, now, SURELY_GONE)) {
        let grants = drift.grants().to_vec();
        what.extend(drifted(app, id, drift, by(app, id, since)));
        for grant in grants {
            what.extend(taken_away(app, id, grant));
        }
    }
    if what.is_empty() {
        return Ok(());
    }
    app.ledger.append(now, what).await
}

/// Who changed the registry about the time at which reads began to show it.
fn by(app: &App, id: &ResourceId, since: Timestamp) -> Vec<String> {
    let every = app.registries.get(id).map(|known| known.drift.every);
    let every = SignedDuration::try_from(every.unwrap_or_default()).unwrap_or_default();
    app.ledger.read(|state| {
        let registry = state.registries.get(id);
        registry.map_or_else(Vec::new, |registry| registry.sight.by(since, every))
    })
}

/// The entry and, unless it is accepted, the message.
fn drifted(app: &App, id: &ResourceId, drift: Drift, by: Vec<String>) -> Vec<LedgerEvent> {
    let answers = app.registries.get(id).map(|known| &known.drift.answers);
    let to = |class| answers.map_or(Answer::Alert, |answers| answers.to(class));
    let restores = to(Class::OursMissing) == Answer::Restore
        && drift.grants().iter().any(|grant| may_restore(app, *grant));
    let tell = to(drift.class()) != Answer::Accept;
    let answer = match (restores, tell) {
        (true, _) => Answer::Restore,
        (false, true) => Answer::Alert,
        (false, false) => Answer::Accept,
    };
    let (before, after) = app.ledger.read(|state| {
        let sight = state.registries.get(id).map(|registry| &registry.sight);
        let entries = |seen: Option<&Option<Seen>>| {
            let seen = seen.and_then(Option::as_ref);
            seen.map_or_else(Vec::new, |seen| seen.entries.clone())
        };
        (
            entries(sight.map(|sight| &sight.settled)),
            entries(sight.map(|sight| &sight.seen)),
        )
    });
    let text = drift.text(id, &by, (&before, &after), answer);
    let only = match drift.grants() {
        [only] => grant(app, *only),
        _ => None,
    };
    let about = only.map_or_else(|| About::registry(id), |grant| About::grant(&grant));
    let alert = tell.then(|| app.alert(drift.code(), text, &about));
    let drifted = LedgerEvent::Drifted {
        registry: id.clone(),
        drift,
        by,
        answer,
    };
    std::iter::once(drifted).chain(alert).collect()
}

/// What becomes of a grant whose entry others took away: it is respected, unless configuration says
/// that it is restored, and not endlessly.
fn taken_away(app: &App, id: &ResourceId, taken: GrantId) -> Vec<LedgerEvent> {
    let answers = app.registries.get(id).map(|known| &known.drift.answers);
    let restore = answers.is_some_and(|it| it.to(Class::OursMissing) == Answer::Restore);
    if restore && may_restore(app, taken) {
        return vec![LedgerEvent::Restoring { grant: taken }];
    }
    let given_up = grant(app, taken).filter(|_| restore);
    let given_up = given_up.map(|grant| {
        let text = format!(
            "others have taken the entry for `{}` off the list of `{}` again and again, as often as doorward wrote it: it stops, and \
             the grant ends. Find out who: the activity log of the registry names them",
            grant.address,
            id.name()
        );
        app.alert("restore_given_up", text, &About::grant(&grant))
    });
    let silent = app.ledger.read(|state| state.not_seen_again(taken));
    let ended = LedgerEvent::Ended {
        grant: taken,
        ending: Ending::RemovedByOthers,
    };
    silent.into_iter().chain([ended]).chain(given_up).collect()
}

fn may_restore(app: &App, grant: GrantId) -> bool {
    let now = app.clock.now();
    app.ledger.read(|state| state.may_restore(grant, now))
}

fn grant(app: &App, id: GrantId) -> Option<Grant> {
    let find = |state: &doorward_core::state::State| Some(state.grants.get(&id)?.grant.clone());
    app.ledger.read(find)
}

/// Reports the changes of others that fall into the gap of a write of ours and that reads do not show, once
/// they have not for [`SURELY_GONE`]: a single one may be stale.
pub(in crate::flow) async fn report(app: &App, id: &ResourceId) -> Result<(), StoreError> {
    let now = app.clock.now();
    let until = now.checked_sub(SURELY_GONE).unwrap_or(Timestamp::MIN);
    for overwritten in app.ledger.read(|state| state.overwritten(id, until)) {
        let what = possibly_overwritten(app, overwritten);
        app.ledger.append(app.clock.now(), what).await?;
    }
    Ok(())
}

/// What is to be said where `write`, which `live` shows for the first time, undid what reads since it
/// was made have shown.
pub(in crate::flow) fn undone(
    app: &App,
    begun: Timestamp,
    write: &Write,
    live: &Live,
) -> Vec<LedgerEvent> {
    let now = app.clock.now();
    let after = Seen::of(live);
    let (dropped, undone) = app.ledger.read(|state| {
        let registry = state.registries.get(&write.registry);
        let ours = state.ours(&write.registry, now);
        registry.map_or_else(Default::default, |it| it.sight.undone(write, &after, &ours))
    });
    if dropped.is_empty() && undone.is_empty() {
        return Vec::new();
    }
    tracing::warn!(registry = write.registry.name(), write = %write.id, %begun, "a late write undid what others had done");
    let enrolled = app.registries.get(&write.registry);
    let restores = enrolled.is_some_and(|enrolled| enrolled.drift.restore_foreign);
    let overwritten = Overwritten {
        registry: write.registry.clone(),
        write: write.id,
        event: None,
        by: None,
        at: None,
        also: Vec::new(),
        before: write.before.clone(),
        after: after.entries,
        undone,
        restoring: restores && !dropped.is_empty(),
        dropped,
    };
    possibly_overwritten(app, overwritten)
}

fn possibly_overwritten(app: &App, overwritten: Overwritten) -> Vec<LedgerEvent> {
    let about = About::registry(&overwritten.registry);
    let text = wording::sentence(&overwritten.text());
    let alert = app.alert(Overwritten::CODE, text, &about);
    vec![LedgerEvent::PossiblyOverwritten(overwritten), alert]
}
