//! One partition: where it is read from, what becomes of its records, and an offset that is gone.

use super::{Reading, Turn};
use crate::flow::feeds::Polled;
use crate::flow::feeds::commit::{Fetched, Next};
use crate::flow::feeds::progress::Part;
use crate::flow::feeds::storage::came;
use crate::kafka::{Connected, KafkaError, Position, Record, Records};
use crate::store::StoreError;
use clock::Clock;
use doorward_core::intake::feed::{FeedRecord, FeedStatus};
use jiff::{SignedDuration, Timestamp};

/// How often it is written down how far was read, though there is no news.
const WRITTEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

impl Turn<'_> {
    /// Where a partition is read from. One that was never read, from its first record since a denial can open
    /// anything; that is written down, so that a restart does not pass over what comes now.
    pub(super) async fn position(
        &self,
        connected: &Connected,
        partition: i32,
        part: &Part,
    ) -> Result<Result<Reading, KafkaError>, StoreError> {
        let known = self
            .app
            .ledger
            .read(|state| state.feeds.of(&part.source, &part.key).cloned());
        let number = known.as_ref().map_or(0, |known| known.number);
        let remembered = self.app.feeds(|feeds| feeds.part(part).offset);
        let remembered = remembered.filter(|(as_of, _)| *as_of == number && known.is_some());
        let written = known.as_ref().map_or(Timestamp::MIN, |known| known.at);
        let offset = known.and_then(|known| known.cursor.parse().ok());
        let offset = remembered.map(|(_, offset)| offset).or(offset);
        let begins = offset.is_none();
        let offset = if let Some(offset) = offset {
            offset
        } else {
            let now = Clock::system().now();
            let since = now.checked_sub(self.app.windows.max_age).unwrap_or(now);
            let topic = &self.kind.topic;
            match connected.beginning(topic, partition, since).await {
                Ok(offset) => offset,
                Err(error) => return Ok(Err(error)),
            }
        };
        let mut reading = Reading {
            part: part.clone(),
            number,
            at: Position { partition, offset },
            written,
            latency: None,
        };
        if begins {
            self.commit(&[], offset, &mut reading).await?;
        }
        Ok(Ok(reading))
    }

    pub(super) async fn take_in(
        &self,
        mut records: Records,
        all: &mut [Reading],
    ) -> Result<(), StoreError> {
        for reading in all {
            let Some(records) = records.remove(&reading.at.partition) else {
                continue;
            };
            let Some(last) = records.iter().map(|record| record.offset).max() else {
                continue;
            };
            came(self.app, &reading.part);
            let written = records.iter().filter_map(|record| record.written).min();
            let late = |at: Timestamp| Clock::system().now().duration_since(at);
            reading.latency = written.map(late).map(|late| late.max(SignedDuration::ZERO));
            let name = &reading.part.name;
            let record = |record: Record| {
                Some(FeedRecord {
                    event: format!("{name}@{}", record.offset),
                    body: record.value?,
                })
            };
            let records: Vec<FeedRecord> = records.into_iter().filter_map(record).collect();
            self.commit(&records, last.saturating_add(1), reading)
                .await?;
        }
        Ok(())
    }

    async fn commit(
        &self,
        records: &[FeedRecord],
        offset: i64,
        reading: &mut Reading,
    ) -> Result<(), StoreError> {
        let now = self.app.clock.now();
        let number = reading.number.saturating_add(1);
        let next = Next {
            number,
            cursor: offset.to_string(),
            is_due: reading.written < now.checked_sub(WRITTEN_EVERY).unwrap_or(now),
        };
        let fetched = Fetched::new(self.app, self.source, records, 0);
        let part = reading.part.clone();
        if fetched.commit(self.app, self.source, &part, next).await? {
            reading.number = number;
            reading.written = now;
        }
        reading.at.offset = offset;
        let known = (reading.number, offset);
        self.app
            .feeds(|feeds| feeds.part(&part).offset = Some(known));
        Ok(())
    }

    /// Offsets that the broker does not have: it has deleted what was not read yet, or is another one.
    pub(super) async fn back_in_range(
        &self,
        connected: &Connected,
        all: Vec<Reading>,
    ) -> Result<Polled, StoreError> {
        for mut reading in all {
            let (topic, at) = (&self.kind.topic, reading.at);
            let (low, high) = match connected.range(topic, at.partition).await {
                Ok(range) => range,
                Err(error) => return Ok(self.refused(&error)),
            };
            if (low..=high).contains(&at.offset) {
                continue;
            }
            let missed = u64::try_from(low.saturating_sub(at.offset)).unwrap_or_default();
            let name = (self.source.name.as_str(), reading.part.name.as_str());
            tracing::warn!(
                source = name.0,
                partition = name.1,
                missed,
                "the broker no longer has the next record; reading goes on with the oldest that it has"
            );
            self.app.metrics.feeds.missed(name, missed);
            reading.written = Timestamp::MIN;
            self.commit(&[], low, &mut reading).await?;
        }
        Ok(Polled::of(FeedStatus::CatchingUp))
    }
}
