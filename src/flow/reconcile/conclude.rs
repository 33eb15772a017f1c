//! What a read or a refusal means for grants, and whom to tell.

use crate::app::App;
use crate::azure::ArmError;
use crate::domain::alert::About;
use crate::domain::event::Evidence;
use crate::domain::firewall::{Live, Step};
use crate::domain::grant::{Ending, Stage};
use crate::domain::id::GrantId;
use crate::domain::ledger::{What, Write};
use crate::domain::resource_id::ResourceId;
use crate::domain::state::{Known, Late, Standing, State};
use crate::domain::words;
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};

/// How often the alarm repeats that an entry of ours stands past its end, or that nobody can tell.
const OVERDUE_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// A grant that is not open after this long is worth a word.
pub(super) const SLOW_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// Writes down what follows from a read.
pub(super) async fn steps(app: &App, steps: &[Step]) -> Result<(), StoreError> {
    for step in steps {
        let what = match step {
            Step::Opened(grant, entry) => {
                let within = (entry.prefix_len() < entry.max_prefix_len()).then_some(*entry);
                vec![What::Opened {
                    grant: *grant,
                    within,
                }]
            }
            Step::Satisfied(grant, entry) => satisfied(app, *grant, entry),
            Step::NotOpened(grant, obstacle) => {
                not_opened(app, *grant, obstacle.code(), &obstacle.to_string())
            }
            Step::Observed(grant) => vec![What::NotOpened {
                grant: *grant,
                code: "observe".to_owned(),
                reason: "doorward only observes: set `mode: enforce` to have entries written"
                    .to_owned(),
            }],
            Step::Ended(grant, ending) => {
                let (grant, ending) = (*grant, *ending);
                let ended = What::Ended { grant, ending };
                let what = app.ledger.read(|state| with_last_word(state, ended));
                with_alerts(app, what)
            }
        };
        app.ledger.append(app.clock.now(), what).await?;
    }
    Ok(())
}

/// An end, after the last word on whether its grant helped.
pub(super) fn with_last_word(state: &State, what: What) -> Vec<What> {
    let silent = match &what {
        What::Ended { grant, .. } => state.not_seen_again(*grant),
        _ => None,
    };
    silent.into_iter().chain([what]).collect()
}

fn satisfied(app: &App, grant: GrantId, entry: &str) -> Vec<What> {
    let mut what = vec![What::Satisfied {
        grant,
        entry: entry.to_owned(),
    }];
    if let Some(standing) = standing(app, grant) {
        let text = words::already_covered(
            &standing.grant,
            entry,
            standing.evidence == Evidence::Status403,
        );
        what.push(app.alert("already_covered", text, &About::grant(&standing.grant)));
    }
    what
}

fn not_opened(app: &App, grant: GrantId, code: &str, reason: &str) -> Vec<What> {
    let mut what = vec![What::NotOpened {
        grant,
        code: code.to_owned(),
        reason: reason.to_owned(),
    }];
    if let Some(standing) = standing(app, grant) {
        what.push(app.alert(
            code,
            words::not_opened(&standing.grant, reason),
            &About::grant(&standing.grant),
        ));
    }
    what
}

/// What follows for grants, with a word to people where one ends early, or where they were told that nobody
/// knows whether its entry stands.
pub(super) fn with_alerts(app: &App, outcomes: Vec<What>) -> Vec<What> {
    let alert = |what: &What| {
        let What::Ended { grant, ending } = what else {
            return None;
        };
        let standing = standing(app, *grant)?;
        let grant = &standing.grant;
        let (code, text) = match ending {
            Ending::Evicted => ("evicted", words::evicted(grant)),
            ending if standing.in_doubt().is_some() => {
                (words::END_KNOWN, words::end_known(grant, Some(*ending)))
            }
            _ => return None,
        };
        Some(app.alert(code, text, &About::grant(grant)))
    };
    let told: Vec<What> = outcomes.iter().filter_map(alert).collect();
    outcomes.into_iter().chain(told).collect()
}

/// What is to be said where virtual network rules are gone after a write: they stood before it.
pub(super) fn lost_networks(app: &App, write: &Write, after: &Live) -> Vec<What> {
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
    let text = words::virtual_networks_lost(id, &subnets);
    let alert = app.alert(words::NETWORKS_LOST, text, &About::registry(id));
    let lost = What::VirtualNetworkRulesLost {
        registry: id.clone(),
        write: write.id,
        subnets,
    };
    vec![lost, alert]
}

