//! Denials into the ledger: new ones once each, repeats as counts. Whoever delivered them is
//! answered after that.

use super::decide::precedents::{InForce, KnownNow, reopened};
use crate::flow::app::{App, Source};
use crate::metrics::{PassedOverLabels, RecordLabels, SourceLabels};
use crate::store::StoreError;
use doorward_core::auth::proof::Proof;
use doorward_core::intake::arrivals::Arrival;
use doorward_core::intake::report::{Change, Delivery, Report};
use doorward_core::ledger::event::{Denied, LedgerEvent};
use doorward_core::ledger::feed::FeedAdvanced;
use doorward_core::ledger::id::{DenialId, WriteId};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::State;
use jiff::{SignedDuration, Timestamp};

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
    let changes = changes(app, source, delivery.changes);
    if !changes.is_empty() {
        app.ledger.append_new(now, changes).await?;
    }
    let denials = delivery.reports.len();
    if denials == 0 {
        return Ok(Accepted { denials, new: 0 });
    }
    let arrivals = arrivals(app, source, delivery.reports, proof.as_ref());
    let taken = app.ledger.take_in(now, app.windows, arrivals).await?;
    let new = denials.saturating_sub(taken.duplicate);
    Ok(Accepted { denials, new })
}

/// Takes in what was fetched for `source`, and that its feed has advanced, together.
///
/// [`StoreError::Duplicate`] if it had advanced before: then none of it is taken in.
pub async fn accept_feed(
    app: &App,
    source: &Source,
    delivery: Delivery,
    advanced: FeedAdvanced,
) -> Result<Accepted, StoreError> {
    let now = app.clock.now();
    // Known by their ids, so that once more is no harm.
    let changes = changes(app, source, delivery.changes);
    if !changes.is_empty() {
        app.ledger.append_new(now, changes).await?;
    }
    let denials = delivery.reports.len();
    let arrivals = arrivals(app, source, delivery.reports, None);
    let taken = app
        .ledger
        .take_in_feed(now, (app.windows, arrivals), advanced)
        .await?;
    let new = denials.saturating_sub(taken.duplicate);
    Ok(Accepted { denials, new })
}

fn arrivals(
    app: &App,
    source: &Source,
    reports: Vec<Report>,
    proof: Option<&Proof>,
) -> Vec<Arrival> {
    let in_force = InForce::now(app);
    let reports = reports.into_iter();
    reports
        .map(|report| arrival(app, &in_force, source, (report, proof)))
        .collect()
}

/// Counts what a delivery holds.
pub fn count(app: &App, source: &Source, delivery: &Delivery) {
    let source = &source.name;
    let add = |outcome, number: usize| {
        let labels = RecordLabels {
            source: source.clone(),
            outcome,
        };
        let counter = app.metrics.records.get_or_create_owned(&labels);
        counter.inc_by(number as u64);
    };
    add("bad", delivery.bad.len());
    add("read", delivery.records.saturating_sub(delivery.bad.len()));
    let labels = SourceLabels {
        source: source.clone(),
    };
    let denials = app.metrics.denials.get_or_create_owned(&labels);
    denials.inc_by(delivery.reports.len() as u64);
    for &(what, number) in &delivery.passed_over {
        let labels = PassedOverLabels {
            source: source.clone(),
            what,
        };
        let counter = app.metrics.passed_over.get_or_create_owned(&labels);
        counter.inc_by(number as u64);
    }
}

/// How far a sender's clock may be ahead of ours. A time beyond that says nothing of a denial's age.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

fn arrival(
    app: &App,
    in_force: &InForce,
    source: &Source,
    (mut report, proof): (Report, Option<&Proof>),
) -> Arrival {
    let latest = app.clock.now().checked_add(AHEAD);
    let credible = |at: &Timestamp| latest.as_ref().is_ok_and(|latest| at <= latest);
    report.at = report.at.filter(credible);
    let mut denied = Denied {
        id: DenialId(app.clock.id()),
        source: source.name.clone(),
        report,
        registry: None,
        owned: false,
        proof: proof.cloned(),
    };
    // A job that speaks for its own address has proven as much as whoever owns one.
    denied.owned = in_force.owned(&denied);
    // While Azure has not described a registry, denials that name its host count in the crowd of those
    // that lead to none. They cannot be decided before it is read, and whose they are would be a guess,
    // which an attacker could make too: one bound for all of them is the safe one. A flood among them
    // ends by itself like any other, and owned addresses have their own places in this crowd as well.
    denied.registry = app.registry_of(&denied).ok();
    denied.report.denial.attribution = app.attribution(&source.name, &denied.report);
    let now = app.clock.now();
    let granted = |id: &ResourceId| {
        let read = |state: &State| state.granted_within_the_hour(id, now);
        app.ledger.read(read)
    };
    let known_now = KnownNow {
        granted: &granted,
        may_look: true,
    };
    let meant = (&denied, denied.registry.as_ref());
    Arrival {
        event: denied.event(),
        limit: app.max_unknown_addresses(denied.registry.as_ref()),
        reopened: reopened(app, in_force, meant, &known_now),
        denied,
    }
}

/// The changes of enrolled registries that the source may speak of; all others are counted.
fn changes(app: &App, source: &Source, changes: Vec<Change>) -> Vec<LedgerEvent> {
    let enrolled = |change: &Change| {
        let registry: ResourceId = change.registry.parse().ok()?;
        let (registry, _) = app.registries.get_key_value(&registry)?;
        Some(registry.clone())
    };
    let (mut heard, mut of_others, mut out_of_scope) = (Vec::new(), 0, 0);
    for change in changes {
        match enrolled(&change) {
            Some(registry) if app.may_speak_of(source, &registry) => {
                heard.push(changed(app, source, registry, change));
            }
            Some(_) => out_of_scope += 1,
            None => of_others += 1,
        }
    }
    for (what, count) in [
        ("change of another resource", of_others),
        (
            "change of a registry that the source may not name",
            out_of_scope,
        ),
    ] {
        let labels = PassedOverLabels {
            source: source.name.clone(),
            what,
        };
        if count > 0 {
            let counter = app.metrics.passed_over.get_or_create_owned(&labels);
            counter.inc_by(count);
        }
    }
    heard
}

fn changed(app: &App, source: &Source, registry: ResourceId, change: Change) -> LedgerEvent {
    let correlation: Option<WriteId> = change.correlation_id.and_then(|id| id.parse().ok());
    let ours = correlation.filter(|id| {
        app.ledger.read(|state| {
            let known = state.registries.get(&registry);
            known.is_some_and(|known| known.writes.contains(id))
        })
    });
    LedgerEvent::RegistryChanged {
        registry,
        change: change.change,
        by: change.by,
        at: change.at,
        ours,
        source: source.name.clone(),
        event_id: change.event_id,
    }
}
