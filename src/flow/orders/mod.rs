//! What operators order: grants revoked, extended, handed over; opening paused and resumed.

pub mod pauses;

use crate::flow::app::App;
use crate::flow::decide::anew;
use crate::store::StoreError;
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::{Grant, Stage};
use doorward_core::ledger::id::GrantId;
use doorward_core::messages::wording;
use doorward_core::net::address::GlobalIpv4;
use doorward_core::net::network;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::{GrantRecord, State};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use std::time::Duration;

/// The fewest characters that name a grant by its beginning or end.
const SHORTEST: usize = 4;

/// The longest name and the longest reason that are taken, in characters.
const LONGEST: (usize, usize) = (128, 500);

/// Who orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// Why, if they say so.
    pub because: Option<String>,
}

/// An order that is not followed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OrderError {
    /// Who orders does not say who they are, or at too much length.
    #[error(
        "say who you are in one line of at most {} characters (`--by`), and why in at most {} (`--because`)", LONGEST.0, LONGEST.1
    )]
    Nobody,
    /// No grant that stands is meant.
    #[error(
        "no grant that stands is for the address `{0}` or has an id that begins or ends with it: it is over, or never was (`doorward grants list`, `doorward ledger show --about {0}`)"
    )]
    Unknown(String),
    /// Several grants may be meant.
    #[error("`{name}` may be any of {count} grants: give more of the id (`doorward grants list`)")]
    Ambiguous {
        /// What was given.
        name: String,
        /// How many it fits.
        count: usize,
    },
    /// Too little of an id was given.
    #[error("`{0}` is too short to name a grant: give at least {SHORTEST} characters of its id")]
    Short(String),
    /// The grant is over.
    #[error("the grant is over, and its entry is being taken away")]
    Over,
    /// The entry does not stand yet, or is not ours.
    #[error("the grant's entry {0}: there is nothing to hand over")]
    NotOurs(&'static str),
    /// The entry admits others too.
    #[error(
        "`{address}` is admitted by `{entry}`, which is wider than this grant and may stand for others: it is not handed over. Extend the grant (`doorward grants extend`), or add the address by hand, which stays (`az acr network-rule add -n {registry} --ip-address {address}`)"
    )]
    Shared {
        /// The grant's address.
        address: GlobalIpv4,
        /// The entry.
        entry: String,
        /// The registry's name.
        registry: String,
    },
    /// A write under way adds the entry or takes it away.
    #[error("a write of the grant's entry is under way: try again in a moment")]
    Moving,
    /// It stands that long already.
    #[error("the grant stands until {} already: extending never shortens it", wording::time(*.0))]
    NotLonger(Timestamp),
    /// It stands as long as anything may.
    #[error(
        "the grant stands until {}, and nothing is open for longer than `max_ttl` after its start", wording::time(*.0)
    )]
    Longest(Timestamp),
    /// No such registry.
    #[error(
        "`{0}` is no enrolled registry: name one by its resource id, its name or its login server"
    )]
    NoRegistry(String),
    /// Opening is paused.
    #[error("nothing is extended now: {0}")]
    Paused(String),
    /// No verdict stands for an address.
    #[error(
        "no verdict stands for `{0}`: its next denial is decided as it comes, or a grant or an open request stands for it (`doorward grants list`)"
    )]
    NoVerdict(IpAddr),
    /// A pause would end before it begins.
    #[error("{} is over: name a time to come", wording::time(*.0))]
    Past(Timestamp),
    /// One registry cannot be resumed while all are paused.
    #[error("all registries are paused, not this one alone: resume all (`doorward resume`)")]
    AllPaused,
    /// The order could not be written down.
    #[error("the order could not be recorded, and was not followed: try again in a moment")]
    Store(#[from] StoreError),
}

impl By {
    /// Who orders, as the ledger says it.
    pub fn actor(&self) -> Actor {
        self.actor.clone()
    }

    /// Whoever shows the API token of this name.
    pub fn token(name: &str, because: Option<&str>) -> Result<Self, OrderError> {
        Ok(Self {
            actor: Actor::Token(name.to_owned()),
            ..Self::new(name, because)?
        })
    }

    /// Somebody who is known otherwise, and whose reason was looked at.
    pub fn known(actor: Actor, because: Option<&str>) -> Self {
        let because = because.map(str::to_owned);
        Self { actor, because }
    }

    /// Who orders, as they say of themselves and if in bounds: nothing proves it.
    pub fn new(name: &str, because: Option<&str>) -> Result<Self, OrderError> {
        let line = |text: &str, most: usize| {
            let text = text.trim();
            let good = !text.is_empty()
                && text.chars().count() <= most
                && !text.chars().any(char::is_control);
            good.then(|| text.to_owned()).ok_or(OrderError::Nobody)
        };
        Ok(Self {
            actor: Actor::Person(line(name, LONGEST.0)?),
            because: because.map(|why| line(why, LONGEST.1)).transpose()?,
        })
    }
}

