//! How grants, registries, sources and sets are, in the words of the core: what is known is put together
//! here, and judged there.

use crate::flow::app::{App, Source};
use crate::flow::feeds;
use crate::flow::registry::reconcile::{is_stopped_by_failures, limit_as_known};
use doorward_core::firewall::diagnose;
use doorward_core::ledger::id::GrantId;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::{GrantRecord, State};
use doorward_core::states::{GrantState, RegistryFacts, RegistryState, SourceFacts, SourceState};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// When this process last heard a source, and last did not believe somebody in its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// A delivery that was believed.
    pub heard: Option<Timestamp>,
    /// One that was not.
    pub refused: Option<Timestamp>,
}

/// The grants that have not ended, each with how it is, soonest end first.
pub fn grants(app: &App, now: Timestamp) -> Vec<(GrantRecord, GrantState)> {
    let reads: BTreeMap<_, _> = app
        .registries
        .keys()
        .map(|id| (id, app.last_read(id)))
        .collect();
    let mut all: Vec<_> = app.ledger.read(|state| {
        let late = reads
            .iter()
            .flat_map(|(id, read)| state.late(id, read, now));
        let late: BTreeMap<GrantId, _> = late.map(|it| (it.standing.grant.id, it.known)).collect();
        let of = |it: &GrantRecord| {
            let known = late.get(&it.grant.id).copied();
            (it.clone(), GrantState::of(it, known, now))
        };
        state.grants.values().map(of).collect()
    });
    all.sort_by_key(|(it, _)| it.grant.until);
    all
}

/// How one grant is that has not ended.
pub fn grant(app: &App, standing: &GrantRecord, now: Timestamp) -> GrantState {
    let id = &standing.grant.registry;
    let read = app.last_read(id);
    let late = app.ledger.read(|state: &State| {
        let late = state.late(id, &read, now).into_iter();
        let mut of = late.filter(|it| it.standing.grant.id == standing.grant.id);
        of.next().map(|it| it.known)
    });
    GrantState::of(standing, late, now)
}

/// How a registry is.
pub fn registry(app: &App, id: &ResourceId) -> RegistryState {
    let now = app.clock.now();
    let (live, failing) = app.postures(|it| (it.last(id), it.failing().contains_key(id)));
    let (is_paused, is_stopped, has_drifted) = app.ledger.read(|state| {
        let stopped = state.stopped().any(|other| other == id);
        (
            state.pauses.of(id).is_some(),
            stopped,
            state.differs(id, now),
        )
    });
    let limit = limit(app, id);
    let stands_against = live
        .as_deref()
        .is_some_and(|live| diagnose(live).is_some() || live.rules.len() >= limit);
    RegistryState::of(RegistryFacts {
        is_read: live.is_some() && !failing,
        is_paused,
        is_blocked: stands_against || is_stopped || is_stopped_by_failures(app, id),
        has_drifted,
    })
}

/// What is known of a source: by the ledger, and by this process.
pub fn source_facts(app: &App, source: &Source) -> SourceFacts {
    let known = app.heard(&source.name);
    let told = app
        .ledger
        .read(|state| state.activity.last_heard(&source.name));
    let mut facts = SourceFacts {
        heard: known.heard.max(told),
        refused: known.refused,
        expect_every: source.options.expect_every,
    };
    let parts = feeds::list(app);
    let parts: Vec<_> = parts
        .iter()
        .filter(|part| part.source == source.name)
        .collect();
    if parts.is_empty() {
        return facts;
    }
    // A feed is as well as its worst part, and says nothing where that cannot be relied on.
    let failing = parts.iter().find(|part| part.failing);
    facts.heard = match failing {
        Some(_) => None,
        None => parts.iter().map(|part| part.last_success).min().flatten(),
    };
    facts.refused = failing.and_then(|part| part.since);
    facts
}

/// How many entries a registry's list may have, as far as is known without asking.
pub fn limit(app: &App, id: &ResourceId) -> usize {
    usize::try_from(limit_as_known(app, id)).unwrap_or(usize::MAX)
}

/// How a source is.
pub fn source(app: &App, source: &Source) -> SourceState {
    SourceState::of(&source_facts(app, source), app.clock.now())
}

impl App {
    /// When this process heard a source.
    pub fn heard(&self, source: &str) -> Heard {
        let all = self.memory.heard();
        all.get(source).copied().unwrap_or_default()
    }

    /// A delivery in the name of a source that is configured was believed, or was not.
    pub fn was_heard(&self, source: &str, believed: bool) {
        let now = self.clock.now();
        let mut all = self.memory.heard();
        let known = all.entry(source.to_owned()).or_default();
        if believed {
            known.heard = Some(now);
        } else {
            known.refused = Some(now);
        }
    }
}

/// The words of states as the description of the API shows them.
pub mod words {
    use doorward_core::states::{
        ChannelState, GrantState, RegistryState, RequestState, SetState, SourceState,
    };
    use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

    fn one_of<T: Copy, const COUNT: usize>(all: [T; COUNT], name: fn(T) -> &'static str) -> Object {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(all.map(name)))
            .build()
    }

    /// How a grant is.
    pub fn grant() -> Object {
        one_of(GrantState::ALL, GrantState::name)
    }

    /// How a request is.
    pub fn request() -> Object {
        one_of(RequestState::ALL, RequestState::name)
    }

    /// How a source is.
    pub fn source() -> Object {
        one_of(SourceState::ALL, SourceState::name)
    }

    /// How a channel is.
    pub fn channel() -> Object {
        one_of(ChannelState::ALL, ChannelState::name)
    }

    /// How a registry is.
    pub fn registry() -> Object {
        one_of(RegistryState::ALL, RegistryState::name)
    }

    /// How a set is.
    pub fn set() -> Object {
        one_of(SetState::ALL, SetState::name)
    }
}
