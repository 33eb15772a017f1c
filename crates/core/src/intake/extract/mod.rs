//! Finds denials in any text: logs, JSON, records, prose around an error message.
//!
//! The way of a text: `sieve` says whether it can hold anything of interest, `unescape` and
//! `tidy` undo what encoders and terminals laid over it, `phrase` finds the firewall's sentence
//! across wraps (`wrap`) with its `address`, and `context` says by the `mention`s around it
//! which registry refused. `json` does so for documents, whose records do not lend each other
//! their registries.

pub(crate) mod candidates;
pub(crate) mod event_time;
pub(crate) mod json;
pub(crate) mod plain;
mod prefilter;
pub(crate) mod record;
pub(crate) mod result_fields;
pub(crate) mod table;

use super::denial::{Attribution, Denial, Kind, Service};
use super::work::WorkBudget;
use jiff::Timestamp;
use message::positions::Sights;
use record::About;
use registry::context::{Place, Scene};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;
use text::page::Page;

pub use prefilter::may_hold_denial;
pub(crate) use registry::import::speaks_of_import;

/// The distinct denials in a text, in order of appearance.
pub fn extract(text: &str) -> Vec<Denial> {
    if !may_hold_denial(text.as_bytes()) {
        return Vec::new();
    }
    thoroughly(text, &WorkBudget::unlimited())
        .into_iter()
        .map(|found| found.denial)
        .collect()
}

/// A denial, and what is known about it beside.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub denial: Denial,
    /// Whether it is a login's, so that no repository is missing from it.
    login: bool,
    /// Whether it is a record's status without a message.
    pub row: bool,
    /// What the record around it says.
    pub about: Option<Rc<About>>,
    /// When the line or the record nearest to it was written, where that says so.
    pub at: Option<Timestamp>,
}

impl Found {
    fn plain(denial: Denial) -> Self {
        Self {
            denial,
            login: false,
            row: false,
            about: None,
            at: None,
        }
    }
}

/// How many steps it takes to tell which registry a sentence is about.
const PLACE: usize = 4000;

/// [`extract`] without the sieve before it.
fn thoroughly(text: &str, work: &WorkBudget) -> Vec<Found> {
    let linked = message::quoted::without_links(text);
    let clean = text::unescape::clean(&linked, work);
    let whole = text::unwrap_lines::rejoin(&clean, work);
    let page = Page::new(&whole, work);
    let mut sights = Sights::of(&page);
    let mut phrases = message::phrase::all(&page, &mut sights);
    phrases.retain(|phrase| !message::quoted::is_operand(page.before(phrase.start)));
    let records = message::forged::has_records(page.text, &phrases, work);
    let of_registries: Vec<_> = phrases
        .iter()
        .copied()
        .filter(|phrase| {
            phrase.service == Service::Acr
                && !(records && message::forged::is_callers(&page, phrase))
        })
        .collect();
    let scene = Scene::new(&page, &of_registries);
    let fronts = match of_registries.as_slice() {
        [] => Vec::new(),
        _ => event_time::fronts(page.text, work),
    };
    let mut found: Vec<Found> = Vec::new();
    for (index, phrase) in of_registries.iter().enumerate() {
        if !work.charge(PLACE) {
            break;
        }
        let place = scene.place(index);
        if phrase.address.seen().is_some() || place.registry.is_some() {
            let login = place.login;
            let denial = denial(phrase.address.seen(), place);
            found.push(Found {
                login,
                at: event_time::of_line(&fronts, phrase.start),
                ..Found::plain(denial)
            });
        }
    }
    let suspected = message::suspected::all(&page, &scene.mentions);
    found.extend(
        suspected
            .into_iter()
            .map(|place| Found::plain(denial(None, place))),
    );
    if found.len() > 1 {
        grade_alike(&mut found);
        found = distinct(&found);
    }
    found.extend(
        message::other_services::all(&page, &phrases, &mut sights)
            .into_iter()
            .map(Found::plain),
    );
    found
}

fn denial(ip: Option<IpAddr>, place: Place) -> Denial {
    Denial {
        kind: if ip.is_some() {
            Kind::Denied
        } else {
            Kind::Suspected
        },
        service: Service::Acr,
        ip,
        registry: place.registry,
        repository: place.repository,
        reference: place.reference,
        resource: place.resource,
        attribution: place.attribution,
    }
}

/// Where the same registry is named for the same address twice, once surely, it is known surely.
fn grade_alike(found: &mut [Found]) {
    let sure = found
        .iter()
        .filter(|found| found.denial.names_registry_surely());
    let sure: HashSet<(Option<IpAddr>, Option<String>)> = sure
        .map(|found| (found.denial.ip, found.denial.registry.clone()))
        .collect();
    if sure.is_empty() {
        return;
    }
    for Found { denial, .. } in found {
        if denial.attribution.is_some() && sure.contains(&(denial.ip, denial.registry.clone())) {
            denial.attribution = Some(Attribution::Stated);
        }
    }
}

/// Each denial once. One that says less of the same refusal than another is no second denial: a
/// client prints its error two to four times, each time with less around it.
fn distinct(found: &[Found]) -> Vec<Found> {
    let mut registries: HashMap<Option<IpAddr>, HashSet<&str>> = HashMap::new();
    let mut denied: HashSet<&str> = HashSet::new();
    let mut asked: HashSet<(Option<IpAddr>, Option<&str>)> = HashSet::new();
    let mut referred: HashSet<(Option<IpAddr>, Option<&str>, &str)> = HashSet::new();
    for Found { denial, .. } in found {
        let registry = denial.registry.as_deref();
        if let Some(registry) = registry {
            registries.entry(denial.ip).or_default().insert(registry);
            if denial.ip.is_some() {
                denied.insert(registry);
            }
        }
        if let Some(repository) = denial.repository.as_deref() {
            asked.insert((denial.ip, registry));
            if denial.reference.is_some() {
                referred.insert((denial.ip, registry, repository));
            }
        }
    }
    let newest = newest(found);
    let mut seen: HashSet<&Denial> = HashSet::new();
    let says_more_elsewhere = |denial: &Denial, login: bool| match (
        denial.registry.as_deref(),
        denial.repository.as_deref(),
    ) {
        (None, _) => registries.contains_key(&denial.ip),
        (Some(registry), _) if denial.ip.is_none() && denied.contains(registry) => true,
        (registry, None) => !login && asked.contains(&(denial.ip, registry)),
        (registry, Some(repository)) => {
            denial.reference.is_none() && referred.contains(&(denial.ip, registry, repository))
        }
    };
    found
        .iter()
        .filter(|found| {
            !says_more_elsewhere(&found.denial, found.login) && seen.insert(&found.denial)
        })
        .map(|found| Found {
            at: newest.get(&found.denial).copied().flatten(),
            ..found.clone()
        })
        .collect()
}

/// When each denial was written last.
fn newest(found: &[Found]) -> HashMap<&Denial, Option<Timestamp>> {
    let mut newest: HashMap<&Denial, Option<Timestamp>> = HashMap::new();
    for Found { denial, at, .. } in found {
        let known = newest.entry(denial).or_default();
        *known = (*known).max(*at);
    }
    newest
}

pub mod message;
pub mod registry;
#[cfg(test)]
mod tests;
pub mod text;
