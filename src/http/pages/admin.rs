//! The operator page: what is open, what is asked, what was decided, what is paused. It changes nothing,
//! and shows no link.

use super::page;
use crate::flow::decide::forecast;
use crate::flow::feeds;
use crate::flow::notify::channels::{self, ChannelHealth, ChannelState, Dead};
use crate::flow::readiness;
use crate::http::{HttpError, Web};
use askama::Template;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::grant::Stage;
use doorward_core::ledger::id::{DenialId, GrantId};
use doorward_core::ledger::orders::Pause;
use doorward_core::ledger::request::{Answer, Request};
use doorward_core::messages::outcome::outcome;
use doorward_core::messages::wording;
use doorward_core::state::readiness::Condition;
use doorward_core::state::{Asked, Decision, GrantRecord, Known, State as Stands};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How many answered requests the page shows.
const LAST_ANSWERED: usize = 50;

/// What stands, as the page shows it.
#[derive(Template)]
#[template(path = "operator.html")]
struct Page {
    now: String,
    undelivered: usize,
    undecided: usize,
    paused: Vec<String>,
    degraded: Vec<String>,
    grants: Vec<GrantRow>,
    requests: Vec<RequestRow>,
    answered: Vec<AnsweredRow>,
    verdicts: Vec<VerdictRow>,
    feeds: Vec<FeedRow>,
    channels: Vec<ChannelRow>,
    dead: Vec<DeadRow>,
}

/// A part of a feed.
struct FeedRow {
    name: String,
    failing: bool,
    text: String,
}

/// How a channel fares.
struct ChannelRow {
    name: String,
    kind: String,
    state: &'static str,
    /// Since when it fails, and why.
    failing: String,
    last: String,
    waiting: usize,
    dead: usize,
}

/// A message that a channel never took.
struct DeadRow {
    at: String,
    channel: String,
    headline: String,
    reason: String,
    id: String,
}

/// A request that was answered, and what became of it.
struct AnsweredRow {
    registry: String,
    address: String,
    answer: &'static str,
    by: String,
    at: String,
    title: String,
    text: String,
}

struct GrantRow {
    registry: String,
    address: String,
    rule: String,
    until: String,
    left: String,
    /// Whether its entry stands past its end, or may.
    late: bool,
    stage: &'static str,
    help: Option<&'static str>,
    again: Option<u64>,
}

struct RequestRow {
    registry: String,
    address: String,
    image: String,
    ttl: String,
    until: String,
    left: String,
    again: Option<u64>,
}

struct VerdictRow {
    at: String,
    what: String,
    action: String,
    why: String,
}

/// `GET /`.
pub(in crate::http) async fn page(State(web): State<Web>) -> Result<Html<String>, HttpError> {
    let now = web.app.clock.now();
    let app = &web.app;
    let degraded = readiness::of(app).await;
    let degraded = degraded.missing.iter().chain(&degraded.degraded);
    let degraded = degraded.map(condition).collect();
    let mut answered: Vec<Asked> = app.ledger.read(|state| {
        let answered = state.requests.values().filter(|it| it.answer.is_some());
        answered.cloned().collect()
    });
    answered.sort_by_key(|asked| Reverse(asked.answer.map(|(at, _)| at)));
    answered.truncate(LAST_ANSWERED);
    let answered = answered.iter().filter_map(|asked| {
        let held_by = forecast::held_by(app, &asked.request.registry);
        answered_row(asked, held_by, now)
    });
    let answered = answered.collect();
    let view = app.ledger.read(|state| {
        let late = app.registries.keys().flat_map(|id| {
            let late = state.late(id, &app.last_read(id), now).into_iter();
            late.map(|late| (late.standing.grant.id, late.known))
        });
        view(state, degraded, &late.collect(), now)
    });
    let feeds = feeds::list(app);
    let feeds = feeds.iter().map(|feed| FeedRow {
        name: format!("{}/{}", feed.source, feed.registry),
        failing: feed.failing,
        text: feed.line(),
    });
    let feeds = feeds.collect();
    let channels = channels::health(app).into_iter().map(channel_row).collect();
    let dead = channels::dead(app).into_iter().map(dead_row).collect();
    page::html(&Page {
        answered,
        feeds,
        channels,
        dead,
        ..view
    })
}

fn channel_row(it: ChannelHealth) -> ChannelRow {
    let since = it
        .since
        .map(|since| format!("since {}", wording::time(since)));
    let failing: Vec<String> = since.into_iter().chain(it.reason).collect();
    ChannelRow {
        name: it.name,
        kind: it.kind,
        state: match it.state {
            ChannelState::Ok => "OK",
            ChannelState::Failing => "Failing",
            ChannelState::NeverTried => "Never tried",
        },
        failing: failing.join(": "),
        last: it
            .last_taken
            .map_or_else(|| "never".to_owned(), wording::time),
        waiting: it.waiting,
        dead: it.dead,
    }
}

fn dead_row(it: Dead) -> DeadRow {
    DeadRow {
        at: wording::time(it.at),
        channel: it.channel,
        headline: it.headline,
        reason: it.reason,
        id: it.id.to_string(),
    }
}

