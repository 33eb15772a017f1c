//! Storms are told: once when one begins, once when it is over.

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::intake::admission::Storm;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::What;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use jiff::Timestamp;

/// Tells what is to be told now.
pub async fn turn(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    for (registry, storm, ends) in storms(app) {
        let registry = registry.as_ref();
        if !storm.told {
            let text = wording::storm(registry, app.distinct_addresses(registry));
            tell(app, registry, &storm, (false, text)).await?;
        }
        if ends.is_some_and(|ends| ends <= now) {
            let text = wording::calm(registry, storm.since, storm.thinned);
            tell(app, registry, &storm, (true, text)).await?;
        }
    }
    Ok(())
}

/// When a storm will be over, if one stands and nobody else comes.
pub fn next(app: &App) -> Option<Timestamp> {
    storms(app)
        .into_iter()
        .filter_map(|(_, _, ends)| ends)
        .min()
}

fn storms(app: &App) -> Vec<(Option<ResourceId>, Storm, Option<Timestamp>)> {
    let standing = |registry: &Option<ResourceId>, storm| {
        let limit = app.distinct_addresses(registry.as_ref());
        (registry.clone(), storm, limit)
    };
    app.ledger.read(|state| {
        let crowds = state.crowds.iter();
        let storms = crowds.filter_map(|(id, crowd)| Some((id, crowd, crowd.storm?)));
        storms
            .map(|(id, crowd, storm)| {
                let (registry, storm, limit) = standing(id, storm);
                (registry, storm, crowd.ends(limit))
            })
            .collect()
    })
}

async fn tell(
    app: &App,
    registry: Option<&ResourceId>,
    storm: &Storm,
    (over, text): (bool, String),
) -> Result<(), StoreError> {
    let about = registry.map(About::registry).unwrap_or_default();
    let what = vec![
        What::Storm {
            registry: registry.cloned(),
            since: storm.since,
            thinned: storm.thinned,
            over,
        },
        app.alert(wording::STORM, text, &about),
    ];
    match app.ledger.append(app.clock.now(), what).await {
        // Another process was faster.
        Err(StoreError::Already) => Ok(()),
        other => other,
    }
}
