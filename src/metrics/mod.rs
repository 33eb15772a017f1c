//! Counters for Prometheus.

mod feeds;
mod health;
mod latencies;
mod standing;
mod states;
mod text;

pub use feeds::Feeds;
pub use health::Health;
pub use latencies::Latencies;
pub use standing::{LedgerNumbers, Standing};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Every counter, and the registry that shows them.
pub struct Metrics {
    registry: Registry,
    /// Deliveries by source and HTTP status.
    pub deliveries: Family<DeliveryLabels, Counter>,
    /// Records by source, and whether they could be read.
    pub records: Family<RecordLabels, Counter>,
    /// Denials taken in, by source.
    pub denials: Family<SourceLabels, Counter>,
    /// Bodies that take more work to read than theirs may, by source.
    pub over_budget: Family<SourceLabels, Counter>,
    /// Records that can never carry a denial, by source and what they are.
    pub passed_over: Family<PassedOverLabels, Counter>,
    /// Verdicts that a candidate policy was asked about too, by whether it says the same.
    pub shadow_verdicts: Family<ShadowLabels, Counter>,
    /// Each registry's circuit: 0 closed, 1 half open, 2 open.
    circuits: Family<RegistryLabels, Gauge>,
    /// How the program itself fares.
    pub health: Health,
    /// How the feeds fare.
    pub feeds: Feeds,
    /// How long the steps of a denial's way take.
    pub latencies: Latencies,
    /// What stands.
    pub standing: Standing,
    /// Refreshes of address sets by set and outcome.
    pub set_refreshes: Family<SetLabels, Counter>,
    /// When the source of an address set last said what the set holds, in seconds since 1970.
    pub set_loaded: Family<SetNameLabels, Gauge>,
    /// What waits for a person to confirm it: 1 for each candidate.
    pub set_waiting: Family<SetWaitingLabels, Gauge>,
    /// What was refused to callers who are not known, by reason.
    refusals: Family<ReasonLabels, Counter>,
    /// The candidate of each set in there.
    waiting: Mutex<BTreeMap<String, String>>,
}

/// Labels of [`Metrics::set_refreshes`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SetLabels {
    /// The set.
    pub set: String,
    /// `loaded`, `refused` or `failed`.
    pub outcome: &'static str,
}

/// Labels of [`Metrics::set_loaded`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SetNameLabels {
    /// The set.
    pub set: String,
}

/// Labels of [`Metrics::set_waiting`].
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SetWaitingLabels {
    /// The set.
    pub set: String,
    /// The hash of what it would hold.
    pub hash: String,
}

/// Labels of what is refused.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// Labels of what is counted by registry.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegistryLabels {
    registry: String,
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
        let denials = by_source(&mut registry, "denials", "Denials taken in, by source");
        let over_budget = by_source(
            &mut registry,
            "bodies_over_budget",
            "Bodies refused because they take too much work to read",
        );
        let passed_over = Family::default();
        registry.register(
            "passed_over",
            "Records that can never carry a denial",
            passed_over.clone(),
        );
        let shadow_verdicts = of_shadow(&mut registry);
        let circuits = Family::default();
        registry.register(
            "circuit",
            "Whether entries are added to a registry: 0 yes, 1 one attempt is made, 2 not for a while after too many failures",
            circuits.clone(),
        );
        let health = Health::register(&mut registry);
        let feeds = Feeds::register(&mut registry);
        let latencies = Latencies::register(&mut registry);
        let standing = Standing::register(&mut registry);
        let refusals = of_refusals(&mut registry);
        let (set_refreshes, set_loaded, set_waiting) = of_sets(&mut registry);
        Self {
            registry,
            deliveries,
            records,
            denials,
            over_budget,
            passed_over,
            shadow_verdicts,
            health,
            feeds,
            latencies,
            standing,
            refusals,
            set_refreshes,
            set_loaded,
            set_waiting,
            waiting: Mutex::default(),
            circuits,
        }
    }
}

fn of_shadow(registry: &mut Registry) -> Family<ShadowLabels, Counter> {
    let verdicts = Family::default();
    registry.register(
        "shadow_verdicts",
        "Verdicts that a candidate policy was asked about too",
        Family::clone(&verdicts),
    );
    verdicts
}

fn of_refusals(registry: &mut Registry) -> Family<ReasonLabels, Counter> {
    let refusals = Family::default();
    registry.register(
        "refusals",
        "Requests and connections of unknown callers that were refused, by reason",
        Family::clone(&refusals),
    );
    refusals
}

fn by_source(registry: &mut Registry, name: &str, help: &str) -> Family<SourceLabels, Counter> {
    let counter = Family::default();
    registry.register(name, help, Family::clone(&counter));
    counter
}

