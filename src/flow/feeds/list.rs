//! The feeds as operators see them.

use super::all;
use super::progress::{Part, Progress};
use crate::flow::app::App;
use doorward_core::intake::feed::FeedStatus;
use doorward_core::state::readiness::{Condition, ConditionCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedView {
    /// The source.
    pub source: String,
    /// Which part of the feed: a registry, a queue, a container.
    pub partition: String,
    /// How it fares, by a stable name.
    pub state: String,
    /// What that means, and what helps.
    pub text: String,
    /// Whether it cannot be relied on.
    pub failing: bool,
    /// Since when it fails, or does not.
    pub since: Option<Timestamp>,
    /// When it was last read to its end by this process, with all access confirmed.
    pub last_success: Option<Timestamp>,
    /// How many seconds ago that was.
    pub lag_seconds: Option<i64>,
    /// How many seconds the latest records took from happening to being readable.
    pub ingestion_latency_seconds: Option<i64>,
    /// Where reading goes on.
    pub cursor: Option<String>,
    /// How many records were read in all.
    pub records: u64,
    /// How many of them could not be read.
    pub set_aside: u64,
}

/// Every part of every feed.
pub fn list(app: &App) -> Vec<FeedView> {
    let parts = all(app).flat_map(|(source, feed)| Part::all(source, feed));
    parts.map(|part| view(app, &part)).collect()
}

fn view(app: &App, part: &Part) -> FeedView {
    let now = app.clock.now();
    let Progress {
        status,
        since,
        read_at,
        latency,
        ..
    } = app
        .feeds(|feeds| feeds.known(part).cloned())
        .unwrap_or_default();
    let position = app
        .ledger
        .read(|state| state.feeds.of(&part.source, &part.key).cloned());
    let (records, set_aside) = position
        .as_ref()
        .map_or((0, 0), |it| (it.records, it.set_aside));
    FeedView {
        source: part.source.clone(),
        partition: part.name.clone(),
        state: status.name().to_owned(),
        text: status.text(),
        failing: status.failure().is_some(),
        since,
        last_success: read_at,
        lag_seconds: read_at.map(|at| now.duration_since(at).as_secs()),
        ingestion_latency_seconds: latency.map(|late| late.as_secs()),
        cursor: position.map(|it| it.cursor),
        records,
        set_aside,
    }
}

/// The feeds that cannot be relied on.
pub fn conditions(app: &App) -> Vec<Condition> {
    let failing = list(app).into_iter().filter(|view| view.failing);
    let condition = |view: FeedView| {
        let detail = format!("Denials may be missed. {}", view.text);
        let condition = Condition::new(ConditionCode::FeedFailing, detail)
            .about(format!("{}/{}", view.source, view.partition));
        match view.since {
            Some(since) => condition.since(since),
            None => condition,
        }
    };
    failing.map(condition).collect()
}

impl FeedView {
    /// In a line, for the operator page.
    pub fn line(&self) -> String {
        let state = if self.state == FeedStatus::Reading.name() {
            "Reading."
        } else {
            &self.text
        };
        let (records, set_aside) = (self.records, self.set_aside);
        if self.state == FeedStatus::Elsewhere.name() {
            return format!("{state} Records: {records}, set aside: {set_aside}.");
        }
        let lag = self.lag_seconds.map_or_else(
            || "Never read to its end".to_owned(),
            |seconds| format!("Last read to its end {seconds} s ago"),
        );
        let latency = self.ingestion_latency_seconds;
        let latency = latency.map_or_else(String::new, |late| {
            format!("; its latest records took {late} s to be readable")
        });
        format!("{state} {lag}{latency}; records: {records}, set aside: {set_aside}.")
    }
}
