//! How registries, sources and address sets are: 1 for the state that each is in, and 0 for the others.

use doorward_core::states::{RegistryState, SetState, SourceState};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The gauges.
#[derive(Default)]
pub struct States {
    registries: Family<OfRegistry, Gauge>,
    sources: Family<OfSource, Gauge>,
    sets: Family<OfSet, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRegistry {
    registry: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfSource {
    source: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfSet {
    set: String,
    state: &'static str,
}

impl States {
    /// Shows them in `registry`.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "registry_state",
            "1 for the state that a registry is in: writable, paused, blocked, drifted or unreachable",
            self.registries.clone(),
        );
        registry.register(
            "source_state",
            "1 for the state that a source is in: fed, silent, refused or never_seen",
            self.sources.clone(),
        );
        registry.register(
            "set_state",
            "1 for the state that an address set is in: fresh, stale, waiting or never_loaded",
            self.sets.clone(),
        );
    }

    /// Sets how a registry is.
    pub fn registry(&self, name: &str, is: RegistryState) {
        for state in RegistryState::ALL {
            let labels = OfRegistry {
                registry: name.to_owned(),
                state: state.name(),
            };
            let gauge = self.registries.get_or_create(&labels);
            gauge.set(i64::from(state == is));
        }
    }

    /// Sets how a source is.
    pub fn source(&self, name: &str, is: SourceState) {
        for state in SourceState::ALL {
            let labels = OfSource {
                source: name.to_owned(),
                state: state.name(),
            };
            self.sources
                .get_or_create(&labels)
                .set(i64::from(state == is));
        }
    }

    /// Sets how the address sets are: all that the policy has now.
    pub fn sets<'a>(&self, all: impl Iterator<Item = (&'a str, SetState)>) {
        self.sets.clear();
        for (name, is) in all {
            for state in SetState::ALL {
                let labels = OfSet {
                    set: name.to_owned(),
                    state: state.name(),
                };
                self.sets.get_or_create(&labels).set(i64::from(state == is));
            }
        }
    }
}
