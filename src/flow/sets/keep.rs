//! Takes in what a source says, unless that changes too much, and writes it down.

use super::load::Failure;
use super::{again, book, retry};
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::wording;
use doorward_core::policy::Policy;
use doorward_core::sets::{
    Answer, Before, External, Loaded, Ranges, RefreshPolicy, Sets, Snapshot, too_much,
};
use doorward_core::state::KnownSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of an answer.
enum Taken {
    /// It counts now.
    Accepted,
    /// It waits for a person; what counted before still does.
    Refused,
}

/// Takes in what the source of a set said.
pub(super) async fn take(
    app: &App,
    policy: &Policy,
    (external, refresh_policy): (&External, RefreshPolicy),
    answer: Result<Answer, Failure>,
) {
    let (now, period) = (app.clock.now(), refresh_policy.period(external));
    let name = policy.name_of(external);
    let failure = match answer {
        Ok(answer) => {
            let note = answer.note.clone();
            let known = book(app, |book| book.note(external));
            if let (Some(note), true) = (&note, note != known) {
                tracing::warn!("the address set `{name}`: {note}");
            }
            match accept(app, policy, (external, refresh_policy), answer).await {
                Ok(taken) => {
                    let due = again(external, period, now);
                    book(app, |book| book.answered(external, due, note));
                    let outcome = match taken {
                        Taken::Accepted => "loaded",
                        Taken::Refused => "refused",
                    };
                    app.metrics.set_refreshed(&name, outcome);
                    return;
                }
                Err(error) => Failure::because(error.to_string()),
            }
        }
        Err(failure) => failure,
    };
    app.metrics.set_refreshed(&name, "failed");
    let (why, wait) = match failure {
        Failure::Gone(why) => {
            app.sets
                .rcu(|sets| Arc::new(Sets::clone(sets).without(external)));
            tracing::error!("the address set `{name}` holds nothing any more: {why}");
            (why, None)
        }
        Failure::Failed { why, wait } => {
            let stays = match app.sets.load().get(external) {
                Some(loaded) => {
                    let age = wording::duration(now.duration_since(loaded.loaded_at));
                    format!("its value of {age} ago stays")
                }
                None => "it was never loaded, and matches nothing".to_owned(),
            };
            tracing::error!("the address set `{name}` could not be loaded, {stays}: {why}");
            (why, wait)
        }
    };
    book(app, |book| {
        let wait = retry(book.failures(external), period, wait);
        book.failed(external, why, now, wait);
    });
}

async fn accept(
    app: &App,
    policy: &Policy,
    (external, refresh_policy): (&External, RefreshPolicy),
    answer: Answer,
) -> Result<Taken, StoreError> {
    let now = app.clock.now();
    let key = external.to_string();
    let loaded = Loaded::new(Ranges::new(answer.networks), now, answer.change_number);
    let known = app.ledger.read(|state| state.sets.get(&key).cloned());
    let known = known.unwrap_or_default();
    let sets = app.sets.load_full();
    let reason = refusal(
        external,
        refresh_policy,
        (sets.get(external), &known),
        &loaded,
    );
    if let Some(reason) = reason {
        let name = policy.name_of(external);
        refuse(app, (&name, known), Snapshot::of(key, &loaded), reason).await?;
        return Ok(Taken::Refused);
    }
    let accepted = known.accepted.as_ref();
    let same = accepted.is_some_and(|(_, snapshot)| snapshot.hash == loaded.hash);
    if !same || known.refused.is_some() {
        let snapshot = Snapshot::of(key, &loaded);
        tracing::info!(
            hash = snapshot.hash,
            change_number = snapshot.change_number,
            "the address set `{}` holds {}",
            policy.name_of(external),
            snapshot.size
        );
        app.ledger
            .append(now, vec![LedgerEvent::SetLoaded(snapshot)])
            .await?;
    }
    app.metrics.set_loaded(&policy.name_of(external), now);
    app.sets
        .rcu(|sets| Arc::new(Sets::clone(sets).with_loaded(external.clone(), loaded.clone())));
    Ok(Taken::Accepted)
}

/// What of an answer changes too much. What a person put into a file needs no other to confirm it, and
/// what a person confirmed counts.
fn refusal(
    external: &External,
    refresh_policy: RefreshPolicy,
    (current, known): (Option<&Loaded>, &KnownSet),
    loaded: &Loaded,
) -> Option<String> {
    if external.in_file() || known.confirmed.as_ref() == Some(&loaded.hash) {
        return None;
    }
    let accepted = known.accepted.as_ref().map(|(_, snapshot)| snapshot);
    if accepted.is_some_and(|snapshot| snapshot.hash == loaded.hash) {
        // Another replica has taken it in, or it was so before.
        return None;
    }
    let (before, hash) = match (current, accepted) {
        (Some(current), _) => (Before::Ranges(&current.ranges), &current.hash),
        (None, Some(snapshot)) => (Before::Size(snapshot.size), &snapshot.hash),
        (None, None) => return None,
    };
    if *hash == loaded.hash {
        return None;
    }
    too_much(before, &loaded.ranges, refresh_policy.bound())
}

/// Keeps what there was, and tells people once of each candidate.
async fn refuse(
    app: &App,
    (name, known): (&str, KnownSet),
    candidate: Snapshot,
    reason: String,
) -> Result<(), StoreError> {
    let hash = candidate.hash.clone();
    app.metrics.set_waits(name, Some(&hash));
    let told = |(_, refused, _): &(_, Snapshot, _)| refused.hash == hash;
    if known.refused.as_ref().is_some_and(told) {
        return Ok(());
    }
    let text = format!(
        "The address set `{name}` keeps what it held: {reason}. If that is right, confirm it: doorward sets confirm {name} {hash}"
    );
    tracing::warn!("{text}");
    let refused = LedgerEvent::SetRefused {
        candidate: candidate.without_networks(),
        reason,
    };
    let alert = app.alert("set_refused", text, &About::default());
    app.ledger
        .append(app.clock.now(), vec![refused, alert])
        .await
}

/// Writes down what sets hold that no source was asked for just now: addresses in the policy itself,
/// and files that were read with it. Each is written once.
pub(super) async fn record(app: &App, policy: &Policy) {
    let now = app.clock.now();
    let mut snapshots: BTreeMap<String, Snapshot> = BTreeMap::new();
    for set in policy.all_sets() {
        set.each_written(&mut |ranges| {
            let loaded = Loaded::new(ranges.clone(), now, None);
            let key = format!("cidrs {}", loaded.hash);
            snapshots.insert(key.clone(), Snapshot::of(key, &loaded));
        });
    }
    let sets = app.sets.load_full();
    for external in policy.needs().iter().filter(|external| external.in_file()) {
        if let Some(loaded) = sets.get(external) {
            let key = external.to_string();
            snapshots.insert(key.clone(), Snapshot::of(key, loaded));
        }
    }
    let new = app.ledger.read(|state| {
        let is_new = |snapshot: &Snapshot| {
            let known = state.sets.get(&snapshot.set);
            let accepted = known.and_then(|known| known.accepted.as_ref());
            accepted.is_none_or(|(_, accepted)| accepted.hash != snapshot.hash)
        };
        let new = snapshots.into_values().filter(is_new);
        new.map(LedgerEvent::SetLoaded).collect::<Vec<_>>()
    });
    if !new.is_empty()
        && let Err(error) = app.ledger.append(now, new).await
    {
        tracing::error!("what the address sets hold could not be written down: {error}");
    }
}
