//! The first page: what needs a person now, what is open, how registries and sources fare, and what was
//! decided last.

use super::view::{Act, Cell, Line, Section};
use super::{ago, framed, grants, path, registries, requests, senders, shown};
use crate::flow::app::App;
use crate::flow::notify::channels;
use crate::flow::sets;
use crate::flow::view::{readiness, states};
use crate::http::{HttpError, Web};
use axum::extract::State;
use axum::response::Response;
use doorward_core::messages::wording;
use doorward_core::state::Decision;
use doorward_core::states::{GrantState, RegistryState, SourceState, Tone};
use jiff::Timestamp;
use std::sync::Arc;

/// How many lines of each part stand on the first page: the rest is one click away.
const FIRST: usize = 4;

/// Something that a person should do.
struct Need {
    at: Option<Timestamp>,
    what: Cell,
    act: Act,
}

/// `GET /`.
pub(in crate::http) async fn page(State(web): State<Web>) -> Response {
    let app = &web.app;
    let now = app.clock.now();
    let mut view = framed(app, "Overview", 0);
    let needs = needs(app, now).await;
    let mut first = section(&needs, FIRST, now);
    if needs.len() > FIRST {
        first = first.more("All of them", "waiting");
    }
    view.sections = vec![first];
    view.sections.push(grants::first(app, FIRST, now));
    view.sections.push(registries::first(app, FIRST, now));
    view.sections.push(senders::first(app, FIRST, now));
    view.sections.push(decisions(app));
    view.commands = vec![
        "doorward grants list".to_owned(),
        "doorward notify list".to_owned(),
        "doorward sets list".to_owned(),
    ];
    shown(Ok(view))
}

/// `GET /waiting`: all of what needs a person.
pub(in crate::http) async fn waiting(State(web): State<Web>) -> Response {
    let app = &web.app;
    let now = app.clock.now();
    let mut view = framed(app, "Needs attention", 0);
    view.sections = vec![section(&needs(app, now).await, usize::MAX, now)];
    shown(Ok(view))
}

fn section(needs: &[Need], most: usize, now: Timestamp) -> Section {
    let lines = needs.iter().take(most).map(|it| Line {
        what: it.what.clone(),
        age: it.at.map(|at| ago(at, now)).unwrap_or_default(),
        act: Some(Act {
            text: it.act.text.clone(),
            link: it.act.link.clone(),
        }),
    });
    let mut section = Section::new("needs", "Needs attention", "Nothing.");
    section.lines = lines.collect();
    section.count = Some(needs.len());
    section
}

fn act(text: &str, link: String) -> Act {
    Act {
        text: text.to_owned(),
        link,
    }
}

/// What needs a person, oldest first; what has no time comes first.
async fn needs(app: &App, now: Timestamp) -> Vec<Need> {
    let mut all = asked(app, now);
    all.extend(troubled_grants(app, now));
    all.extend(conditions(app).await);
    let sets = sets::list(app).into_iter().filter_map(|it| {
        let pending = it.pending?;
        let what = format!("Set `{}` waits to be confirmed", wording::quoted(&it.name));
        Some(Need {
            at: Some(pending.since),
            what: Cell::text(what),
            act: act("Look", path("sets", &it.name)),
        })
    });
    all.extend(sets);
    let dead = channels::dead(app).into_iter().map(|it| Need {
        at: Some(it.at),
        what: Cell::text(format!(
            "Not delivered to `{}`: {}",
            it.channel, it.headline
        ))
        .small(format!("`doorward notify resend {}`", it.id)),
        act: act("Story", format!("timeline?text={}", it.id)),
    });
    all.extend(dead);
    all.sort_by_key(|it| it.at);
    all
}

fn asked(app: &App, now: Timestamp) -> Vec<Need> {
    let open = app.ledger.read(|state| {
        let open = state.requests.values().filter(|it| it.open(now));
        open.cloned().collect::<Vec<_>>()
    });
    let need = |it: &doorward_core::state::Asked| {
        let request = &it.request;
        let what = format!("`{}` asks for {}", request.address, request.registry.name());
        Need {
            at: it.decision.as_ref().map(|it| it.at),
            what: Cell::text(what),
            act: act("Review", format!("requests/{}", request.id)),
        }
    };
    open.iter().map(need).collect()
}

fn troubled_grants(app: &App, now: Timestamp) -> Vec<Need> {
    let all = states::grants(app, now).into_iter();
    let troubled = all.filter(|(_, state)| state.tone() == Tone::Bad);
    let need = |(it, state): (doorward_core::state::GrantRecord, GrantState)| {
        let grant = &it.grant;
        let since = match state {
            GrantState::Overdue => grant.until,
            _ => it.course.refused.map_or(it.since, |refused| refused.at),
        };
        let what = format!("`{}` on {}", grant.address, grant.registry.name());
        Need {
            at: Some(since),
            what: Cell::text(what).state(state.name(), state.tone()),
            act: act("Look", format!("grants/{}", grant.id)),
        }
    };
    troubled.map(need).collect()
}

/// What somebody should mend: of doorward itself, of registries and of sources.
async fn conditions(app: &App) -> Vec<Need> {
    let now = readiness::of(app).await;
    let mut all: Vec<Need> = now
        .missing
        .into_iter()
        .chain(now.degraded)
        .map(|it| {
            let subject = it
                .subject
                .map_or_else(String::new, |it| format!("`{it}`: "));
            Need {
                at: it.since,
                what: Cell::text(format!("{subject}{}", it.detail))
                    .small(format!("`{}`", it.code.name())),
                act: act("Timeline", "timeline".to_owned()),
            }
        })
        .collect();
    for id in app.registries.keys() {
        let state = states::registry(app, id);
        if matches!(state, RegistryState::Blocked | RegistryState::Drifted) {
            all.push(Need {
                at: None,
                what: Cell::text(id.name()).state(state.name(), state.tone()),
                act: act("Look", path("registries", id.name())),
            });
        }
    }
    for source in app.sources.values() {
        let state = states::source(app, source);
        let expected = state == SourceState::Refused || source.options.expect_every.is_some();
        if state.tone() == Tone::Bad && expected {
            all.push(Need {
                at: states::source_facts(app, source).heard,
                what: Cell::text(format!("Source `{}`", source.name))
                    .state(state.name(), state.tone()),
                act: act("Look", path("sources", &source.name)),
            });
        }
    }
    all
}

/// The last verdicts.
fn decisions(app: &App) -> Section {
    let last: Vec<Arc<Decision>> = app
        .ledger
        .read(|state| state.verdicts.iter().take(FIRST).cloned().collect());
    let row = |it: &Arc<Decision>| {
        let denial = it.denial.report.denial.ip;
        let who = denial.map_or_else(|| "unknown address".to_owned(), |ip| ip.to_string());
        let what = it
            .registry
            .as_ref()
            .map_or_else(String::new, |id| format!(" on {}", id.name()));
        vec![
            Cell::link(format!("{who}{what}"), format!("denials/{}", it.denial.id))
                .small(requests::again(app, it.denial.id)),
            Cell::text(it.verdict.action.to_string()),
            Cell::text(wording::time(it.at)),
            Cell::text(wording::verdict(&it.verdict)),
        ]
    };
    Section::new(
        "decisions",
        "Recent decisions",
        "No denial has come in yet.",
    )
    .table(
        "The last verdicts, newest first",
        &["Denial", "Verdict", "Time", "Why"],
        last.iter().map(row).collect(),
    )
    .more("All of them", "timeline?kind=decided")
}

/// Why a page is not there.
pub(super) fn missing() -> HttpError {
    HttpError::NotFound
}