fn standing(app: &App, grant: GrantId) -> Option<Standing> {
    app.ledger.read(|state| state.grants.get(&grant).cloned())
}

/// Azure refused a write for good: its grants will not be opened.
pub(super) async fn refused(
    app: &App,
    id: &ResourceId,
    write: &Write,
    reason: &str,
) -> Result<(), StoreError> {
    let hit = |standing: &Standing| write.admits(standing.grant.address.get());
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
    let in_force = |standing: &Standing| !standing.is_over(app.clock.now());
    refuse_waiting(app, id, in_force, &reason).await
}

/// A permission is missing, and may come: people are told once while grants wait for it.
async fn refused_for_now(app: &App, id: &ResourceId, error: &ArmError) -> Result<(), StoreError> {
    let now = app.clock.now();
    let waiting: Vec<Standing> = app.ledger.read(|state| {
        let all = state.grants_of(id);
        let waiting = all.filter(|it| it.waits_for_a_write() && !it.is_over(now));
        waiting.cloned().collect()
    });
    let told = |it: &Standing| it.told.contains_key(words::WRITE_REFUSED);
    let Some(longest) = waiting.iter().max_by_key(|it| it.grant.until) else {
        return Ok(());
    };
    if waiting.iter().any(told) {
        return Ok(());
    }
    let grant = &longest.grant;
    let said = (error.to_string(), error.missing_action());
    let text = words::write_refused(id, (&said.0, said.1), grant.until);
    let alert = app.alert(words::WRITE_REFUSED, text, &About::grant(grant));
    app.ledger.append(now, vec![alert]).await
}

/// Those grants of a registry that wait to be opened, and that `hit` says, will not be.
async fn refuse_waiting(
    app: &App,
    id: &ResourceId,
    hit: impl Fn(&Standing) -> bool,
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
    let slow: Vec<Standing> = app.ledger.read(|state| {
        let slow = state.grants_of(id).filter(|standing| {
            standing.stage == Stage::Intended
                && !standing.is_over(now)
                && now.duration_since(standing.since) > SLOW_AFTER
                && !standing.told.contains_key(words::SLOW)
        });
        slow.cloned().collect()
    });
    what.extend(slow.iter().map(|Standing { grant, .. }| {
        app.alert(words::SLOW, words::slow(grant, why), &About::grant(grant))
    }));
    if what.is_empty() {
        return Ok(());
    }
    app.ledger.append(now, what).await
}

/// What is to be told of entries that should be gone: those that a read showed past their end, and those of
/// which nobody can tell.
fn late(app: &App, id: &ResourceId, why: &str) -> Vec<What> {
    let now = app.clock.now();
    let read = app.last_read(id);
    app.ledger.read(|state| {
        let tell = |late: Late<'_>| {
            let code = match late.known {
                Known::Stands(_) => words::OVERDUE,
                Known::Unknown(_) => words::END_UNKNOWN,
            };
            let told = late.standing.told.get(code);
            if told.is_some_and(|at| now.duration_since(*at) < OVERDUE_EVERY) {
                return None;
            }
            let grant = &late.standing.grant;
            tracing::error!(registry = id.name(), address = %grant.address, "{code}: {why}");
            let text = words::late(grant, &late, now, why);
            Some(app.alert(code, text, &About::grant(grant)))
        };
        state
            .late(id, &read, now)
            .into_iter()
            .filter_map(tell)
            .collect()
    })
}

/// What is to be told where it could not be told whether an entry stands, and a read shows now that it does
/// not.
fn known_again(app: &App, id: &ResourceId) -> Vec<What> {
    let read = app.last_read(id);
    app.ledger.read(|state| {
        let gone = state.grants_of(id).filter(|standing| {
            let address = standing.grant.address.get();
            let after = |told: Timestamp| read.at.is_some_and(|at| at > told);
            standing.in_doubt().is_some_and(after)
                && !read.networks.iter().any(|net| net.contains(&address))
        });
        gone.map(|Standing { grant, .. }| {
            app.alert(
                words::END_KNOWN,
                words::end_known(grant, None),
                &About::grant(grant),
            )
        })
        .collect()
    })
}
