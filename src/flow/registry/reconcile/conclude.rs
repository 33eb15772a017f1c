//! What a read or a refusal means for grants, and whom to tell.

use crate::azure::ArmError;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::firewall::{Live, Step};
use doorward_core::intake::report::Evidence;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::{LedgerEvent, Write};
use doorward_core::ledger::grant::{Ending, Grant, Stage};
use doorward_core::ledger::id::GrantId;
use doorward_core::messages::outcome::{OBSERVE, OBSERVES};
use doorward_core::messages::overdue;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::{GrantRecord, Known, Late, State};
use jiff::{SignedDuration, Timestamp};

/// A grant that is not open after this long is worth a word.
pub(super) const SLOW_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// Writes down what follows from a read.
pub(super) async fn steps(app: &App, steps: &[Step]) -> Result<(), StoreError> {
    let mut all = Vec::new();
    for step in steps {
        all.extend(match step {
            Step::Opened(grant, entry) => {
                let within = (entry.prefix_len() < entry.max_prefix_len()).then_some(*entry);
                vec![LedgerEvent::Opened {
                    grant: *grant,
                    within,
                }]
            }
            Step::CoveredByExisting(grant, entry) => satisfied(app, *grant, entry),
            Step::NotOpened(grant, obstacle) => {
                not_opened(app, *grant, obstacle.code(), &obstacle.to_string())
            }
            Step::Observed(grant) => vec![LedgerEvent::NotOpened {
                grant: *grant,
                code: OBSERVE.to_owned(),
                reason: OBSERVES.to_owned(),
            }],
            Step::Ended(grant, ending) => {
                let (grant, ending) = (*grant, *ending);
                let ended = LedgerEvent::Ended { grant, ending };
                app.ledger.read(|state| with_last_word(state, ended))
            }
        });
    }
    if all.is_empty() {
        return Ok(());
    }
    let all = with_alerts(app, all);
    app.ledger.append(app.clock.now(), all).await
}

/// An end, after the last word on whether its grant helped.
pub(super) fn with_last_word(state: &State, what: LedgerEvent) -> Vec<LedgerEvent> {
    let silent = match &what {
        LedgerEvent::Ended { grant, .. } => state.not_seen_again(*grant),
        _ => None,
    };
    silent.into_iter().chain([what]).collect()
}

fn satisfied(app: &App, grant: GrantId, entry: &str) -> Vec<LedgerEvent> {
    let mut what = vec![LedgerEvent::CoveredByExisting {
        grant,
        entry: entry.to_owned(),
    }];
    if let Some(standing) = standing(app, grant) {
        let text = wording::already_covered(
            &standing.grant,
            entry,
            standing.evidence == Evidence::Status403,
        );
        what.push(app.alert("already_covered", text, &About::grant(&standing.grant)));
    }
    what
}

fn not_opened(app: &App, grant: GrantId, code: &str, reason: &str) -> Vec<LedgerEvent> {
    let mut what = vec![LedgerEvent::NotOpened {
        grant,
        code: code.to_owned(),
        reason: reason.to_owned(),
    }];
    if let Some(standing) = standing(app, grant) {
        what.push(app.alert(
            code,
            wording::not_opened(&standing.grant, reason),
            &About::grant(&standing.grant),
        ));
    }
    what
}

