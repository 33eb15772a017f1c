//! Floods are told: once when one begins, once when it is over.

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::intake::admission::Flood;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use jiff::Timestamp;

/// Tells what is to be told now.
pub async fn run_once(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    for (registry, flood, ends) in floods(app) {
        let registry = registry.as_ref();
        if !flood.announced {
            let text = wording::flood(registry, app.max_unknown_addresses(registry));
            tell(app, registry, &flood, (false, text)).await?;
        }
        if ends.is_some_and(|ends| ends <= now) {
            let text = wording::calm(registry, flood.since, flood.suppressed);
            tell(app, registry, &flood, (true, text)).await?;
        }
    }
    Ok(())
}

/// When a flood will be over, if one stands and nobody else comes.
pub fn next(app: &App) -> Option<Timestamp> {
    floods(app)
        .into_iter()
        .filter_map(|(_, _, ends)| ends)
        .min()
}

fn floods(app: &App) -> Vec<(Option<ResourceId>, Flood, Option<Timestamp>)> {
    let standing = |registry: &Option<ResourceId>, flood| {
        let limit = app.max_unknown_addresses(registry.as_ref());
        (registry.clone(), flood, limit)
    };
    app.ledger.read(|state| {
        let admissions = state.admissions.iter();
        let floods =
            admissions.filter_map(|(id, admission)| Some((id, admission, admission.flood?)));
        floods
            .map(|(id, admission, flood)| {
                let (registry, flood, limit) = standing(id, flood);
                (registry, flood, admission.ends(limit))
            })
            .collect()
    })
}

async fn tell(
    app: &App,
    registry: Option<&ResourceId>,
    flood: &Flood,
    (over, text): (bool, String),
) -> Result<(), StoreError> {
    let about = registry.map(About::registry).unwrap_or_default();
    let what = vec![
        LedgerEvent::Flood {
            registry: registry.cloned(),
            since: flood.since,
            suppressed: flood.suppressed,
            over,
        },
        app.alert(wording::FLOOD, text, &about),
    ];
    match app.ledger.append(app.clock.now(), what).await {
        // Another process was faster.
        Err(StoreError::Duplicate) => Ok(()),
        other => other,
    }
}
