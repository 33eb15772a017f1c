//! How long the steps of a denial's way take.

use doorward_core::telemetry::steps::{Step, StepKind};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What arrives by a log of Azure's takes minutes as a rule.
const EVENT: [f64; 11] = [
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
];
const DECISION: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// A PATCH takes seconds; a full or a paused registry makes it minutes.
const ENTRY: [f64; 11] = [
    0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0,
];

/// The histograms. Cheap to clone: clones share what they count.
#[derive(Clone)]
pub struct Latencies {
    events: Family<SourceLabels, Histogram>,
    decisions: Family<SourceLabels, Histogram>,
    openings: Family<RegistryLabels, Histogram>,
    removals: Family<RegistryLabels, Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegistryLabels {
    registry: String,
}

fn events() -> Histogram {
    Histogram::new(EVENT)
}

fn decisions() -> Histogram {
    Histogram::new(DECISION)
}

fn entries() -> Histogram {
    Histogram::new(ENTRY)
}

impl Latencies {
    /// Shows them in `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let latencies = Self {
            events: Family::new_with_constructor(events),
            decisions: Family::new_with_constructor(decisions),
            openings: Family::new_with_constructor(entries),
            removals: Family::new_with_constructor(entries),
        };
        registry.register(
            "event_latency_seconds",
            "From an event to its arrival, by source; of events that say when they were",
            latencies.events.clone(),
        );
        registry.register(
            "decision_latency_seconds",
            "From a denial's arrival to its verdict, by source",
            latencies.decisions.clone(),
        );
        registry.register(
            "opening_latency_seconds",
            "From a grant's decision to a read that shows its entry, by registry",
            latencies.openings.clone(),
        );
        registry.register(
            "removal_latency_seconds",
            "From a grant's end to a read that shows its entry gone, by registry",
            latencies.removals.clone(),
        );
        latencies
    }

    /// Shows empty ones, so that none is absent before it has counted anything.
    pub(super) fn begin<'a>(
        &self,
        sources: impl Iterator<Item = &'a str>,
        registries: impl Iterator<Item = &'a str>,
    ) {
        for source in sources {
            let labels = SourceLabels {
                source: source.to_owned(),
            };
            drop(self.events.get_or_create(&labels));
            drop(self.decisions.get_or_create(&labels));
        }
        for registry in registries {
            let labels = RegistryLabels {
                registry: registry.to_owned(),
            };
            drop(self.openings.get_or_create(&labels));
            drop(self.removals.get_or_create(&labels));
        }
    }

    /// Counts a step that ended as it was meant to.
    pub fn observe(&self, step: &Step) {
        let took = step.until.duration_since(step.since).as_secs_f64();
        let source = || SourceLabels {
            source: step.of.source.clone().unwrap_or_default(),
        };
        let registry = || RegistryLabels {
            registry: step
                .of
                .registry
                .as_ref()
                .map_or_else(String::new, |id| id.name().to_owned()),
        };
        match (step.kind, step.result) {
            (StepKind::Receive, _) if step.since < step.until => {
                self.events.get_or_create(&source()).observe(took);
            }
            (StepKind::Decide, _) => self.decisions.get_or_create(&source()).observe(took),
            (StepKind::Open, "opened") => self.openings.get_or_create(&registry()).observe(took),
            (StepKind::Remove, "expired") => {
                self.removals.get_or_create(&registry()).observe(took);
            }
            _ => {}
        }
    }
}