/// What follows for the grants of one registry, with a word to people where one ends early, or where they
/// were told that nobody knows whether its entry stands.
pub(super) fn with_alerts(app: &App, outcomes: Vec<LedgerEvent>) -> Vec<LedgerEvent> {
    let ended = outcomes.iter().filter_map(|what| match what {
        LedgerEvent::Ended { grant, ending } => Some((standing(app, *grant)?, *ending)),
        _ => None,
    });
    let ended: Vec<(GrantRecord, Ending)> = ended.collect();
    let evicted = |(standing, ending): &(GrantRecord, Ending)| {
        let grant = &standing.grant;
        let early = *ending == Ending::Evicted;
        early.then(|| app.alert("evicted", wording::evicted(grant), &About::grant(grant)))
    };
    let in_doubt = ended
        .iter()
        .filter(|(standing, ending)| *ending != Ending::Evicted && standing.in_doubt().is_some());
    let in_doubt: Vec<_> = in_doubt
        .map(|(standing, ending)| (&standing.grant, Some(*ending)))
        .collect();
    let told: Vec<LedgerEvent> = ended
        .iter()
        .filter_map(evicted)
        .chain(known(app, &in_doubt))
        .collect();
    outcomes.into_iter().chain(told).collect()
}

/// What is to be said where virtual network rules are gone after a write: they stood before it.
pub(super) fn lost_networks(app: &App, write: &Write, after: &Live) -> Vec<LedgerEvent> {
    let gone = write.subnets.iter();
    let subnets: Vec<String> = gone
        .filter(|subnet| !after.subnets.contains(*subnet))
        .cloned()
        .collect();
    if subnets.is_empty() {
        return Vec::new();
    }
    let id = &write.registry;
    tracing::error!(
        registry = id.name(),
        ?subnets,
        "virtual network rules are gone after a write of ours"
    );
    let text = wording::virtual_networks_lost(id, &subnets);
    let alert = app.alert(wording::NETWORKS_LOST, text, &About::registry(id));
    let lost = LedgerEvent::VirtualNetworkRulesLost {
        registry: id.clone(),
        write: write.id,
        subnets,
    };
    vec![lost, alert]
}

fn standing(app: &App, grant: GrantId) -> Option<GrantRecord> {
    app.ledger.read(|state| state.grants.get(&grant).cloned())
}

/// Azure refused a write for good: its grants will not be opened.
pub(super) async fn refused(
    app: &App,
    id: &ResourceId,
    write: &Write,
    reason: &str,
) -> Result<(), StoreError> {
    let hit = |standing: &GrantRecord| write.admits(standing.grant.address.get());
    refuse_waiting(app, id, hit, reason).await
}

/// An error that will not pass by itself ends the grants that wait to be opened. Entries that wait
/// to be removed are never given up.
pub(super) async fn give_up_if_final(
    app: &App,
    id: &ResourceId,
    error: &ArmError,
) -> Result<(), StoreError> {
    if error.is_transient() {
        return Ok(());
    }
    if error.may_pass() {
        return refused_for_now(app, id, error).await;
    }
    let reason = format!("Azure refused: {error}");
    let in_force = |standing: &GrantRecord| !standing.is_over(app.clock.now());
    refuse_waiting(app, id, in_force, &reason).await
}

/// A permission is missing, and may come: people are told once while grants wait for it.
async fn refused_for_now(app: &App, id: &ResourceId, error: &ArmError) -> Result<(), StoreError> {
    let now = app.clock.now();
    let waiting: Vec<GrantRecord> = app.ledger.read(|state| {
        let all = state.grants_of(id);
        let waiting = all.filter(|it| it.waits_for_a_write() && !it.is_over(now));
        waiting.cloned().collect()
    });
    let told = |it: &GrantRecord| it.notified_at.contains_key(wording::WRITE_REFUSED);
    let Some(longest) = waiting.iter().max_by_key(|it| it.grant.until) else {
        return Ok(());
    };
    if waiting.iter().any(told) {
        return Ok(());
    }
    let grant = &longest.grant;
    let said = (error.to_string(), error.missing_action());
    let text = wording::write_refused(id, (&said.0, said.1), grant.until);
    let alert = app.alert(wording::WRITE_REFUSED, text, &About::grant(grant));
    app.ledger.append(now, vec![alert]).await
}

