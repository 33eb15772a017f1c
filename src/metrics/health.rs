//! How the program itself fares: its loops, its channels, and whether Azure shows the registries.

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of the program's own health.
#[derive(Default)]
pub struct Health {
    last_run: Family<LoopLabels, Gauge>,
    restarts: Family<LoopLabels, Counter>,
    channel_failing: Family<ChannelLabels, Gauge>,
    channel_state: Family<ChannelStateLabels, Gauge>,
    azure_unreadable: Family<UnreadableLabels, Gauge>,
    ledger_failing: Gauge,
    disk_low: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LoopLabels {
    r#loop: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ChannelLabels {
    channel: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ChannelStateLabels {
    channel: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UnreadableLabels {
    registry: String,
    reason: &'static str,
}

impl Health {
    /// Shows them in `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let health = Self::default();
        registry.register(
            "loop_last_run_timestamp_seconds",
            "When a loop last came to the end of a turn; at least once a minute",
            health.last_run.clone(),
        );
        registry.register(
            "loop_restarts",
            "How often a loop was started again after a panic",
            health.restarts.clone(),
        );
        registry.register(
            "channel_failing",
            "Whether a channel has refused messages several times in a row",
            health.channel_failing.clone(),
        );
        registry.register(
            "channel_state",
            "1 for the state that a channel is in: ok, failing or never_tried",
            health.channel_state.clone(),
        );
        registry.register(
            "azure_unreadable",
            "1 while Azure does not show a registry, by the reason",
            health.azure_unreadable.clone(),
        );
        registry.register(
            "ledger_failing",
            "1 while the ledger cannot be written",
            health.ledger_failing.clone(),
        );
        registry.register(
            "disk_low",
            "1 while the ledger's disk is nearly full",
            health.disk_low.clone(),
        );
        health
    }

    /// Whether the ledger cannot be written, and whether its disk is nearly full.
    pub fn ledger(&self, failing: bool, low: bool) {
        self.ledger_failing.set(i64::from(failing));
        self.disk_low.set(i64::from(low));
    }

    /// A loop came to the end of a turn.
    pub fn loop_ran(&self, name: &str, at: Timestamp) {
        let gauge = self.last_run.get_or_create(&LoopLabels::of(name));
        gauge.set(at.as_second());
    }

    /// A loop was started again.
    pub fn loop_restarted(&self, name: &str) {
        self.restarts.get_or_create(&LoopLabels::of(name)).inc();
    }

    /// Whether a channel fails.
    pub fn channel_failing(&self, channel: &str, failing: bool) {
        let channel = channel.to_owned();
        let gauge = self
            .channel_failing
            .get_or_create(&ChannelLabels { channel });
        gauge.set(i64::from(failing));
    }

    /// Which of `states` a channel is in.
    pub fn channel_state(
        &self,
        channel: &str,
        is: &'static str,
        states: impl Iterator<Item = &'static str>,
    ) {
        for state in states {
            let labels = ChannelStateLabels {
                channel: channel.to_owned(),
                state,
            };
            let gauge = self.channel_state.get_or_create(&labels);
            gauge.set(i64::from(state == is));
        }
    }

    /// Why Azure does not show a registry now, if it does not, and why it did not before.
    pub fn azure_unreadable(
        &self,
        registry: &str,
        before: Option<&'static str>,
        reason: Option<&'static str>,
    ) {
        let labels = |reason| UnreadableLabels {
            registry: registry.to_owned(),
            reason,
        };
        if let Some(before) = before {
            self.azure_unreadable.remove(&labels(before));
        }
        if let Some(reason) = reason {
            self.azure_unreadable.get_or_create(&labels(reason)).set(1);
        }
    }
}

impl LoopLabels {
    fn of(name: &str) -> Self {
        Self {
            r#loop: name.to_owned(),
        }
    }
}
