//! Counters for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Every counter, and the registry that shows them.
pub struct Metrics {
    registry: Registry,
    /// Deliveries by source and HTTP status.
    pub deliveries: Family<DeliveryLabels, Counter>,
    /// Records by source, and whether they could be read.
    pub records: Family<RecordLabels, Counter>,
    /// Denials taken in, by source.
    pub denials: Family<SourceLabels, Counter>,
    /// Records that can never carry a denial, by source and what they are.
    pub passed_over: Family<PassedOverLabels, Counter>,
    /// Verdicts that a candidate policy was asked about too, by whether it says the same.
    pub shadow_verdicts: Family<ShadowLabels, Counter>,
}

/// Labels of [`Metrics::deliveries`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct DeliveryLabels {
    /// The source, `unknown` for a path that names none.
    pub source: String,
    /// The answer's HTTP status.
    pub status: u16,
}

/// Labels of [`Metrics::records`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RecordLabels {
    /// The source.
    pub source: String,
    /// `read` or `bad`.
    pub outcome: &'static str,
}

/// Labels of [`Metrics::denials`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SourceLabels {
    /// The source.
    pub source: String,
}

/// Labels of [`Metrics::passed_over`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PassedOverLabels {
    /// The source.
    pub source: String,
    /// What the record was.
    pub what: &'static str,
}

/// Labels of [`Metrics::shadow_verdicts`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ShadowLabels {
    /// `same` or `differs`.
    pub outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("doorward");
        let deliveries = Family::default();
        registry.register(
            "deliveries",
            "Deliveries by source and HTTP status",
            deliveries.clone(),
        );
        let records = Family::default();
        registry.register(
            "records",
            "Records by source, and whether they could be read",
            records.clone(),
        );
        let denials = Family::default();
        registry.register("denials", "Denials taken in, by source", denials.clone());
        let passed_over = Family::default();
        registry.register(
            "passed_over",
            "Records that can never carry a denial",
            passed_over.clone(),
        );
        let shadow_verdicts = Family::default();
        registry.register(
            "shadow_verdicts",
            "Verdicts that a candidate policy was asked about too",
            shadow_verdicts.clone(),
        );
        Self {
            registry,
            deliveries,
            records,
            denials,
            passed_over,
            shadow_verdicts,
        }
    }
}

impl Metrics {
    /// All of them in Prometheus' text form, for `GET /metrics`.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        prometheus_client::encoding::text::encode(&mut text, &self.registry).ok();
        text
    }
}
