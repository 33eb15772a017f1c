//! Stories against a Resource Manager of another make: a small server of its own, which shares no code with
//! the simulated Azure and keeps a registry as the bytes that it was told.

mod fake;
mod operations;
mod patience;
mod processes;
mod quota;
mod refusals;
mod replicas;
mod stale;
mod unknown;

use crate::world::{OURS, Setup, World};
use fake::{Fake, Registry};
use serde_json::json;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Addresses that policy owns beside the usual one.
const MORE: &str = "20.61.20.0/24";

/// A world before this Resource Manager.
struct Story {
    world: World,
    arm: Fake,
}

impl Story {
    async fn new() -> Self {
        Self::of(Registry::default()).await
    }

    async fn of(registry: Registry) -> Self {
        let arm = Fake::start(registry).await;
        let world = World::with(|setup| Self::set_up(setup, &arm)).await;
        arm.keeps(&world.clock);
        Self { world, arm }
    }

    /// Policy owns our addresses, and the registry is behind `arm`.
    fn set_up(setup: &mut Setup, arm: &Fake) {
        setup.config["azure"] = json!({
            "resource_manager": arm.origin,
            "credential": setup.config["azure"]["credential"],
        });
        setup.config["registries"][0]["reserved_entries"] = json!(0);
        setup.policy = format!(
            "{{ version: 1, rules: [{{ name: ours, when: {{ address: {{ cidrs: [{OURS}, {MORE}] }} }}, then: allow, for: 10m }}] }}"
        );
    }

    /// How long after now the list first is this, or the most that was waited for.
    async fn until_it_is(&self, entries: &[&str], most: u64) -> u64 {
        for waited in 0..most {
            if self.arm.entries() == entries {
                return waited;
            }
            self.world.pass(SECOND).await;
        }
        most
    }
}