/// What became of an answered request.
fn answered_row(asked: &Asked, held_by: Option<String>, now: Timestamp) -> Option<AnsweredRow> {
    let (at, answer) = asked.answer?;
    let outcome = outcome(asked, held_by, now);
    let registry = asked.request.registry.name().to_owned();
    let address = asked.request.address.to_string();
    Some(AnsweredRow {
        answer: match answer {
            Answer::Allow => "Approved",
            Answer::Deny => "Denied",
        },
        by: asked.by.as_ref().map(Actor::in_words).unwrap_or_default(),
        at: wording::time(at),
        title: outcome.title(),
        text: outcome.text(&registry, &address),
        registry,
        address,
    })
}

/// `GET /metrics`, for Prometheus.
pub(in crate::http) async fn metrics(State(web): State<Web>) -> impl IntoResponse {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    let health = &web.app.metrics.health;
    for channel in channels::health(&web.app) {
        let states = ChannelState::ALL.into_iter().map(ChannelState::name);
        health.channel_state(&channel.name, channel.state.name(), states);
    }
    ([(CONTENT_TYPE, TEXT)], web.app.metrics.render())
}

fn view(
    state: &Stands,
    degraded: Vec<String>,
    late: &BTreeMap<GrantId, Known>,
    now: Timestamp,
) -> Page {
    let mut grants: Vec<&GrantRecord> = state.grants.values().collect();
    grants.sort_by_key(|standing| standing.grant.until);
    let mut requests: Vec<&Asked> = state.requests.values().collect();
    requests.retain(|asked| asked.open(now));
    requests.sort_by_key(|asked| asked.request.until);
    Page {
        now: wording::time(now),
        undelivered: state.outbox.len(),
        undecided: state.undecided.len(),
        paused: paused(state),
        degraded,
        grants: grants
            .into_iter()
            .map(|it| {
                let known = late.get(&it.grant.id).copied();
                grant(it, known, again(state, it.grant.denial), now)
            })
            .collect(),
        requests: requests
            .into_iter()
            .map(|it| request(it, again(state, it.request.denial), now))
            .collect(),
        answered: Vec::new(),
        feeds: Vec::new(),
        verdicts: state.verdicts.iter().map(|it| verdict(it)).collect(),
        channels: Vec::new(),
        dead: Vec::new(),
    }
}

/// What somebody should mend, in a line.
fn condition(it: &Condition) -> String {
    let subject = it.subject.as_ref();
    let subject = subject.map_or_else(String::new, |it| format!("`{it}`: "));
    let since = it.since.map(|at| format!(" Since {}.", wording::time(at)));
    let code = it.code.name();
    format!(
        "{subject}{}{} [{code}]",
        it.detail,
        since.unwrap_or_default()
    )
}

/// What is paused, and what has stopped by itself, in sentences.
fn paused(state: &Stands) -> Vec<String> {
    let all = state.pauses.all().map(|pause| (None, pause));
    let each = state.pauses.registries();
    let each = each.map(|(id, pause)| (Some(id.name()), pause));
    let said = |(name, pause): (Option<&str>, &Pause)| {
        let on = name.map_or_else(|| "All registries".to_owned(), |name| format!("`{name}`"));
        wording::sentence(&format!("{on}: {}", wording::paused(pause)))
    };
    let stopped = state
        .stopped()
        .map(|id| wording::sentence(&format!("`{}`: {}", id.name(), wording::stopped(id))));
    let paused = all.into_iter().chain(each).map(said);
    paused.chain(stopped).collect()
}

/// How often a denial came again, if it did.
fn again(state: &Stands, denial: DenialId) -> Option<u64> {
    Some(state.times_repeated(denial)).filter(|times| *times > 0)
}

fn grant(
    standing: &GrantRecord,
    late: Option<Known>,
    again: Option<u64>,
    now: Timestamp,
) -> GrantRow {
    let grant = &standing.grant;
    let left = wording::duration(grant.until.duration_since(now).abs());
    GrantRow {
        registry: grant.registry.name().to_owned(),
        address: grant.address.to_string(),
        rule: grant.rule.clone().unwrap_or_else(|| "–".to_owned()),
        until: wording::time(grant.until),
        left: match late {
            Some(Known::Stands(_)) => format!("overdue by {left}"),
            Some(Known::Unknown(_)) => {
                format!("ended {left} ago; whether its entry stands is not known")
            }
            None if standing.is_over(now) => format!("ended {left} ago"),
            None => left,
        },
        late: late.is_some(),
        stage: match standing.stage {
            Stage::Intended if standing.is_over(now) => "never seen open",
            Stage::Intended => "not yet open",
            Stage::Open => "open",
            Stage::CoveredByExisting => "admitted by an entry that is not doorward's",
        },
        help: standing.course.text(),
        again,
    }
}

fn request(asked: &Asked, again: Option<u64>, now: Timestamp) -> RequestRow {
    let request = &asked.request;
    RequestRow {
        registry: guessed(request),
        address: request.address.to_string(),
        image: crate::http::pages::answers::image(request).unwrap_or_else(|| "–".to_owned()),
        ttl: wording::duration(crate::http::pages::answers::ttl(request)),
        until: wording::time(request.until),
        left: wording::duration(request.until.duration_since(now)),
        again,
    }
}

/// The registry that would open, marked where it is a guess.
fn guessed(request: &Request) -> String {
    let mark = if request.is_guess() { " (a guess)" } else { "" };
    format!("{}{mark}", request.registry.name())
}

fn verdict(decision: &Decision) -> VerdictRow {
    VerdictRow {
        at: wording::time(decision.at),
        what: wording::denial(&decision.denial),
        action: decision.verdict.action.to_string(),
        why: wording::why(&decision.verdict),
    }
}
