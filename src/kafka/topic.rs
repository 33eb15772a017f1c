//! A topic's records.

use super::error::within;
use super::{Connected, KafkaError};
use jiff::Timestamp;
use krafka::consumer::{AutoOffsetReset, Consumer, TopicPartition};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a broker may wait for news before it answers that there is none.
const WAIT: Duration = Duration::from_millis(500);

/// How many records come at once, and how many bytes of each partition.
const AT_ONCE: i32 = 1_000;
const BYTES: i32 = 4 << 20;

/// The most that records may be once they are unpacked.
const UNPACKED: usize = 64 << 20;

/// Where a partition is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its number.
    pub partition: i32,
    /// The offset of the record that comes next.
    pub offset: i64,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub offset: i64,
    /// What it says; nothing, where a key was deleted.
    pub value: Option<Vec<u8>>,
    /// When it was written.
    pub written: Option<Timestamp>,
}

/// Records by partition.
pub type Records = BTreeMap<i32, Vec<Record>>;

/// Some partitions of a topic that are being read.
pub struct Topic {
    consumer: Consumer,
    name: String,
}

impl Connected {
    /// The numbers of a topic's partitions.
    pub async fn partitions(&self, topic: &str) -> Result<Vec<i32>, KafkaError> {
        let consumer = self.0.consumer_without_group();
        let consumer = within(consumer.build()).await?;
        let found = within(consumer.fetch_metadata(Some(topic))).await;
        within(consumer.close()).await.ok();
        let found = found?.topics;
        let topic = found.first().ok_or(KafkaError::Missing)?;
        let mut partitions: Vec<i32> = topic.partitions.keys().copied().collect();
        partitions.sort_unstable();
        if partitions.is_empty() {
            return Err(KafkaError::Missing);
        }
        Ok(partitions)
    }

    /// Where a partition that was never read is read from: the first record since `since`, else its end; where
    /// the broker does not look up times, its beginning.
    pub async fn beginning(
        &self,
        topic: &str,
        partition: i32,
        since: Timestamp,
    ) -> Result<i64, KafkaError> {
        let consumer = within(self.0.consumer_without_group().build()).await?;
        let asked = [(topic, partition)];
        let times = async {
            Ok(consumer
                .offsets_for_times(&asked, since.as_millisecond())
                .await)
        };
        let found = within(times).await?;
        let found = found.into_values().next();
        let (low, high) = within(consumer.fetch_watermarks(topic, partition)).await?;
        within(consumer.close()).await.ok();
        Ok(match found {
            Some(Ok(offset)) if offset >= 0 => offset.max(low).min(high.max(low)),
            Some(Ok(_)) => high,
            Some(Err(_)) | None => low,
        })
    }

    /// The first offset that a partition still has, and the one that comes next.
    pub async fn range(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        let consumer = within(self.0.consumer_without_group().build()).await?;
        let range = within(consumer.fetch_watermarks(topic, partition)).await;
        within(consumer.close()).await.ok();
        range
    }

    /// Reads partitions from where they are to be read.
    pub async fn read(&self, topic: &str, from: &[Position]) -> Result<Topic, KafkaError> {
        let offsets = from
            .iter()
            .map(|at| (TopicPartition::new(topic, at.partition), at.offset));
        let consumer = self
            .0
            .consumer_without_group()
            .auto_offset_reset(AutoOffsetReset::None)
            .initial_offsets(offsets)
            .fetch_max_wait(WAIT)
            .max_poll_records(AT_ONCE)
            .max_partition_fetch_bytes(BYTES)
            .max_decompressed_size(UNPACKED);
        let consumer = within(consumer.build()).await?;
        let partitions = from.iter().map(|at| at.partition).collect();
        within(consumer.assign(topic, partitions)).await?;
        let name = topic.to_owned();
        Ok(Topic { consumer, name })
    }
}

impl Topic {
    /// The next records; none if there are none for now.
    pub async fn next(&self) -> Result<Records, KafkaError> {
        let mut records = Records::new();
        // Somewhat longer than the broker waits: else nothing would ever arrive in time.
        let polled = within(self.consumer.poll(WAIT.saturating_mul(3))).await?;
        for record in polled {
            records.entry(record.partition).or_default().push(Record {
                offset: record.offset,
                value: record.value.map(|value| value.to_vec()),
                written: Timestamp::from_millisecond(record.timestamp).ok(),
            });
        }
        Ok(records)
    }

    /// How many records a partition has that were not read yet, as far as is known.
    pub async fn behind(&self, partition: i32) -> Option<u64> {
        let lag = self.consumer.lag().await;
        lag.get(&TopicPartition::new(&self.name, partition))?.lag
    }

    /// Lets go of what is held for it.
    pub async fn close(self) {
        within(self.consumer.close()).await.ok();
    }
}
