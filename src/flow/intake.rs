//! Denials into the ledger: new ones once each, repeats as counts. Whoever delivered them is
//! answered after that.

use crate::app::{App, Source};
use crate::domain::arrivals::Arrival;
use crate::domain::event::{Delivery, Report};
use crate::domain::id::DenialId;
use crate::domain::ledger::Denied;
use crate::store::StoreError;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// How many denials it held.
    pub denials: usize,
    /// How many of them had not been delivered before.
    pub new: usize,
}

/// Takes in what `source`, proven, delivered. Durable when this returns.
pub async fn accept(
    app: &App,
    source: &Source,
    delivery: Delivery,
) -> Result<Accepted, StoreError> {
    let denials = delivery.reports.len();
    if denials == 0 {
        return Ok(Accepted { denials, new: 0 });
    }
    let reports = delivery.reports.into_iter();
    let arrivals = reports.map(|report| arrival(app, source, report)).collect();
    let now = app.clock.now();
    let taken = app.ledger.take_in(now, app.windows, arrivals).await?;
    let new = denials.saturating_sub(taken.duplicate);
    Ok(Accepted { denials, new })
}

fn arrival(app: &App, source: &Source, report: Report) -> Arrival {
    let owned = report.denial.ip.is_some_and(|ip| app.owns(ip));
    let mut denied = Denied {
        id: DenialId(app.clock.id()),
        source: source.name.clone(),
        report,
        registry: None,
        owned,
    };
    denied.registry = app.registry_of(&denied).ok();
    Arrival {
        event: denied.event(),
        limit: app.distinct_addresses(denied.registry.as_ref()),
        denied,
    }
}
