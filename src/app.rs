//! What the shell is given: every collaborator, once, with public fields.

use crate::clock::Clock;
use crate::domain::link::LinkKey;
use crate::domain::registry::{Hosts, Scope};
use crate::domain::resource_id::ResourceId;
use crate::store::Ledger;
use jiff::SignedDuration;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::RwLock;

/// The running program's parts.
pub struct App {
    /// Where the time comes from.
    pub clock: Clock,
    /// What happened, and what stands.
    pub ledger: Ledger,
    /// The senders that are heard, by name.
    pub sources: BTreeMap<String, Source>,
    /// Signs and checks approval links.
    pub link_key: LinkKey,
    /// Where people reach doorward: `https://doorward.contoso.com`, without a slash at its end.
    pub public_url: String,
    /// Which hosts lead to which registry.
    pub hosts: RwLock<Hosts>,
    /// The enrolled registries.
    pub registries: BTreeMap<ResourceId, Enrolled>,
    /// The longest that anything is opened for.
    pub max_ttl: SignedDuration,
    /// Counters for Prometheus.
    pub metrics: crate::metrics::Metrics,
}

/// A registry that doorward may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// How many entries its list may have, where Azure does not say.
    pub max_entries: u32,
    /// Whether approval links act, or only show.
    pub approvals: Approvals,
    /// How many grants may be decided within an hour.
    pub grants_per_hour: usize,
}

/// What an approval link may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approvals {
    /// Show the request.
    #[default]
    None,
    /// Answer it: whoever holds the link may open.
    Link,
}

impl App {
    /// Whether an approval link may answer requests about this registry.
    pub fn answers_by_link(&self, registry: &ResourceId) -> bool {
        self.registries
            .get(registry)
            .is_some_and(|enrolled| enrolled.approvals == Approvals::Link)
    }
}

/// A configured sender.
pub struct Source {
    /// Its name, as in the path `/events/{source}`.
    pub name: String,
    /// How its sender proves itself.
    pub auth: Auth,
    /// Which registries it may speak of.
    pub scope: Scope,
    /// Whether its status-403 rows count as denials.
    pub trust_status_403: bool,
    /// How many deliveries a second it may make, and how many at once after a pause.
    pub limiter: governor::DefaultDirectRateLimiter,
    /// The limiter's lasting rate, for senders that ask before they deliver.
    pub per_second: std::num::NonZeroU32,
    /// The largest body it may send, in bytes.
    pub max_body: usize,
}

/// How a sender proves itself.
pub enum Auth {
    /// A key that both know.
    SharedKey {
        /// All that are valid: several during a rotation.
        keys: Vec<SecretString>,
        /// Whether it may stand in the query parameter `key`, for senders that cannot set a header.
        query: bool,
    },
}

/// How long a verdict stands for denials that repeat it.
pub const REPEAT_WINDOW: SignedDuration = SignedDuration::from_mins(15);
