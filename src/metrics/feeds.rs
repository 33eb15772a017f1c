//! How the feeds fare.

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is shown of feeds.
#[derive(Default)]
pub struct Feeds {
    last_success: Family<PartLabels, Gauge>,
    latency: Family<PartLabels, Gauge>,
    failing: Family<FailingLabels, Gauge>,
    set_aside: Family<PartLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartLabels {
    source: String,
    partition: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailingLabels {
    source: String,
    partition: String,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    source: String,
    state: &'static str,
}

impl Feeds {
    /// Shows them in `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let feeds = Self::default();
        registry.register(
            "feed_last_success_timestamp_seconds",
            "When a feed was last read to its end, with all access confirmed",
            feeds.last_success.clone(),
        );
        registry.register(
            "feed_ingestion_latency_seconds",
            "How long the latest records took from happening to being readable",
            feeds.latency.clone(),
        );
        registry.register(
            "feed_failing",
            "1 while a feed cannot be relied on, by the reason",
            feeds.failing.clone(),
        );
        registry.register(
            "feed_set_aside",
            "Records of a feed that could not be read",
            feeds.set_aside.clone(),
        );
        registry.register(
            "feed_requests",
            "Requests for records, by the state that they led to",
            feeds.requests.clone(),
        );
        feeds
    }

    /// A feed was read to its end.
    pub fn succeeded(&self, (source, partition): (&str, &str), at: Timestamp) {
        let labels = PartLabels::of(source, partition);
        let gauge = self.last_success.get_or_create(&labels);
        gauge.set(at.as_second());
    }

    /// How late the latest records were.
    pub fn late_by(&self, (source, partition): (&str, &str), latency: SignedDuration) {
        let labels = PartLabels::of(source, partition);
        self.latency.get_or_create(&labels).set(latency.as_secs());
    }

    /// Records could not be read.
    pub fn set_aside(&self, (source, partition): (&str, &str), count: u64) {
        let labels = PartLabels::of(source, partition);
        self.set_aside.get_or_create(&labels).inc_by(count);
    }

    /// A request led to this state.
    pub fn asked(&self, source: &str, state: &'static str) {
        let source = source.to_owned();
        let labels = RequestLabels { source, state };
        self.requests.get_or_create(&labels).inc();
    }

    /// Why a feed cannot be relied on now, if so, and why it could not before.
    pub fn failing(
        &self,
        (source, partition): (&str, &str),
        before: Option<&'static str>,
        reason: Option<&'static str>,
    ) {
        let labels = |reason| FailingLabels {
            source: source.to_owned(),
            partition: partition.to_owned(),
            reason,
        };
        if let Some(before) = before {
            self.failing.remove(&labels(before));
        }
        if let Some(reason) = reason {
            self.failing.get_or_create(&labels(reason)).set(1);
        }
    }
}

impl PartLabels {
    fn of(source: &str, partition: &str) -> Self {
        Self {
            source: source.to_owned(),
            partition: partition.to_owned(),
        }
    }
}
