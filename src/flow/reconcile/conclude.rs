//! What a read or a refusal means for grants, and whom to tell.

use crate::app::App;
use crate::azure::ArmError;
use crate::domain::alert::About;
use crate::domain::event::Evidence;
use crate::domain::firewall::{Live, Step};
use crate::domain::grant::Stage;
use crate::domain::id::GrantId;
use crate::domain::ledger::{What, Write};
use crate::domain::resource_id::ResourceId;
use crate::domain::state::Standing;
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
            Step::Opened(grant) => vec![What::Opened { grant: *grant }],
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
            Step::Ended(grant, ending) => vec![What::Ended {
                grant: *grant,
                ending: *ending,
            }],
        };
        app.ledger.append(app.clock.now(), what).await?;
    }
    Ok(())
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
    let hit = |standing: &Standing| write.add.contains(&standing.grant.address.network());
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
    let reason = format!("Azure refused: {error}");
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
            .filter(|standing| standing.stage == Stage::Intended);
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

/// Others changed the list while we wrote: said, with what is seen. What they wrote between our GET
/// and our PATCH cannot be seen here: it left no trace in the list.
pub(super) async fn report_others_changes(
    app: &App,
    write: &Write,
    before: &Live,
    after: &Live,
) -> Result<(), StoreError> {
    let Some((gone, new)) = write.patch().changes_of_others(before, after) else {
        return Ok(());
    };
    let text = words::changed_meanwhile(&write.registry, &gone, &new);
    let alert = app.alert("changed_meanwhile", text, &About::registry(&write.registry));
    app.ledger.append(app.clock.now(), vec![alert]).await
}
