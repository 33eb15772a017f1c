//! `kind: azure_logs`: asks a registry's own log through Azure Resource Manager.

use super::Polled;
use super::commit::{Fetched, Next};
use super::progress::Part;
use crate::azure::{ArmError, Call, TokenError};
use crate::config::Feed;
use crate::flow::app::{App, Source};
use crate::flow::usage;
use crate::store::StoreError;
use doorward_core::intake::feed::azure_logs::{self, Access, Answer, Row, Window};
use doorward_core::intake::feed::{FeedFailure, FeedRecord, FeedStatus};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::feed::FeedAdvanced;
use doorward_core::net::resource_id::ResourceId;
use jiff::Timestamp;

/// Where a part stands in the ledger.
struct Position {
    number: u64,
    cursor: Timestamp,
}

/// Asks once, and takes in what is new.
pub(super) async fn poll(
    app: &App,
    source: &Source,
    feed: &Feed,
    registry: &ResourceId,
) -> Result<Polled, StoreError> {
    let part = Part::of(source, registry);
    let position = position(app, source, registry).await?;
    let after = app.feeds(|feeds| feeds.part(&part).page.clone());
    let window = Window::of(position.cursor, after);
    let watched = usage::watched(app, source);
    let asked = app.clock.now();
    let query = azure_logs::query(&window, &watched);
    let queries = app.feeds(|feeds| feeds.queries());
    let answer = {
        // It is never closed; without a permit it would be asked all the same.
        let _permit = queries.acquire().await.ok();
        let timespan = window.timespan(asked);
        let query = (query.as_str(), timespan.as_str());
        app.arm.query_logs(registry, query, &Call::random()).await
    };
    let answer = match answer {
        Ok(Some(answer)) => azure_logs::read(&answer, registry),
        Ok(None) => return Ok(failed(FeedFailure::EmptyWorkspace)),
        Err(error) => return Ok(refused(&error, registry)),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(registry = registry.name(), %error, "a log cannot be read");
            return Ok(failed(FeedFailure::BadAnswer));
        }
    };
    take_in(app, source, registry, (&answer, &position)).await?;
    let now = app.clock.now();
    Ok(Polled {
        status: status(app, feed, &part, (&answer, now)),
        patience: None,
        shared_patience: false,
        latency: latency(&answer),
    })
}

/// Where reading goes on. Of a log that was never read before, as far back as a denial can open anything;
/// that is written down, so that a restart does not pass over what comes now.
async fn position(
    app: &App,
    source: &Source,
    registry: &ResourceId,
) -> Result<Position, StoreError> {
    let known = app
        .ledger
        .read(|state| state.feeds.of(&source.name, registry.key()).cloned());
    let now = app.clock.now();
    let before = known.as_ref().map_or(0, |known| known.number);
    let cursor = known.and_then(|known| azure_logs::cursor(&known.cursor));
    if let Some(cursor) = cursor {
        let number = before;
        return Ok(Position { number, cursor });
    }
    let number = before.saturating_add(1);
    let cursor = now.checked_sub(app.windows.max_age).unwrap_or(now);
    let first = FeedAdvanced {
        source: source.name.clone(),
        partition: registry.key().to_owned(),
        number,
        cursor: cursor.to_string(),
        records: 0,
        set_aside: 0,
    };
    app.ledger
        .append(now, vec![LedgerEvent::FeedAdvanced(first)])
        .await?;
    Ok(Position { number, cursor })
}

/// Takes in the rows that are new. Signs of use come first, which count once however often they come; then
/// denials and the cursor together.
async fn take_in(
    app: &App,
    source: &Source,
    registry: &ResourceId,
    (answer, position): (&Answer, &Position),
) -> Result<(), StoreError> {
    let part = Part::of(source, registry);
    let (new, unread) = app.feeds(|feeds| {
        let part = feeds.part(&part);
        let new = answer
            .rows
            .iter()
            .filter(|row| !part.has_seen(&row.record.event));
        let bad = answer.set_aside.iter().filter(|hash| !part.has_seen(hash));
        let records: Vec<FeedRecord> = new.map(|row| row.record.clone()).collect();
        (records, bad.count())
    });
    let fetched = Fetched::new(app, source, &new, unread);
    let cursor = cursor(answer, position.cursor, app.clock.now());
    let next = Next {
        number: position.number.saturating_add(1),
        cursor: cursor.next.to_string(),
        is_due: cursor.is_due,
    };
    fetched.commit(app, source, &part, next).await?;
    app.feeds(|feeds| {
        let part = feeds.part(&part);
        let read = answer.rows.iter().map(|row| &row.record.event);
        for event in read.chain(&answer.set_aside) {
            part.saw(event);
        }
        let last = answer
            .rows
            .last()
            .filter(|_| answer.full && !answer.partial);
        part.page = last.map(|row| (row.ingested, row.key.clone()));
        part.newest = part.newest.max(newest(answer));
    });
    Ok(())
}