/// The grant that stands and that `name` means: the address it is for, or the beginning or end of its
/// id. Ids of one minute begin alike.
pub fn find(app: &App, name: &str) -> Result<GrantRecord, OrderError> {
    let mut found = find_all(app, name)?;
    match (found.pop(), found.len()) {
        (None, _) => Err(OrderError::Unknown(wording::quoted(name))),
        (Some(standing), 0) => Ok(standing),
        (Some(_), others) => Err(OrderError::Ambiguous {
            name: wording::quoted(name),
            count: others.saturating_add(1),
        }),
    }
}

/// The grants that stand and that `name` may mean; an address means all that are for it.
pub fn find_all(app: &App, name: &str) -> Result<Vec<GrantRecord>, OrderError> {
    let wanted = name.trim().to_ascii_lowercase();
    let address = wanted.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    if wanted.len() < SHORTEST {
        return Err(OrderError::Short(name.to_owned()));
    }
    let found: Vec<GrantRecord> = app.ledger.read(|state| {
        let fits = |standing: &&GrantRecord| {
            let id = standing.grant.id.to_string();
            let own = IpAddr::V4(standing.grant.address.get());
            address.map_or_else(
                || id.starts_with(&wanted) || id.ends_with(&wanted),
                |address| address == own,
            )
        };
        state.grants.values().filter(fits).cloned().collect()
    });
    if found.is_empty() {
        return Err(OrderError::Unknown(wording::quoted(name)));
    }
    Ok(found)
}

/// The enrolled registry that a resource id, a name or a login server means.
pub fn registry(app: &App, name: &str) -> Result<ResourceId, OrderError> {
    let wanted = name.trim().to_ascii_lowercase();
    let fits = |id: &&ResourceId| {
        id.key() == wanted
            || id.name().eq_ignore_ascii_case(&wanted)
            || app.login_server(id).is_some_and(|host| host == wanted)
    };
    let mut found = app.registries.keys().filter(fits);
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id.clone()),
        _ => Err(OrderError::NoRegistry(wording::quoted(name))),
    }
}

/// The grants that are not over, of one registry or of all, soonest end first.
pub fn standing(app: &App, registry: Option<&ResourceId>) -> Vec<GrantRecord> {
    let mut all: Vec<GrantRecord> = app.ledger.read(|state| {
        let of = |standing: &&GrantRecord| registry.is_none_or(|id| standing.grant.registry == *id);
        state.grants.values().filter(of).cloned().collect()
    });
    all.sort_by_key(|standing| (standing.grant.until, standing.grant.id));
    all
}

/// Ends a grant now: its entry is taken away at once.
pub async fn revoke(app: &App, grant: GrantId, by: &By) -> Result<GrantRecord, OrderError> {
    let done = anew::decide(app, || {
        if look(app, grant)?.is_over(app.clock.now()) {
            return Err(OrderError::Over);
        }
        let what = LedgerEvent::Revoked {
            grant,
            by: by.actor(),
            because: by.because.clone(),
        };
        Ok((vec![what], ()))
    });
    match done.await {
        // Another operator was faster.
        Ok(()) | Err(OrderError::Store(StoreError::Duplicate)) => look(app, grant),
        Err(error) => Err(error),
    }
}

/// Puts a grant's end off, to `time` from now, within `max_ttl` from its start.
pub async fn extend(
    app: &App,
    grant: GrantId,
    time: Duration,
    by: &By,
) -> Result<GrantRecord, OrderError> {
    let done = anew::decide(app, || {
        let until = later_end(app, grant, time)?;
        let what = LedgerEvent::Extended {
            grant,
            until,
            by: by.actor(),
            because: by.because.clone(),
        };
        Ok((vec![what], ()))
    });
    match done.await {
        Ok(()) | Err(OrderError::Store(StoreError::Duplicate)) => look(app, grant),
        Err(error) => Err(error),
    }
}

/// The end that a grant has when it is extended.
fn later_end(app: &App, grant: GrantId, time: Duration) -> Result<Timestamp, OrderError> {
    let now = app.clock.now();
    let standing = look(app, grant)?;
    if standing.is_over(now) {
        return Err(OrderError::Over);
    }
    let registry = &standing.grant.registry;
    if let Some(pause) = app.ledger.read(|state| state.pauses.of(registry).cloned()) {
        return Err(OrderError::Paused(wording::paused(&pause)));
    }
    let latest = clock::add(standing.since, app.max_ttl);
    let until = clock::add(now, time).min(latest);
    let stands = standing.grant.until;
    if stands >= latest {
        return Err(OrderError::Longest(stands));
    }
    if until <= stands {
        return Err(OrderError::NotLonger(stands));
    }
    Ok(until)
}

