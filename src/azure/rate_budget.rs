//! How much of Azure's patience is left, as its answers tell
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>).
//!
//! Buckets of a subscription and of a tenant hold 250 reads and 200 writes and fill again by 25 and 10 a
//! second; a resource provider may tell of buckets of its own in `x-ms-ratelimit-remaining-resource`.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use std::time::Duration;

/// A figure older than this says nothing any more: the buckets have filled again.
const TOLD_FOR: SignedDuration = SignedDuration::from_secs(60);

/// Fewer reads than this left, and those that nobody waits for are put off: the more, the fewer there are.
const SPARING: [(u64, u32); 3] = [(25, 8), (50, 4), (100, 2)];

/// The longest that a read is put off for this.
const LONGEST: Duration = Duration::from_mins(5);

/// What is read every so often is read at least this often, times its period.
const SELDOM: u32 = 4;

/// What the latest answers said is left of the scarcest bucket for reads, and of that for writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RateBudget {
    reads: Option<(Timestamp, u64)>,
    writes: Option<(Timestamp, u64)>,
}

impl RateBudget {
    /// Takes in the headers of an answer, those of subscriptions, of tenants and global ones alike. What
    /// they say of writes says nothing of reads, nor the other way round, except where a resource provider
    /// counts both.
    pub(super) fn note(&mut self, headers: &HeaderMap, now: Timestamp) {
        let least = |kind: &str| {
            let left = headers.iter().filter_map(|(name, value)| {
                let of = name.as_str().strip_prefix("x-ms-ratelimit-remaining-")?;
                let value = value.to_str().ok()?;
                match of {
                    "resource" => value.split(',').filter_map(bucket).min(),
                    of if of.ends_with(kind) => value.trim().parse().ok(),
                    _ => None,
                }
            });
            left.min().map(|least| (now, least))
        };
        self.reads = least("-reads").or(self.reads);
        self.writes = least("-writes").or(self.writes);
    }

    /// How long to wait instead of `pause` before a read that nobody waits for.
    pub(super) fn backoff_for_reads(self, pause: Duration, now: Timestamp) -> Duration {
        let longer = pause.saturating_mul(factor(self.reads, now));
        longer.min(LONGEST.max(pause))
    }

    /// How long to wait instead of `period` before the next of the reads that are made every `period`.
    pub(super) fn seldom(self, period: Duration, now: Timestamp) -> Duration {
        period.saturating_mul(factor(self.reads, now).min(SELDOM))
    }

    /// How long to wait instead of `pause` between two writes that add entries.
    pub(super) fn sparing(self, pause: Duration, now: Timestamp) -> Duration {
        pause.saturating_mul(factor(self.writes, now))
    }
}

/// How many times as long to wait as otherwise.
fn factor(told: Option<(Timestamp, u64)>, now: Timestamp) -> u32 {
    let fresh = |(at, _): &(Timestamp, u64)| now.duration_since(*at) < TOLD_FOR;
    let left = told.filter(fresh).map(|(_, left)| left);
    let few = |&&(fewer, _): &&(u64, u32)| left.is_some_and(|left| left < fewer);
    SPARING.iter().find(few).map_or(1, |(_, factor)| *factor)
}

/// One of several buckets: `Microsoft.ContainerRegistry/Reads3Min;239`.
fn bucket(text: &str) -> Option<u64> {
    text.rsplit_once(';')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    fn told(headers: &[(&'static str, &'static str)]) -> RateBudget {
        let mut rate_budget = RateBudget::default();
        let pairs = headers.iter();
        let headers =
            pairs.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        rate_budget.note(&headers.collect(), Timestamp::UNIX_EPOCH);
        rate_budget
    }

    fn seconds(rate_budget: RateBudget, after: i64) -> u64 {
        let now = Timestamp::from_second(after).unwrap();
        rate_budget
            .backoff_for_reads(Duration::from_secs(20), now)
            .as_secs()
    }

    #[test]
    fn the_less_is_left_the_longer_is_the_wait() {
        for (header, value, waits) in [
            ("x-ms-ratelimit-remaining-subscription-reads", "249", 20),
            ("x-ms-ratelimit-remaining-subscription-reads", "99", 40),
            ("x-ms-ratelimit-remaining-tenant-reads", "49", 80),
            (
                "x-ms-ratelimit-remaining-subscription-global-reads",
                "3",
                160,
            ),
            (
                "x-ms-ratelimit-remaining-resource",
                "Microsoft.ContainerRegistry/A3Min;300,Microsoft.ContainerRegistry/A30Min;7",
                160,
            ),
            ("x-ms-ratelimit-remaining-subscription-writes", "0", 20),
            ("x-ms-ratelimit-remaining-subscription-reads", "many", 20),
        ] {
            assert_eq!(
                seconds(told(&[(header, value)]), 1),
                waits,
                "{header}: {value}"
            );
        }
    }

    #[test]
    fn few_writes_slow_writes_down_and_reads_that_repeat_wait_four_periods_at_most() {
        let now = Timestamp::from_second(1).unwrap();
        let period = Duration::from_secs(10);
        for (header, value, (adding, reading)) in [
            (
                "x-ms-ratelimit-remaining-subscription-writes",
                "199",
                (10, 10),
            ),
            (
                "x-ms-ratelimit-remaining-subscription-writes",
                "99",
                (20, 10),
            ),
            ("x-ms-ratelimit-remaining-tenant-writes", "49", (40, 10)),
            (
                "x-ms-ratelimit-remaining-subscription-global-writes",
                "0",
                (80, 10),
            ),
            (
                "x-ms-ratelimit-remaining-subscription-deletes",
                "0",
                (10, 10),
            ),
            (
                "x-ms-ratelimit-remaining-subscription-reads",
                "60",
                (10, 20),
            ),
            ("x-ms-ratelimit-remaining-subscription-reads", "0", (10, 40)),
            ("x-ms-ratelimit-remaining-resource", "A;300,B;7", (80, 40)),
        ] {
            let rate_budget = told(&[(header, value)]);
            let waits = (
                rate_budget.sparing(period, now),
                rate_budget.seldom(period, now),
            );
            let waits = (waits.0.as_secs(), waits.1.as_secs());
            assert_eq!(waits, (adding, reading), "{header}: {value}");
        }
    }

    #[test]
    fn the_scarcest_bucket_counts_while_it_is_fresh() {
        let rate_budget = told(&[
            ("x-ms-ratelimit-remaining-subscription-reads", "200"),
            ("x-ms-ratelimit-remaining-tenant-reads", "10"),
        ]);
        assert_eq!(
            (seconds(rate_budget, 59), seconds(rate_budget, 60)),
            (160, 20)
        );
        assert_eq!(seconds(RateBudget::default(), 0), 20);
    }
}
