//! `kind: kafka`: a topic's partitions, each with its own offset in the ledger and its own lease. One loop reads
//! them, some at a time; of several replicas each takes those that no other is just reading.

mod partition;
mod refusal;

use super::progress::Part;
use super::storage::read_to_end;
use super::{GOOD_FOR, Polled, note};
use crate::config::{Feed, KafkaFeed};
use crate::flow::app::{App, Source};
use crate::kafka::{Connected, KafkaError, Position};
use crate::store::{Lease, StoreError};
use doorward_core::intake::feed::FeedStatus;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How many partitions are read at once, and so how much of them is held.
const AT_ONCE: usize = 4;

/// How often they are asked for more in one turn, so that others come to theirs too.
const BATCHES: usize = 16;

/// A feed's turn.
#[derive(Clone, Copy)]
struct Turn<'a> {
    app: &'a App,
    source: &'a Source,
    feed: &'a Feed,
    kind: &'a KafkaFeed,
}

/// A partition that is being read.
struct Reading {
    part: Part,
    number: u64,
    at: Position,
    written: Timestamp,
    latency: Option<SignedDuration>,
}

/// Reads what every partition has that no other replica is reading.
pub(super) async fn poll(
    app: &App,
    (source, feed): (&Source, &Feed),
    kind: &KafkaFeed,
) -> Result<Polled, StoreError> {
    let turn = Turn {
        app,
        source,
        feed,
        kind,
    };
    let known = app.feeds(|feeds| feeds.broker(&source.name));
    let connected = match known {
        Some(connected) => connected,
        None => match kind.brokers.connect(&app.arm).await {
            Ok(connected) => connected,
            Err(error) => return Ok(turn.refused(&error)),
        },
    };
    app.feeds(|feeds| feeds.connected(&source.name, Some(connected.clone())));
    let partitions = match connected.partitions(&kind.topic).await {
        Ok(partitions) => partitions,
        Err(error) => return Ok(turn.refused(&error)),
    };
    let (mut status, mut latency) = (FeedStatus::Reading, None);
    for some in partitions.chunks(AT_ONCE) {
        let polled = turn.read(&connected, some).await?;
        latency = latency.max(polled.latency);
        if polled.status != FeedStatus::Reading && status.failure().is_none() {
            status = polled.status;
        }
    }
    Ok(Polled {
        latency,
        ..Polled::of(status)
    })
}

impl Turn<'_> {
    /// Reads some partitions under their leases, and gives these back.
    async fn read(&self, connected: &Connected, some: &[i32]) -> Result<Polled, StoreError> {
        let mut mine = Vec::new();
        for partition in some {
            let part = Part::partition(self.source, &self.kind.topic, *partition);
            let lease = part.lease();
            let taken = self.app.ledger.acquire(&lease, GOOD_FOR, Duration::ZERO);
            if let Lease::Taken { .. } = taken.await? {
                self.note(&part, &Polled::of(FeedStatus::Elsewhere));
            } else {
                mine.push((*partition, part));
            }
        }
        if mine.is_empty() {
            return Ok(Polled::of(FeedStatus::Reading));
        }
        // Whoever had them before may have read on.
        self.app.ledger.follow().await?;
        let polled = match self.read_mine(connected, &mine).await {
            Err(StoreError::Duplicate) => Ok(Polled::of(FeedStatus::CatchingUp)),
            polled => polled,
        };
        for (_, part) in &mine {
            let given_back = self.app.ledger.release(&part.lease(), Duration::ZERO).await;
            if let Err(error) = given_back {
                // It ends by itself.
                tracing::debug!(source = part.source, "a lease is not given back: {error}");
            }
        }
        polled
    }

    async fn read_mine(
        &self,
        connected: &Connected,
        mine: &[(i32, Part)],
    ) -> Result<Polled, StoreError> {
        let mut reading = Vec::new();
        for (partition, part) in mine {
            match self.position(connected, *partition, part).await? {
                Ok(position) => reading.push(position),
                Err(error) => return Ok(self.all_refused(mine, &error)),
            }
        }
        let from: Vec<Position> = reading.iter().map(|reading| reading.at).collect();
        let topic = match connected.read(&self.kind.topic, &from).await {
            Ok(topic) => topic,
            Err(error) => return Ok(self.all_refused(mine, &error)),
        };
        let mut ended = Ok(false);
        for _ in 0..BATCHES {
            match topic.next().await {
                Ok(records) if records.is_empty() => {
                    ended = Ok(true);
                    break;
                }
                Ok(records) => self.take_in(records, &mut reading).await?,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        for reading in &reading {
            let behind = topic.behind(reading.at.partition).await;
            let name = (self.source.name.as_str(), reading.part.name.as_str());
            self.app.metrics.feeds.behind(name, behind);
        }
        topic.close().await;
        match ended {
            Ok(at_end) => Ok(self.read_so_far(&reading, at_end)),
            Err(KafkaError::OutOfRange) => self.back_in_range(connected, reading).await,
            Err(error) => Ok(self.all_refused(mine, &error)),
        }
    }

    fn read_so_far(&self, reading: &[Reading], at_end: bool) -> Polled {
        let (mut status, mut latency) = (FeedStatus::Reading, None);
        for reading in reading {
            let polled = Polled {
                latency: reading.latency,
                ..Polled::of(if at_end {
                    read_to_end(self.app, self.feed, &reading.part)
                } else {
                    FeedStatus::CatchingUp
                })
            };
            latency = latency.max(polled.latency);
            self.note(&reading.part, &polled);
            status = polled.status;
        }
        Polled {
            latency,
            ..Polled::of(status)
        }
    }

    fn note(&self, part: &Part, polled: &Polled) {
        note(self.app, part, polled, self.app.clock.now());
    }
}