/// Hands a grant's entry over to people: it stays, and doorward forgets that it wrote it.
pub async fn keep(app: &App, grant: GrantId, by: &By) -> Result<GrantRecord, OrderError> {
    let done = anew::decide(app, || {
        let now = app.clock.now();
        let standing = look(app, grant)?;
        match standing.stage {
            _ if standing.is_over(now) => return Err(OrderError::Over),
            _ if standing.waits_for_a_write() => {
                return Err(OrderError::NotOurs("does not stand yet"));
            }
            Stage::CoveredByExisting => return Err(OrderError::NotOurs("is not doorward's")),
            Stage::Intended | Stage::Open => {}
        }
        app.ledger
            .read(|state| whole(state, &standing.grant, now))?;
        let what = LedgerEvent::Kept {
            grant,
            by: by.actor(),
            because: by.because.clone(),
        };
        Ok((vec![what], standing))
    });
    match done.await {
        Err(OrderError::Store(StoreError::Duplicate)) => Err(OrderError::Over),
        other => other,
    }
}

/// Pauses opening, of one registry or of all, until somebody resumes it or the time named has come. Whether
/// it is new.
pub async fn pause(
    app: &App,
    registry: Option<ResourceId>,
    until: Option<Timestamp>,
    by: &By,
) -> Result<bool, OrderError> {
    if let Some(until) = until.filter(|until| *until <= app.clock.now()) {
        return Err(OrderError::Past(until));
    }
    anew::decide(app, || {
        let stands = app.ledger.read(|state| match &registry {
            None => state.pauses.all().is_some(),
            Some(id) => state.pauses.registries().any(|(paused, _)| paused == id),
        });
        if stands {
            return Ok((Vec::new(), false));
        }
        let what = LedgerEvent::Paused {
            registry: registry.clone(),
            by: by.actor(),
            because: by.because.clone(),
            until,
        };
        Ok((vec![what], true))
    })
    .await
}

/// Lets opening go on: of one registry, or of all, those paused by themselves included, and those
/// that stopped since they lost virtual network rules. Whether anything was paused.
pub async fn resume(app: &App, registry: Option<ResourceId>, by: &By) -> Result<bool, OrderError> {
    anew::decide(app, || {
        let (all, any) = app.ledger.read(|state| {
            let paused = state.pauses.registries().map(|(id, _)| id);
            let mut stopped = paused.chain(state.stopped());
            let any = stopped.any(|id| registry.as_ref().is_none_or(|only| only == id));
            (state.pauses.all().is_some(), any)
        });
        if all && registry.is_some() {
            return Err(OrderError::AllPaused);
        }
        if !all && !any {
            return Ok((Vec::new(), false));
        }
        let what = LedgerEvent::Resumed {
            registry: registry.clone(),
            by: by.actor(),
            because: by.because.clone(),
        };
        Ok((vec![what], true))
    })
    .await
}

/// Lets the next denial of an address be decided anew, on one registry or on any; how many verdicts
/// stood for it.
pub async fn clear_verdicts(
    app: &App,
    address: IpAddr,
    registry: Option<ResourceId>,
    by: &By,
) -> Result<usize, OrderError> {
    anew::decide(app, || {
        let now = app.clock.now();
        let windows = (&app.windows, now);
        let stood = app
            .ledger
            .read(|state| state.verdicts_on(address, registry.as_ref(), windows));
        if stood == 0 {
            return Err(OrderError::NoVerdict(address));
        }
        let what = LedgerEvent::VerdictsCleared {
            address,
            registry: registry.clone(),
            by: by.actor(),
            because: by.because.clone(),
        };
        Ok((vec![what], stood))
    })
    .await
}

/// How long a grant stands yet; nothing if it is over.
pub fn left(standing: &GrantRecord, now: Timestamp) -> SignedDuration {
    standing
        .grant
        .until
        .duration_since(now)
        .max(SignedDuration::ZERO)
}

/// Whether the entry that admits a grant's address is for it alone, and stays as it is.
fn whole(state: &State, grant: &Grant, now: Timestamp) -> Result<(), OrderError> {
    let in_flight = state.ours(&grant.registry, now).in_flight;
    if in_flight.contains(&grant.address.network()) {
        return Err(OrderError::Moving);
    }
    let shared = state.shared_entry(grant).map(|entry| OrderError::Shared {
        address: grant.address,
        entry: network::text(entry),
        registry: grant.registry.name().to_owned(),
    });
    shared.map_or(Ok(()), Err)
}

fn look(app: &App, grant: GrantId) -> Result<GrantRecord, OrderError> {
    let standing = app.ledger.read(|state| state.grants.get(&grant).cloned());
    standing.ok_or_else(|| OrderError::Unknown(grant.to_string()))
}