type OfSets = (
    Family<SetLabels, Counter>,
    Family<SetNameLabels, Gauge>,
    Family<SetWaitingLabels, Gauge>,
);

/// What is shown of address sets.
fn of_sets(registry: &mut Registry) -> OfSets {
    let set_refreshes = Family::default();
    registry.register(
        "set_refreshes",
        "Refreshes of address sets by set and outcome",
        set_refreshes.clone(),
    );
    let set_loaded = Family::default();
    registry.register(
        "set_loaded_timestamp_seconds",
        "When the source of an address set last said what the set holds",
        set_loaded.clone(),
    );
    let set_waiting = Family::default();
    registry.register(
        "set_waiting",
        "What an address set would become, and waits to be confirmed",
        set_waiting.clone(),
    );
    (set_refreshes, set_loaded, set_waiting)
}

impl Metrics {
    /// Counts a refresh of an address set.
    pub fn set_refreshed(&self, set: &str, outcome: &'static str) {
        let set = set.to_owned();
        let labels = SetLabels { set, outcome };
        self.set_refreshes.get_or_create(&labels).inc();
    }

    /// An address set was loaded at this time, and nothing of it waits any more.
    pub fn set_loaded(&self, set: &str, at: Timestamp) {
        let labels = SetNameLabels {
            set: set.to_owned(),
        };
        self.set_loaded.get_or_create(&labels).set(at.as_second());
        self.set_waits(set, None);
    }

    /// What waits to be confirmed of a set, and nothing else.
    pub fn set_waits(&self, set: &str, hash: Option<&str>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = |hash: &str| SetWaitingLabels {
            set: set.to_owned(),
            hash: hash.to_owned(),
        };
        if let Some(before) = waiting.remove(set) {
            self.set_waiting.remove(&labels(&before));
        }
        if let Some(hash) = hash {
            self.set_waiting.get_or_create(&labels(hash)).set(1);
            waiting.insert(set.to_owned(), hash.to_owned());
        }
    }

    /// Counts what was refused to a caller who is not known.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Sets what is shown of a registry's circuit.
    pub fn circuit(&self, registry: &str, state: i64) {
        let registry = registry.to_owned();
        self.circuits
            .get_or_create(&RegistryLabels { registry })
            .set(state);
    }

    /// Shows what is counted by source or registry from the start, at 0: what is absent raises no alarm.
    pub fn begin<'a>(
        &self,
        sources: impl Iterator<Item = &'a str> + Clone,
        registries: impl Iterator<Item = &'a str>,
    ) {
        self.latencies.begin(sources.clone(), registries);
        for source in sources {
            let named = SourceLabels {
                source: source.to_owned(),
            };
            let delivered = DeliveryLabels {
                source: source.to_owned(),
                status: 202,
            };
            drop(self.denials.get_or_create(&named));
            drop(self.over_budget.get_or_create(&named));
            drop(self.deliveries.get_or_create(&delivered));
            for outcome in ["read", "bad"] {
                let source = source.to_owned();
                drop(
                    self.records
                        .get_or_create(&RecordLabels { source, outcome }),
                );
            }
        }
    }

    /// All of them in Prometheus' own text form.
    pub fn render(&self) -> String {
        text::classic(&self.open_metrics())
    }

    /// All of them as `OpenMetrics`.
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        prometheus_client::encoding::text::encode(&mut text, &self.registry).ok();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_their_samples_and_every_family_has_help() {
        let metrics = Metrics::default();
        let labels = DeliveryLabels {
            source: "logs".to_owned(),
            status: 202,
        };
        metrics.deliveries.get_or_create(&labels).inc();
        metrics.set_loaded("egress", Timestamp::UNIX_EPOCH);
        let text = metrics.render();
        assert!(
            text.contains("# TYPE doorward_deliveries_total counter\n"),
            "{text}"
        );
        assert!(
            text.contains("doorward_deliveries_total{source=\"logs\",status=\"202\"} 1\n"),
            "{text}"
        );
        assert!(!text.contains("EOF"), "{text}");
        for line in text.lines() {
            let family = line
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.split(' ').next());
            if let Some(family) = family {
                assert!(text.contains(&format!("# HELP {family} ")), "{family}");
                assert!(!family.contains(':'), "{family}");
                assert_eq!(
                    family.ends_with("_total"),
                    line.ends_with(" counter"),
                    "{line}"
                );
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                // A histogram's samples.
                if ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|end| name.ends_with(end))
                {
                    continue;
                }
                assert!(text.contains(&format!("# TYPE {name} ")), "{line}");
            }
        }
    }
}
