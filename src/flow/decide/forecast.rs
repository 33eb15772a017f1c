//! What a yes would come to now, as far as anybody knows without asking Azure.

use crate::flow::app::App;
use crate::flow::registry::{posture, reconcile};
use crate::flow::respond::prospect;
use doorward_core::firewall::{self, Effect, Hindrance};
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::request::Request;
use doorward_core::messages::outcome::OBSERVES;
use doorward_core::messages::wording;
use doorward_core::net::network;
use doorward_core::net::resource_id::ResourceId;
use std::collections::BTreeSet;

/// What a yes would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foresight {
    /// A rule would be added, as the registry was last read.
    Opens,
    /// The registry has not been read, so nobody knows.
    Unknown,
    /// Nothing would be opened, for this reason.
    Not(String),
}

/// Reads the registry of an open request anew, if its last read is too old to be believed; not more
/// often than for verdicts.
pub async fn refresh(app: &App, request: RequestId) {
    let registry = app.ledger.read(|state| {
        let asked = state.requests.get(&request)?;
        let is_open = asked.open(app.clock.now());
        is_open.then(|| asked.request.registry.clone())
    });
    if let Some(registry) = registry {
        posture::refresh(app, BTreeSet::from([registry])).await;
    }
}

/// What a yes to `request` would come to now.
pub fn of(app: &App, request: &Request) -> Foresight {
    let grant = prospect::plain_grant(app, request, app.clock.now());
    with_effect(app, &grant).0
}

/// What a grant would come to now, and what it would change on its registry's list.
pub fn with_effect(app: &App, grant: &Grant) -> (Foresight, Effect) {
    let (id, now) = (&grant.registry, app.clock.now());
    if let Some(held_by) = held_by(app, id) {
        return (Foresight::Not(held_by), Effect::default());
    }
    if !app.may_add {
        return (Foresight::Not(OBSERVES.to_owned()), Effect::default());
    }
    let Some(live) = app.postures(|postures| postures.last(id)) else {
        return (Foresight::Unknown, Effect::default());
    };
    let (hindrance, effect) = app.ledger.read(|state| {
        let wanted = reconcile::wanted(app, (id, state), reconcile::limit_as_known(app, id), now);
        let hindrance = firewall::foresee(&live, &wanted, grant, now);
        (hindrance, firewall::effect(&live, &wanted, grant, now))
    });
    let foresight = match hindrance {
        None => Foresight::Opens,
        Some(Hindrance::Observe) => Foresight::Not(OBSERVES.to_owned()),
        Some(Hindrance::Obstacle(obstacle)) => Foresight::Not(obstacle.to_string()),
        Some(Hindrance::Covered(entry)) => Foresight::Not(format!(
            "the rule `{}`, which doorward did not add, already allows this address, so nothing would be added",
            wording::quoted(&entry)
        )),
    };
    (foresight, effect)
}

/// What a yes would change in the registry's list, as it was last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How many entries the list has.
    pub before: usize,
    /// How many it would have.
    pub after: usize,
    /// The entries that would come.
    pub add: Vec<String>,
    /// The entries of doorward's that would go with them.
    pub remove: Vec<String>,
}

/// The write that a yes to `request` would lead to; none where the registry has not been read, or nothing
/// would be written.
pub fn change(app: &App, request: &Request) -> Option<Change> {
    let (id, now) = (&request.registry, app.clock.now());
    let live = app.postures(|postures| postures.last(id))?;
    let grant = prospect::plain_grant(app, request, now);
    let patch = app.ledger.read(|state| {
        let wanted = reconcile::wanted(app, (id, state), reconcile::limit_as_known(app, id), now);
        firewall::change(&live, &wanted, &grant, now)
    })?;
    let texts = |networks: &BTreeSet<_>| networks.iter().copied().map(network::text).collect();
    Some(Change {
        before: live.rules.len(),
        after: patch.entries_after(&live),
        add: texts(&patch.add),
        remove: texts(&patch.remove),
    })
}

/// What keeps rules from being added to a registry at the moment, if something does.
pub fn held_by(app: &App, id: &ResourceId) -> Option<String> {
    let stopped = app.ledger.read(|state| {
        let paused = state.pauses.of(id).map(wording::paused);
        let mut stopped = state.stopped();
        paused.or_else(|| stopped.find(|other| *other == id).map(wording::stopped))
    });
    stopped.or_else(|| {
        let is_open = reconcile::is_stopped_by_failures(app, id);
        is_open.then(|| "Azure has refused or not answered several times in a row, so adding is tried again in a minute".to_owned())
    })
}
