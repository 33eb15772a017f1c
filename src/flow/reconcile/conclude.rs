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
use crate::domain::state::{Standing, State};
use crate::domain::words;
use crate::store::StoreError;
use jiff::SignedDuration;

/// An entry of ours that stands longer than this past its end is an alarm.
const OVERDUE_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How often that alarm repeats.
const OVERDUE_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// A grant that is not open after this long is worth a word.
const SLOW_AFTER: SignedDuration = SignedDuration::from_mins(2);

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
            Step::Ended(grant, ending) => app.ledger.read(|state| {
                let (grant, ending) = (*grant, *ending);
                with_last_word(state, What::Ended { grant, ending })
            }),
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

/// What a write came to, with a word to people where it ended a grant early.
pub(super) fn with_alerts(app: &App, outcomes: Vec<What>) -> Vec<What> {
    let alert = |what: &What| match what {
        What::Ended {
            grant,
            ending: Ending::Evicted,
        } => {
            let grant = standing(app, *grant)?.grant;
            Some(app.alert("evicted", words::evicted(&grant), &About::grant(&grant)))
        }
        _ => None,
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
    let mut reason = format!("Azure refused: {error}");
    if reason.contains("taggedTrafficConsumers") {
        reason.push_str(
            "; the registry has virtual network rules, which every write sends back: grant that action on their \
             subnets, or add the address by hand (`az acr network-rule add`)",
        );
    }
    let in_force = |standing: &Standing| !standing.is_over(app.clock.now());
    refuse_waiting(app, id, in_force, &reason).await
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
    let late: Vec<Standing> = app
        .ledger
        .read(|state| state.grants_of(id).cloned().collect());
    for standing in late {
        let grant = &standing.grant;
        let told = |code: &str| standing.told.get(code).map(|at| now.duration_since(*at));
        if now.duration_since(grant.until) > OVERDUE_AFTER {
            if told(words::OVERDUE).is_none_or(|ago| ago >= OVERDUE_EVERY) {
                tracing::error!(registry = id.name(), address = %grant.address, "an entry of ours outlives its end: {why}");
                let alert = app.alert(
                    words::OVERDUE,
                    words::overdue(grant, now, why),
                    &About::grant(grant),
                );
                app.ledger.append(now, vec![alert]).await?;
            }
        } else if standing.stage == Stage::Intended
            && now.duration_since(standing.since) > SLOW_AFTER
            && told(words::SLOW).is_none()
        {
            let alert = app.alert(words::SLOW, words::slow(grant, why), &About::grant(grant));
            app.ledger.append(now, vec![alert]).await?;
        }
    }
    Ok(())
}