fn newest(answer: &Answer) -> Option<Timestamp> {
    let last = answer.rows.last().map(|row| row.ingested);
    last.max(answer.newest.map(|(ingested, _)| ingested))
}

/// Where reading goes on, and whether that is to be written down though nothing was reported.
struct Onward {
    next: Timestamp,
    is_due: bool,
}

fn cursor(answer: &Answer, cursor: Timestamp, now: Timestamp) -> Onward {
    let stays = Onward {
        next: cursor,
        is_due: false,
    };
    if answer.partial {
        return stays;
    }
    if let Some(last) = answer.rows.last().filter(|row| row.ingested > cursor) {
        return Onward {
            next: last.ingested,
            is_due: answer.full,
        };
    }
    let idle = azure_logs::idle(cursor, now).filter(|_| answer.access == Access::Proven);
    match idle.filter(|_| !answer.full) {
        Some(next) => Onward { next, is_due: true },
        None => stays,
    }
}

fn status(app: &App, feed: &Feed, part: &Part, (answer, now): (&Answer, Timestamp)) -> FeedStatus {
    let (newest, first_read) = app.feeds(|feeds| {
        let part = feeds.part(part);
        (part.newest, part.first_read)
    });
    let silent = feed.expect_every.filter(|expected| {
        let since = newest.max(first_read);
        since.is_some_and(|since| clock::add(since, *expected) < now)
    });
    let failure = match &answer.access {
        Access::Missing(failure) => Some(failure.clone()),
        Access::Unstated => Some(FeedFailure::AccessUnproven),
        Access::Proven if answer.partial => Some(FeedFailure::Incomplete),
        Access::Proven => silent.map(FeedFailure::Silent),
    };
    match failure {
        _ if answer.full && !answer.partial && !answer.rows.is_empty() => FeedStatus::CatchingUp,
        Some(failure) => FeedStatus::Failing(failure),
        None if answer.full => FeedStatus::Failing(FeedFailure::BadAnswer),
        None => FeedStatus::Reading,
    }
}

/// How long Azure took with the latest rows: the longest of the page, else of the newest row of any kind.
fn latency(answer: &Answer) -> Option<jiff::SignedDuration> {
    let of = |row: &Row| row.ingested.duration_since(row.generated);
    let of_rows = answer.rows.iter().map(of).max();
    let of_newest = || {
        answer
            .newest
            .map(|(ingested, at)| ingested.duration_since(at))
    };
    of_rows.or_else(of_newest)
}

fn failed(failure: FeedFailure) -> Polled {
    Polled::of(FeedStatus::Failing(failure))
}

/// What a refusal means.
fn refused(error: &ArmError, registry: &ResourceId) -> Polled {
    let failure = match error {
        ArmError::Throttled { .. } => FeedFailure::Throttled,
        ArmError::Unauthorized { .. } | ArmError::Token(TokenError::Refused { .. }) => {
            FeedFailure::AuthFailed
        }
        ArmError::Token(TokenError::Unavailable { .. }) | ArmError::Unavailable { .. } => {
            FeedFailure::Unreachable
        }
        ArmError::NotFound { .. } => FeedFailure::NotFound,
        ArmError::Refused { status: 403, .. } => FeedFailure::Forbidden,
        // Tables that nothing was ever sent to, or that may not be read, are unknown to a query.
        ArmError::Refused { status: 400, .. } => FeedFailure::AccessUnproven,
        ArmError::Refused { .. } | ArmError::BadReply { .. } => FeedFailure::BadAnswer,
    };
    tracing::debug!(registry = registry.name(), %error, "a log query was not answered");
    Polled {
        patience: error.retry_after(),
        shared_patience: failure == FeedFailure::Throttled,
        ..failed(failure)
    }
}
