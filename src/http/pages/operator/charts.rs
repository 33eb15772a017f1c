//! Denials and verdicts over hours and days.

use super::view::{Cell, Section};
use super::{framed, shown, svg};
use crate::http::Web;
use crate::http::pages::prose::Prose;
use axum::extract::State;
use axum::response::Response;
use doorward_core::messages::wording;
use doorward_core::states::{Subject, Tally};
use jiff::Timestamp;

type Series = Vec<(Timestamp, Tally)>;

/// `GET /charts`.
pub(in crate::http) async fn page(State(web): State<Web>) -> Response {
    let app = &web.app;
    let now = app.clock.now();
    let mut view = framed(app, "Charts", 0);
    let (quarters, days): (Series, Series) = app.ledger.read(|state| {
        let activity = &state.activity;
        (activity.quarters(&Subject::All, now), activity.days(now))
    });
    view.sections = vec![
        section("day", "Last 24 hours", "a quarter of an hour", &quarters),
        section("month", "Last 30 days", "a day", &days),
        numbers(&days),
    ];
    view.commands = vec![
        "doorward verdicts".to_owned(),
        "doorward ledger show".to_owned(),
    ];
    shown(Ok(view))
}

fn section(id: &'static str, heading: &str, each: &str, series: &Series) -> Section {
    let sum = |of: fn(&Tally) -> u64| {
        series
            .iter()
            .fold(0, |sum: u64, (_, it)| sum.saturating_add(of(it)))
    };
    let most = |of: fn(&Tally) -> u64| series.iter().map(|(_, it)| of(it)).max().unwrap_or(0);
    let denials = svg::chart(
        format!(
            "{} denials, at most {} in {each}",
            sum(|it| it.denials),
            most(|it| it.denials)
        ),
        series,
        |it| vec![("bar", it.denials)],
    );
    let verdicts = svg::chart(
        format!(
            "{} verdicts: {} allowed, {} asked a person, {} opened nothing",
            sum(Tally::verdicts),
            sum(|it| it.allowed),
            sum(|it| it.asked),
            sum(|it| it.declined)
        ),
        series,
        |it| {
            vec![
                ("good", it.allowed),
                ("wait", it.asked),
                ("bar", it.declined),
            ]
        },
    );
    let mut section = Section::new(id, heading, "");
    section.drawings = vec![
        (Prose::new(format!("Denials: {}", denials.label)), denials),
        (
            Prose::new(format!("Verdicts: {}", verdicts.label)),
            verdicts,
        ),
    ];
    section.key = svg::KEY.to_vec();
    section
}

/// The days as numbers, newest first.
fn numbers(days: &Series) -> Section {
    let busy = days.iter().rev().filter(|(_, it)| *it != Tally::default());
    let row = |(at, it): &(Timestamp, Tally)| {
        let number = |count: u64| Cell::text(count.to_string());
        let date = wording::time(*at).chars().take(10).collect::<String>();
        vec![
            Cell::text(date),
            number(it.denials),
            number(it.allowed),
            number(it.asked),
            number(it.declined),
            number(it.approved),
            number(it.denied),
        ]
    };
    Section::new("numbers", "In numbers", "Nothing has happened yet.").table(
        "Denials, verdicts and responses by day (UTC), newest first",
        &[
            "Day",
            "Denials",
            "Allowed",
            "Asked",
            "Opened nothing",
            "Approved",
            "Denied by a person",
        ],
        busy.map(row).collect(),
    )
}
