//! What stands, as gauges that are set when somebody asks for them.

use super::states::States;
use doorward_core::telemetry::standing::InNumbers;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

/// The gauges.
#[derive(Default)]
pub struct Standing {
    grants: Family<StateLabels, Gauge>,
    waiting: Family<RegistryLabels, Gauge>,
    oldest: Family<RegistryLabels, Gauge<f64, AtomicU64>>,
    entries: Family<OwnerLabels, Gauge>,
    limit: Family<RegistryLabels, Gauge>,
    paused: Family<RegistryLabels, Gauge>,
    states: States,
    ledger_entries: Gauge,
    ledger_bytes: Gauge,
    undecided: Gauge,
    undelivered: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    registry: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegistryLabels {
    registry: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OwnerLabels {
    registry: String,
    owner: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// The ledger in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerNumbers {
    /// How many entries it has.
    pub entries: i64,
    /// How many bytes it takes up; none where the database does not say.
    pub bytes: Option<u64>,
    /// How many denials have no verdict yet.
    pub undecided: usize,
    /// How many messages wait to be delivered.
    pub undelivered: usize,
}

impl Standing {
    /// Shows them in `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let standing = Self::default();
        let Self {
            grants,
            waiting,
            oldest,
            entries,
            limit,
            paused,
            ..
        } = &standing;
        registry.register(
            "grants",
            "Grants that have not ended, by registry and state",
            grants.clone(),
        );
        registry.register(
            "requests_waiting",
            "Requests that wait for a person's answer, by registry",
            waiting.clone(),
        );
        registry.register(
            "oldest_request_age_seconds",
            "How long the oldest request that waits has waited, by registry; 0 where none waits",
            oldest.clone(),
        );
        registry.register(
            "firewall_entries",
            "Firewall entries that the last read showed, by registry and whose they are",
            entries.clone(),
        );
        registry.register(
            "firewall_entries_limit",
            "How many firewall entries a registry may have",
            limit.clone(),
        );
        registry.register(
            "paused",
            "1 while an order stands that nothing is opened on a registry",
            paused.clone(),
        );
        standing.states.register(registry);
        standing.register_ledger(registry);
        standing
    }

    fn register_ledger(&self, registry: &mut Registry) {
        registry.register(
            "ledger_entries",
            "Entries of the ledger",
            self.ledger_entries.clone(),
        );
        registry.register(
            "ledger_size_bytes",
            "What the ledger takes up in its database",
            self.ledger_bytes.clone(),
        );
        registry.register(
            "denials_undecided",
            "Denials that have no verdict yet",
            self.undecided.clone(),
        );
        registry.register(
            "messages_undelivered",
            "Messages that wait to be delivered",
            self.undelivered.clone(),
        );
        let build: Family<BuildLabels, Gauge> = Family::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&BuildLabels { version }).set(1);
        registry.register("build_info", "1, with the program's version", build);
    }

    /// How registries, sources and address sets are.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// Sets what is shown of a registry; `limit` as far as it is known.
    pub fn registry(&self, name: &str, numbers: &InNumbers, limit: u32) {
        let labels = RegistryLabels {
            registry: name.to_owned(),
        };
        for (state, count) in &numbers.grants {
            let labels = StateLabels {
                registry: name.to_owned(),
                state: state.name(),
            };
            self.grants.get_or_create(&labels).set(gauge(*count));
        }
        let waiting = gauge(numbers.waiting);
        self.waiting.get_or_create(&labels).set(waiting);
        let oldest = numbers.oldest.map_or(0.0, |age| age.as_secs_f64());
        self.oldest.get_or_create(&labels).set(oldest);
        if let Some((ours, others)) = numbers.entries {
            for (owner, count) in [("doorward", ours), ("others", others)] {
                let registry = name.to_owned();
                let labels = OwnerLabels { registry, owner };
                self.entries.get_or_create(&labels).set(gauge(count));
            }
        }
        self.limit.get_or_create(&labels).set(i64::from(limit));
        let paused = i64::from(numbers.paused);
        self.paused.get_or_create(&labels).set(paused);
    }

    /// Sets what is shown of the ledger.
    pub fn ledger(&self, numbers: LedgerNumbers) {
        self.ledger_entries.set(numbers.entries);
        if let Some(bytes) = numbers.bytes {
            self.ledger_bytes.set(gauge(bytes));
        }
        let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        self.undecided.set(length(numbers.undecided));
        self.undelivered.set(length(numbers.undelivered));
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
