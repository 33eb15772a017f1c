//! Denials into the ledger, once each. Whoever delivered them is answered after that.

use crate::app::{App, Source};
use crate::domain::event::Delivery;
use crate::domain::id::DenialId;
use crate::domain::ledger::{Denied, What};
use crate::domain::proof::Proof;
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
    proof: Option<Proof>,
) -> Result<Accepted, StoreError> {
    let now = app.clock.now();
    let denied: Vec<What> = delivery
        .reports
        .into_iter()
        .map(|report| {
            What::Denied(Denied {
                id: DenialId(app.clock.id()),
                source: source.name.clone(),
                report,
                proof: proof.clone(),
            })
        })
        .collect();
    let denials = denied.len();
    if denials == 0 {
        return Ok(Accepted { denials, new: 0 });
    }
    let new = app.ledger.append_new(now, denied).await?;
    Ok(Accepted { denials, new })
}
