//! Signs of use in a registry's own log: the grant works, and where its rule says so, it goes on.

use crate::auth::SenderAuth;
use crate::flow::app::{App, Source};
use crate::store::StoreError;
use doorward_core::intake::delivery::uses::Use;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Stage;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::GrantRecord;
use doorward_core::state::effectiveness::Effectiveness;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::PoisonError;

/// How often signs are weighed that others overtake, before their sender is to try again.
const ATTEMPTS: u32 = 20;

/// A sign of use that counts.
struct Sign {
    registry: ResourceId,
    address: Ipv4Addr,
    at: Timestamp,
    /// Whether the source is set up for this very registry.
    named: bool,
}

impl Sign {
    fn is_of(&self, standing: &GrantRecord) -> bool {
        let grant = &standing.grant;
        grant.address.get() == self.address && grant.registry == self.registry
    }
}

/// The addresses of grants that wait for a sign of use which `source` may give. CI jobs speak of
/// themselves: theirs do not count.
pub fn watched(app: &App, source: &Source) -> BTreeSet<Ipv4Addr> {
    if speaks_of_itself(source) {
        return BTreeSet::new();
    }
    let now = app.clock.now();
    app.ledger.read(|state| state.watched(now))
}

/// Takes in the signs of use that `source`, proven, delivered.
pub async fn take_in(app: &App, source: &Source, found: &[Use]) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    let (now, mut attempts) = (app.clock.now(), 1);
    let signs: Vec<Sign> = found
        .iter()
        .filter_map(|found| sign(app, source, found, now))
        .collect();
    // A grant that ends, or a pause that begins, while the signs are weighed counts.
    loop {
        let as_of = app.ledger.as_of();
        let what = all_that_follows(app, &signs, now);
        if what.is_empty() {
            return Ok(());
        }
        let each = what.into_iter().map(|what| vec![what]).collect();
        match app.ledger.decide(now, as_of, each).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict) if attempts < ATTEMPTS => app.ledger.follow().await?,
            Err(error) => return Err(error),
        }
        attempts += 1;
    }
}

fn all_that_follows(app: &App, signs: &[Sign], now: Timestamp) -> Vec<LedgerEvent> {
    app.ledger.read(|state| {
        let of = |standing: &GrantRecord| {
            let of_it: Vec<&Sign> = signs.iter().filter(|sign| sign.is_of(standing)).collect();
            let paused = state.pauses.of(&standing.grant.registry).is_some();
            follows(app, standing, &of_it, now)
                .into_iter()
                // While a registry is paused no end is put off.
                .filter(move |what| !paused || !matches!(what, LedgerEvent::Extended { .. }))
        };
        let open = state.grants.values();
        let open = open.filter(|standing| standing.stage == Stage::Open);
        open.flat_map(of).collect()
    })
}

fn speaks_of_itself(source: &Source) -> bool {
    matches!(&source.auth, SenderAuth::Bearer(bearer) if bearer.is_job)
}

/// A use that is about an enrolled registry which the source may speak of, and not too old to say
/// something of now.
fn sign(app: &App, source: &Source, found: &Use, now: Timestamp) -> Option<Sign> {
    if now.duration_since(found.at) > app.windows.max_age {
        return None;
    }
    let hosts = app.memory.hosts.read();
    let hosts = hosts.unwrap_or_else(PoisonError::into_inner);
    let (id, host) = (found.resource_id.as_deref(), found.login_server.as_deref());
    let registry = hosts.named(id, host, &source.scope).ok()?.clone();
    let scope = &source.scope;
    Some(Sign {
        registry,
        address: found.address,
        // A clock that is ahead does not make a use of tomorrow.
        at: found.at.min(now),
        named: !scope.registries.is_empty() || scope.registry.is_some(),
    })
}

/// What uses say of one grant: the first that it works, the last how long it is at work.
fn follows(app: &App, standing: &GrantRecord, signs: &[&Sign], now: Timestamp) -> Vec<LedgerEvent> {
    let GrantRecord {
        grant,
        course,
        since,
        ..
    } = standing;
    let used = signs.iter().map(|sign| sign.at);
    let first = used.filter(|used| course.shows_effect(*used)).min();
    let effect = first.map(|used| course.verdict(grant.id, Effectiveness::Effective, Some(used)));
    let named = signs.iter().filter(|sign| sign.named);
    let last = grant.renew.zip(named.map(|sign| sign.at).max());
    let until = last.and_then(|(renew, used)| {
        course.extended((grant, *since), renew, app.max_ttl, (used, now))
    });
    let extended = until.map(|until| LedgerEvent::Extended {
        grant: grant.id,
        until,
        by: Actor::USE,
        because: None,
    });
    effect
        .map(LedgerEvent::GrantOutcome)
        .into_iter()
        .chain(extended)
        .collect()
}
