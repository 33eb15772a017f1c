//! `kind: storage_queue`: messages that Event Grid or others have put into a queue.
//!
//! A message is deleted after the ledger has taken it in, and the ledger remembers it until then: whoever
//! meets it again only deletes it.

use super::Polled;
use super::commit::{Fetched, Next};
use super::progress::Part;
use super::storage::{Read, came, read_to_end};
use crate::azure::{Message, Queue, StorageError};
use crate::config::{Feed, QueueFeed};
use crate::flow::app::{App, Source};
use crate::store::StoreError;
use clock::Clock;
use doorward_core::intake::feed::queue::{AT_ONCE, Settled, decode};
use doorward_core::intake::feed::{FeedFailure, FeedRecord, FeedStatus, ServiceFailure, Store};
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;

/// How many batches are read in one turn, so that a stop need not wait for a full queue.
const BATCHES: usize = 16;

/// How many messages are deleted at once.
const DELETES: usize = 8;

/// Receives what is there, takes it in, and deletes it.
pub(super) async fn poll(
    app: &App,
    (source, feed): (&Source, &Feed),
    kind: &QueueFeed,
    part: &Part,
) -> Result<Polled, StoreError> {
    let read = Read {
        account: &kind.account,
        store: Store::Queue,
        name: &kind.queue,
    };
    let queue = match app.arm.queue(&kind.account, &kind.queue) {
        Ok(queue) => queue,
        Err(error) => return Ok(read.refused(app, source, &error)),
    };
    let mut latency = None;
    for _ in 0..BATCHES {
        let messages = match queue.receive(AT_ONCE, kind.visibility_timeout).await {
            Ok(messages) => messages,
            Err(error) => return Ok(read.refused(app, source, &error)),
        };
        if messages.is_empty() {
            return Ok(Polled {
                latency,
                ..Polled::of(read_to_end(app, feed, part))
            });
        }
        came(app, part);
        latency = late_by(&messages).or(latency);
        take_in(app, source, (kind, part), &messages).await?;
        if let Err(error) = delete(&queue, &messages).await {
            return Ok(not_deleted(read.refused(app, source, &error), &error));
        }
    }
    Ok(Polled {
        latency,
        ..Polled::of(FeedStatus::CatchingUp)
    })
}

/// Takes in the messages that the ledger does not know.
async fn take_in(
    app: &App,
    source: &Source,
    (kind, part): (&QueueFeed, &Part),
    messages: &[Message],
) -> Result<(), StoreError> {
    let position = app
        .ledger
        .read(|state| state.feeds.of(&source.name, &part.key).cloned());
    let (number, cursor) = position.map_or_else(Default::default, |it| (it.number, it.cursor));
    let mut settled = Settled::parse(&cursor);
    let new: Vec<&Message> = messages
        .iter()
        .filter(|message| !settled.has(&message.id))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let most = i64::from(kind.max_dequeues);
    let (unread, new): (Vec<_>, Vec<_>) = new.into_iter().partition(|it| it.dequeues > most);
    for message in &unread {
        tracing::warn!(
            source = source.name,
            message = message.id,
            dequeues = message.dequeues,
            "a message was received too often without being taken in and is set aside unread"
        );
    }
    let record = |message: &&Message| FeedRecord {
        event: message.id.clone(),
        body: decode(&message.text),
    };
    let records: Vec<FeedRecord> = new.iter().map(record).collect();
    for message in new.iter().chain(&unread) {
        settled.add(&message.id);
    }
    let next = Next {
        number: number.saturating_add(1),
        cursor: settled.cursor(),
        is_due: false,
    };
    let fetched = Fetched::new(app, source, &records, unread.len());
    fetched.commit(app, source, part, next).await.map(drop)
}

async fn delete(queue: &Queue, messages: &[Message]) -> Result<(), StorageError> {
    let deletes: Vec<_> = messages
        .iter()
        .map(|message| queue.delete(message))
        .collect();
    let deletes = stream::iter(deletes).buffer_unordered(DELETES);
    let ended: Vec<_> = deletes.collect().await;
    ended.into_iter().collect()
}

/// A right that is missing is another one than that to receive.
fn not_deleted(polled: Polled, error: &StorageError) -> Polled {
    match error {
        StorageError::RightMissing => Polled {
            status: FeedStatus::Failing(FeedFailure::Service(ServiceFailure::NotDeleted)),
            ..polled
        },
        _ => polled,
    }
}

/// How long the message waited that waited longest. Those are times of the account's clock.
fn late_by(messages: &[Message]) -> Option<SignedDuration> {
    let now = Clock::system().now();
    let sent = messages.iter().filter_map(|message| message.sent).min()?;
    Some(now.duration_since(sent).max(SignedDuration::ZERO))
}
