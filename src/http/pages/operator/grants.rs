//! Grants: all that have not ended, and the page of each.

use super::overview::missing;
use super::view::{Act, Cell, Section, State as Badge};
use super::{encoded, framed, path, shown, story, svg};
use crate::flow::app::App;
use crate::flow::view::states;
use crate::http::{HttpError, Web};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::GrantId;
use doorward_core::messages::wording;
use doorward_core::state::GrantRecord;
use doorward_core::states::GrantState;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many stand on one page.
const PAGE: usize = 25;

const COLUMNS: [&str; 4] = ["Address", "Registry", "Time left", "Rule"];

/// Which grants are wanted.
#[derive(Deserialize)]
pub(in crate::http) struct Filter {
    /// Of this registry.
    registry: Option<String>,
    /// In this state.
    state: Option<String>,
    /// How many are passed over.
    after: Option<usize>,
}

/// What is open, for the first page: how many of each registry, and those that end first.
pub(super) fn first(app: &App, most: usize, now: Timestamp) -> Section {
    let all = states::grants(app, now);
    let rows = all
        .iter()
        .take(most)
        .map(|(it, state)| row(it, *state, now));
    let mut section = Section::new("open", "Open now", "No active grants.").table(
        "Grants, soonest end first",
        &COLUMNS,
        rows.collect(),
    );
    section.count = Some(all.len());
    if all.len() > most {
        let mut by_registry: BTreeMap<&str, usize> = BTreeMap::new();
        for (it, _) in &all {
            let count = by_registry.entry(it.grant.registry.name()).or_default();
            *count = count.saturating_add(1);
        }
        let on = match by_registry.len() {
            1 => "All of them".to_owned(),
            count => format!("All of them, on {count} registries"),
        };
        section = section.more(on, "grants");
    }
    section
}

/// A grant as a row: a bar to its end, who, where, why.
fn row(it: &GrantRecord, state: GrantState, now: Timestamp) -> Vec<Cell> {
    let grant = &it.grant;
    let left = wording::duration(grant.until.duration_since(now).abs());
    let left = if it.is_over(now) {
        format!("ended {left} ago")
    } else {
        left
    };
    vec![
        Cell::link(grant.address.to_string(), format!("grants/{}", grant.id))
            .state(state.name(), state.tone())
            .small(it.course.text().unwrap_or_default()),
        Cell::link(
            grant.registry.name(),
            path("registries", grant.registry.name()),
        ),
        Cell::text(left).drawing(svg::until(it.since, grant.until, now)),
        why(grant),
    ]
}

fn why(grant: &Grant) -> Cell {
    let cell = match &grant.rule {
        Some(rule) => Cell::link(rule.as_str(), path("rules", rule)),
        None => Cell::text("No rule matched"),
    };
    match grant.request {
        Some(_) => cell.small("approved by a person"),
        None => cell,
    }
}

/// `GET /grants`.
pub(in crate::http) async fn all(State(web): State<Web>, Query(filter): Query<Filter>) -> Response {
    let (app, now) = (&web.app, web.app.clock.now());
    let mut view = framed(app, "Grants", 0);
    let mut wanted = states::grants(app, now);
    wanted.retain(|(it, state)| {
        let of = filter.registry.as_ref();
        let of = of.is_none_or(|name| {
            name.is_empty() || it.grant.registry.name().eq_ignore_ascii_case(name)
        });
        let word = filter.state.as_ref();
        of && word.is_none_or(|word| word.is_empty() || word == state.name())
    });
    let after = filter.after.unwrap_or_default();
    let rows = wanted.iter().skip(after).take(PAGE);
    let rows: Vec<_> = rows.map(|(it, state)| row(it, *state, now)).collect();
    let next = after.saturating_add(rows.len());
    let mut section = Section::new("grants", "Active grants", "No active grants.").table(
        "Grants, soonest end first",
        &COLUMNS,
        rows,
    );
    section.count = Some(wanted.len());
    if next < wanted.len() {
        let registry = filter.registry.unwrap_or_default();
        let state = filter.state.unwrap_or_default();
        let more = format!(
            "grants?registry={}&state={}&after={next}",
            encoded(&registry),
            encoded(&state)
        );
        section = section.more(format!("Next {PAGE}"), more);
    }
    view.facts = by_registry(&states::grants(app, now));
    view.sections = vec![section];
    view.commands = vec!["doorward grants list".to_owned()];
    shown(Ok(view))
}