/// Those grants of a registry that wait to be opened, and that `hit` says, will not be.
async fn refuse_waiting(
    app: &App,
    id: &ResourceId,
    hit: impl Fn(&GrantRecord) -> bool,
    reason: &str,
) -> Result<(), StoreError> {
    let grants: Vec<GrantId> = app.ledger.read(|state| {
        let waiting = state
            .grants_of(id)
            .filter(|standing| standing.waits_for_a_write());
        waiting
            .filter(|standing| hit(standing))
            .map(|standing| standing.grant.id)
            .collect()
    });
    for grant in grants {
        let what = not_opened(app, grant, "azure_refused", reason);
        app.ledger.append(app.clock.now(), what).await?;
    }
    Ok(())
}

/// Tells people of entries that should be gone, again and again, and once of openings that hang.
pub(super) async fn warn_of_delays(
    app: &App,
    id: &ResourceId,
    why: &str,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut what = late(app, id, why);
    what.extend(known_again(app, id));
    let slow: Vec<GrantRecord> = app.ledger.read(|state| {
        let slow = state.grants_of(id).filter(|standing| {
            standing.stage == Stage::Intended
                && !standing.is_over(now)
                && now.duration_since(standing.since) > SLOW_AFTER
                && !standing.notified_at.contains_key(wording::SLOW)
        });
        slow.cloned().collect()
    });
    what.extend(slow.iter().map(|GrantRecord { grant, .. }| {
        app.alert(
            wording::SLOW,
            wording::slow(grant, why),
            &About::grant(grant),
        )
    }));
    if what.is_empty() {
        return Ok(());
    }
    app.ledger.append(now, what).await
}

/// What is to be told of entries that should be gone: of those that a read showed past their end, and of
/// those of which nobody can tell, one message each.
fn late(app: &App, id: &ResourceId, why: &str) -> Vec<LedgerEvent> {
    let now = app.clock.now();
    let read = app.last_read(id);
    app.ledger.read(|state| {
        let late = state.late(id, &read, now).into_iter();
        let (stand, unknown): (Vec<Late<'_>>, Vec<Late<'_>>) =
            late.partition(|late| matches!(late.known, Known::Stands(_)));
        let told = |code: &str| state.registries.get(id)?.notified_at.get(code).copied();
        let tell = |(code, late): (&str, Vec<Late<'_>>)| {
            let ends: Vec<Timestamp> = late.iter().map(|late| late.due).collect();
            if !overdue::is_due_again(&ends, told(code), now) {
                return None;
            }
            tracing::error!(registry = id.name(), grants = late.len(), "{code}: {why}");
            let grants: Vec<&Grant> = late.iter().map(|late| &late.standing.grant).collect();
            let text = overdue::text(&late, now, why);
            Some(app.alert(code, text, &About::grants(&grants)))
        };
        let both = [(wording::OVERDUE, stand), (wording::END_UNKNOWN, unknown)];
        both.into_iter().filter_map(tell).collect()
    })
}

/// What is to be told where it could not be told whether entries stand, and a read shows now that they do
/// not.
fn known_again(app: &App, id: &ResourceId) -> Option<LedgerEvent> {
    let read = app.last_read(id);
    app.ledger.read(|state| {
        let gone = state.grants_of(id).filter(|standing| {
            let address = standing.grant.address.get();
            let after = |told: Timestamp| read.at.is_some_and(|at| at > told);
            standing.in_doubt().is_some_and(after)
                && !read.networks.iter().any(|net| net.contains(&address))
        });
        let gone: Vec<_> = gone.map(|standing| (&standing.grant, None)).collect();
        known(app, &gone)
    })
}

/// That it is known again what became of the entries of these grants of one registry.
fn known(app: &App, grants: &[(&Grant, Option<Ending>)]) -> Option<LedgerEvent> {
    let all: Vec<&Grant> = grants.iter().map(|(grant, _)| *grant).collect();
    let text = overdue::known_again(grants);
    (!all.is_empty()).then(|| app.alert(wording::END_KNOWN, text, &About::grants(&all)))
}
