//! Registries: how each is, who has its places, and what it was refused for lately.

use super::overview::missing;
use super::view::{Act, Cell, Section, State as Badge};
use super::{ago, encoded, framed, path, shown, story, svg};
use crate::flow::app::App;
use crate::flow::orders;
use crate::flow::registry::posture;
use crate::flow::view::states;
use crate::http::{HttpError, Web};
use axum::extract::{Path, State};
use axum::response::Response;
use doorward_core::firewall::diagnose;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::states::{RegistryState, Subject, Tone};
use jiff::Timestamp;

/// Whose the entries of a registry's list are, as far as its last read shows.
struct Places {
    ours: usize,
    others: usize,
    limit: usize,
}

fn places(app: &App, id: &ResourceId, now: Timestamp) -> Option<Places> {
    let live = app.postures(|postures| postures.last(id))?;
    let own = posture::ours(app, id, now);
    let is_own = |network: Option<_>| network.is_some_and(|network| own.contains(&network));
    let ours = live.rules.iter().filter(|it| is_own(it.network)).count();
    Some(Places {
        ours,
        others: live.rules.len().saturating_sub(ours),
        limit: states::limit(app, id),
    })
}

fn quota(app: &App, id: &ResourceId, now: Timestamp) -> Cell {
    match places(app, id, now) {
        None => Cell::text("not known"),
        Some(it) => {
            let free = it.limit.saturating_sub(it.ours.saturating_add(it.others));
            let said = format!(
                "{} ours, {} others’, {free} free of {}",
                it.ours, it.others, it.limit
            );
            Cell::text(said).drawing(svg::places(it.ours, it.others, it.limit))
        }
    }
}

fn last_day(app: &App, subject: &Subject, now: Timestamp) -> svg::Drawing {
    let quarters = app
        .ledger
        .read(|state| state.activity.quarters(subject, now));
    svg::strip(&quarters)
}

/// The registries, worst first, for the first page.
pub(super) fn first(app: &App, most: usize, now: Timestamp) -> Section {
    let all = sorted(app);
    let row = |(id, state): &(&ResourceId, RegistryState)| {
        let link = path("registries", id.name());
        vec![
            Cell::link(id.name(), link).state(state.name(), state.tone()),
            quota(app, id, now),
            Cell::text("").drawing(last_day(app, &Subject::Registry((*id).clone()), now)),
        ]
    };
    let mut section = Section::new("registries", "Registries", "None is enrolled.").table(
        "Registries: places in the list, and denials of the last 24 hours",
        &["Registry", "Entries", "Last 24 hours"],
        all.iter().take(most).map(row).collect(),
    );
    section.count = Some(all.len());
    section.more("All of them", "registries")
}

/// Each with how it is; what is worst comes first.
fn sorted(app: &App) -> Vec<(&ResourceId, RegistryState)> {
    let all = app.registries.keys();
    let mut all: Vec<_> = all.map(|id| (id, states::registry(app, id))).collect();
    all.sort_by_key(|(id, state)| {
        let rank = match state.tone() {
            Tone::Bad => 0,
            Tone::Wait => 1,
            Tone::Plain | Tone::Good => 2,
        };
        (rank, id.name().to_owned())
    });
    all
}

/// When a registry was read last, and why it cannot be.
fn last_read(app: &App, id: &ResourceId, now: Timestamp) -> Cell {
    let (read, failing) = app.postures(|it| (it.read_at(id), it.failing().get(id).cloned()));
    let read = read.map_or_else(|| "never".to_owned(), |at| format!("{} ago", ago(at, now)));
    match failing {
        Some(it) => Cell::text(read).small(format!(
            "{}, since {}",
            wording::capital(&it.why.to_string()),
            wording::time(it.since)
        )),
        None => Cell::text(read),
    }
}

/// What stands against entries.
fn posture(app: &App, id: &ResourceId) -> Cell {
    let live = app.postures(|postures| postures.last(id));
    match live.as_deref().map(diagnose) {
        None => Cell::text("not known"),
        Some(None) => Cell::text("selected networks, Premium"),
        Some(Some(obstacle)) => Cell::text(obstacle.code().replace('_', " ")),
    }
}

fn drift(app: &App, id: &ResourceId, now: Timestamp) -> &'static str {
    if app.ledger.read(|state| state.differs(id, now)) {
        "changed by others, not concluded"
    } else {
        "none"
    }
}

/// `GET /registries`.
pub(in crate::http) async fn all(State(web): State<Web>) -> Response {
    let (app, now) = (&web.app, web.app.clock.now());
    let mut view = framed(app, "Registries", 0);
    let row = |(id, state): (&ResourceId, RegistryState)| {
        vec![
            Cell::link(id.name(), path("registries", id.name()))
                .state(state.name(), state.tone())
                .drawing(last_day(app, &Subject::Registry(id.clone()), now)),
            quota(app, id, now),
            posture(app, id),
            Cell::text(mode(app)),
            last_read(app, id, now),
            Cell::text(drift(app, id, now)),
        ]
    };
    let mut section = Section::new("registries", "Enrolled registries", "None is enrolled.").table(
        "Registries, those that need somebody first",
        &[
            "Registry",
            "Entries",
            "Posture",
            "Mode",
            "Last read",
            "Drift",
        ],
        sorted(app).into_iter().map(row).collect(),
    );
    section.count = Some(app.registries.len());
    view.acts = vec![
        act("Pause all", "pause".to_owned()),
        act("Resume all", "resume".to_owned()),
    ];
    view.sections = vec![
        section,
        super::senders::all_sources(app, now),
        super::senders::all_sets(app),
    ];
    view.commands = vec![
        "doorward doctor".to_owned(),
        "doorward sets list".to_owned(),
    ];
    shown(Ok(view))
}

fn act(text: &str, link: String) -> Act {
    Act {
        text: text.to_owned(),
        link,
    }
}

fn mode(app: &App) -> &'static str {
    if app.may_add { "enforce" } else { "observe" }
}

/// `GET /registries/{name}`.
pub(in crate::http) async fn one(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let now = app.clock.now();
        let id = orders::registry(app, &name).map_err(|_| missing())?;
        let state = states::registry(app, &id);
        let found = story::found(app, vec![id.to_string()]).await?;
        let mut view = framed(app, id.name(), 1);
        view.state = Some(Badge::new(state.name(), state.tone()));
        let strip = last_day(app, &Subject::Registry(id.clone()), now);
        let grants = format!("grants?registry={}", encoded(id.name()));
        view.facts = vec![
            ("Resource id", Cell::text(id.to_string())),
            ("Entries", quota(app, &id, now)),
            ("Posture", posture(app, &id)),
            ("Mode", Cell::text(mode(app))),
            ("Last read", last_read(app, &id, now)),
            ("Drift", Cell::text(drift(app, &id, now))),
            ("Grants", Cell::link("Active grants", grants)),
            ("Last 24 hours", Cell::text("").drawing(strip)),
        ];
        let order = |text, link: &str| act(text, format!("{link}?registry={}", encoded(id.name())));
        view.acts = vec![order("Pause", "pause"), order("Resume", "resume")];
        let rest = found
            .older
            .map(|_| format!("timeline?registry={}", encoded(id.name())));
        view.sections = vec![story::section(&found, rest)];
        view.commands = vec![
            format!("doorward grants list --registry {}", id.name()),
            "doorward doctor".to_owned(),
        ];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}
