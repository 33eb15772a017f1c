//! Signs of use in a registry's own log: the grant works, and where its rule says so, it goes on.

use crate::app::{App, Auth, Source};
use crate::domain::delivery::uses::Use;
use crate::domain::grant::Stage;
use crate::domain::help::Help;
use crate::domain::ledger::What;
use crate::domain::resource_id::ResourceId;
use crate::domain::state::{BY_USE, Standing};
use crate::store::StoreError;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::PoisonError;

/// A sign of use that counts.
struct Sign {
    registry: ResourceId,
    address: Ipv4Addr,
    at: Timestamp,
    /// Whether the source is set up for this very registry.
    named: bool,
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
    let now = app.clock.now();
    let signs: Vec<Sign> = found
        .iter()
        .filter_map(|found| sign(app, source, found, now))
        .collect();
    let what: Vec<What> = app.ledger.read(|state| {
        let of = |sign: &Sign| {
            let grants = state.grants_of(&sign.registry);
            let open = grants
                .filter(|it| it.stage == Stage::Open && it.grant.address.get() == sign.address);
            let paused = state.pauses.of(&sign.registry).is_some();
            open.flat_map(|standing| follows(app, standing, sign, now))
                // While a registry is paused no end is put off.
                .filter(|what| !paused || !matches!(what, What::Extended { .. }))
                .collect::<Vec<_>>()
        };
        signs.iter().flat_map(of).collect()
    });
    if what.is_empty() {
        return Ok(());
    }
    app.ledger.append_new(now, what).await.map(|_| ())
}

fn speaks_of_itself(source: &Source) -> bool {
    matches!(&source.auth, Auth::Bearer(bearer) if bearer.is_job)
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

/// What a use says of one grant.
fn follows(app: &App, standing: &Standing, sign: &Sign, now: Timestamp) -> Vec<What> {
    let Standing {
        grant,
        course,
        since,
        ..
    } = standing;
    let mut what = Vec::new();
    if course.shows_effect(sign.at) {
        what.push(What::Helped(course.verdict(
            grant.id,
            Help::Effective,
            Some(sign.at),
        )));
    }
    let renew = grant.renew.filter(|_| sign.named);
    let until = renew.and_then(|renew| {
        let used = course.opened_at.is_some_and(|opened| sign.at >= opened);
        let until = course.extended((grant, *since), renew, app.max_ttl, now);
        until.filter(|_| used)
    });
    what.extend(until.map(|until| What::Extended {
        grant: grant.id,
        until,
        by: BY_USE.to_owned(),
    }));
    what
}
