//! A write to a registry, and the asynchronous operation that carries it out.

use super::super::knobs::Outcome;
use super::journal::Author;
use super::registry::{NetworkRuleSet, Registry, Sku};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a PATCH asks for, checked. What it does not name stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Patch {
    /// The whole firewall.
    pub(crate) network_rules: Option<NetworkRuleSet>,
    /// All tags: as in every PATCH of a tracked resource they are replaced as a whole.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) sku: Option<Sku>,
    pub(crate) public_network_access: Option<bool>,
    pub(crate) bypass: Option<String>,
    pub(crate) admin_user: Option<bool>,
    pub(crate) anonymous_pull: Option<bool>,
    pub(crate) data_endpoint: Option<bool>,
}

impl Patch {
    pub(crate) fn apply(&self, registry: &mut Registry) {
        fn put<T: Clone>(into: &mut T, new: Option<&T>) {
            if let Some(new) = new {
                into.clone_from(new);
            }
        }
        put(&mut registry.network_rules, self.network_rules.as_ref());
        put(&mut registry.tags, self.tags.as_ref());
        put(&mut registry.sku, self.sku.as_ref());
        put(
            &mut registry.public_network_access,
            self.public_network_access.as_ref(),
        );
        put(&mut registry.bypass, self.bypass.as_ref());
        put(&mut registry.admin_user, self.admin_user.as_ref());
        put(&mut registry.anonymous_pull, self.anonymous_pull.as_ref());
        match self.data_endpoint {
            Some(true) if registry.data_endpoints.is_empty() => {
                let name = registry.name.to_ascii_lowercase();
                let endpoint = format!("{name}.{}.data.azurecr.io", registry.location);
                registry.data_endpoints.push(endpoint);
            }
            Some(false) => registry.data_endpoints.clear(),
            Some(true) | None => {}
        }
    }
}

/// A write under way or over. Until it succeeds, the registry shows its old state and `Updating`.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// `registries-<guid>`.
    pub(crate) id: String,
    pub(crate) started: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) retry_after: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) author: Author,
    pub(crate) patch: Patch,
    pub(crate) is_over: bool,
}