/// How many each registry has, each with a link to them.
fn by_registry(all: &[(GrantRecord, GrantState)]) -> Vec<(&'static str, Cell)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (it, _) in all {
        let count = counts.entry(it.grant.registry.name()).or_default();
        *count = count.saturating_add(1);
    }
    let fact = |(name, count): (&str, usize)| {
        let link = format!("grants?registry={}", encoded(name));
        ("Registry", Cell::link(format!("{name}: {count}"), link))
    };
    counts.into_iter().map(fact).collect()
}

/// `GET /grants/{id}`.
pub(in crate::http) async fn one(State(web): State<Web>, Path(id): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let id: GrantId = id.parse().map_err(|_| missing())?;
        let now = app.clock.now();
        let standing = app.ledger.read(|state| state.grants.get(&id).cloned());
        let found = story::found(app, vec![story::whole(&id)]).await?;
        let granted = found.entries.iter().rev().find_map(|(_, what)| match what {
            LedgerEvent::Granted(grant) | LedgerEvent::Recovered { grant, .. }
                if grant.id == id =>
            {
                Some(grant)
            }
            _ => None,
        });
        let grant = standing.as_ref().map(|it| &it.grant).or(granted);
        let grant = grant.ok_or_else(missing)?;
        let state = standing
            .as_ref()
            .map_or(GrantState::Ended, |it| states::grant(app, it, now));
        let title = format!("{} on {}", grant.address, grant.registry.name());
        let mut view = framed(app, title, 1);
        view.state = Some(Badge::new(state.name(), state.tone()));
        view.facts = facts(grant, standing.as_ref(), now);
        if standing.as_ref().is_some_and(|it| !it.is_over(now)) {
            view.acts = ["Revoke", "Extend"].map(|text| act(text, id)).into();
        }
        let older = found.older.map(|_| format!("timeline?text={id}"));
        view.sections = vec![story::section(&found, older)];
        view.commands = vec![
            format!("doorward grants show {id}"),
            format!("doorward ledger show --about {id}"),
        ];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}

fn act(text: &str, id: GrantId) -> Act {
    Act {
        text: text.to_owned(),
        link: format!("grants/{id}/{}", text.to_lowercase()),
    }
}

fn facts(
    grant: &Grant,
    standing: Option<&GrantRecord>,
    now: Timestamp,
) -> Vec<(&'static str, Cell)> {
    let address = grant.address.to_string();
    let mut facts = vec![
        (
            "Address",
            Cell::link(address.as_str(), path("addresses", &address)),
        ),
        (
            "Registry",
            Cell::link(
                grant.registry.name(),
                path("registries", grant.registry.name()),
            ),
        ),
        ("Until", Cell::text(wording::time(grant.until))),
        ("Rule", why(grant)),
        (
            "Denial",
            Cell::link(
                grant.denial.to_string(),
                format!("denials/{}", grant.denial),
            ),
        ),
    ];
    if let Some(request) = grant.request {
        let link = format!("requests/{request}");
        facts.push(("Request", Cell::link(request.to_string(), link)));
    }
    if let Some(it) = standing {
        let until = svg::until(it.since, grant.until, now);
        facts.insert(
            2,
            ("Since", Cell::text(wording::time(it.since)).drawing(until)),
        );
        if let Some(help) = it.course.text() {
            facts.push(("Usage", Cell::text(help)));
        }
    }
    facts
}
