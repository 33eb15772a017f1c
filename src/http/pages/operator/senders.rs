//! Sources, and address sets: how each is.

use super::overview::missing;
use super::view::{Cell, Section, State as Badge};
use super::{ago, encoded, framed, path, shown, story, svg};
use crate::flow::app::{App, Source};
use crate::flow::view::states;
use crate::flow::{feeds, sets};
use crate::http::{HttpError, Web};
use axum::extract::{Path, State};
use axum::response::Response;
use doorward_core::messages::wording;
use doorward_core::states::{SourceState, Subject};
use doorward_core::yaml::duration::Show;
use jiff::Timestamp;

fn strip(app: &App, name: &str, now: Timestamp) -> svg::Drawing {
    let subject = Subject::Source(name.to_owned());
    let quarters = app
        .ledger
        .read(|state| state.activity.quarters(&subject, now));
    svg::strip(&quarters)
}

fn last_heard(app: &App, source: &Source, now: Timestamp) -> String {
    let heard = states::source_facts(app, source).heard;
    heard.map_or_else(
        || "never heard".to_owned(),
        |at| format!("heard {} ago", ago(at, now)),
    )
}

/// The sources for the first page.
pub(super) fn first(app: &App, most: usize, now: Timestamp) -> Section {
    let section = table(app, most, now);
    if app.sources.len() > most {
        section.more("All of them", "registries#sources")
    } else {
        section
    }
}

/// Every source.
pub(super) fn all_sources(app: &App, now: Timestamp) -> Section {
    table(app, usize::MAX, now)
}

fn table(app: &App, most: usize, now: Timestamp) -> Section {
    let mut all: Vec<(&Source, SourceState)> = app
        .sources
        .values()
        .map(|source| (source, states::source(app, source)))
        .collect();
    all.sort_by_key(|(source, state)| (*state == SourceState::Fed, source.name.clone()));
    let row = |(source, state): &(&Source, SourceState)| {
        vec![
            Cell::link(source.name.as_str(), path("sources", &source.name))
                .state(state.name(), state.tone()),
            Cell::text(last_heard(app, source, now)).drawing(strip(app, &source.name, now)),
        ]
    };
    let mut section = Section::new("sources", "Sources", "None is configured.").table(
        "Sources: when each was heard, and denials of the last 24 hours",
        &["Source", "Last 24 hours"],
        all.iter().take(most).map(row).collect(),
    );
    section.count = Some(all.len());
    section
}

/// Every address set.
pub(super) fn all_sets(app: &App) -> Section {
    let now = app.clock.now();
    let listed = sets::list(app);
    let row = |it: &sets::Listed| {
        let state = it.state;
        let loaded = it.loaded_at;
        let loaded = loaded.map_or_else(String::new, |at| format!("loaded {} ago", ago(at, now)));
        let from = format!("{}: {}", it.kind, it.from);
        vec![
            Cell::link(it.name.as_str(), path("sets", &it.name)).state(state.name(), state.tone()),
            Cell::text(loaded).small(it.error.clone().unwrap_or_default()),
            Cell::text(from),
        ]
    };
    let mut section = Section::new("sets", "Address sets", "The policy has none.").table(
        "Address sets of the policy",
        &["Set", "Loaded", "From"],
        listed.iter().map(row).collect(),
    );
    section.count = Some(listed.len());
    section
}

/// `GET /sources/{name}`.
pub(in crate::http) async fn source(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let now = app.clock.now();
        let source = app.sources.get(&name).ok_or_else(missing)?;
        let state = states::source(app, source);
        let found = story::found(app, vec![format!("\"source\":\"{name}\"")]).await?;
        let mut view = framed(app, name.as_str(), 1);
        view.state = Some(Badge::new(state.name(), state.tone()));
        let facts = states::source_facts(app, source);
        let time = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), wording::time);
        view.facts = vec![
            ("Last heard", Cell::text(time(facts.heard))),
            ("Last refused", Cell::text(time(facts.refused))),
            (
                "Expected",
                Cell::text(facts.expect_every.map_or_else(
                    || "no `expect_every` is configured".to_owned(),
                    |every| format!("every {}", Show(every)),
                )),
            ),
            (
                "Last 24 hours",
                Cell::text("").drawing(strip(app, &name, now)),
            ),
        ];
        for part in feeds::list(app).iter().filter(|part| part.source == name) {
            let partition = part.partition.clone();
            view.facts
                .push(("Feed", Cell::text(partition).small(part.line())));
        }
        let older = found
            .older
            .map(|_| format!("timeline?text={}", encoded(&name)));
        view.sections = vec![story::section(&found, older)];
        view.commands = vec![
            "doorward doctor".to_owned(),
            format!("doorward prove --source {name}"),
        ];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}

/// `GET /sets/{name}`.
pub(in crate::http) async fn set(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let view = async {
        let app = &web.app;
        let mut listed = sets::list(app).into_iter();
        let it = listed.find(|it| it.name == name).ok_or_else(missing)?;
        let state = it.state;
        let found = story::found(app, vec![it.from.clone()]).await?;
        let mut view = framed(app, name.as_str(), 1);
        view.state = Some(Badge::new(state.name(), state.tone()));
        let time = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), wording::time);
        let owned = if it.owned {
            "nobody but its owner"
        } else {
            "anybody"
        };
        view.facts = vec![
            ("From", Cell::text(format!("{}: {}", it.kind, it.from))),
            ("Sent from by", Cell::text(owned)),
            ("Loaded", Cell::text(time(it.loaded_at))),
            ("Hash", Cell::text(it.hash.unwrap_or_default())),
            ("Asked next", Cell::text(time(it.next))),
        ];
        let told = it.error.map(|error| ("Error", error));
        let told = told.into_iter().chain(it.note.map(|note| ("Note", note)));
        view.facts
            .extend(told.map(|(name, text)| (name, Cell::text(text))));
        view.commands = vec!["doorward sets list".to_owned()];
        if let Some(it) = it.pending {
            let waits = format!("{}, since {}", it.reason, wording::time(it.since));
            view.facts.push((
                "Waits to be confirmed",
                Cell::text(waits).small(it.hash.clone()),
            ));
            view.commands
                .push(format!("doorward sets confirm {name} {}", it.hash));
        }
        view.sections = vec![story::section(&found, None)];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}
