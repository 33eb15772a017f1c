//! From which addresses resources in Azure send: what each kind's own resource says, followed through
//! subnets and NAT gateways to public IP addresses and prefixes.
//!
//! Many sets are resolved together, round by round: what all of them need next is read at once, by one
//! query of Azure Resource Graph where it knows the resources, else each by its own GET.

mod graph;
mod shapes;

use super::arm::Arm;
use super::call::Call;
use super::error::ArmError;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::sets::AzureKind;
use ipnet::Ipv4Net;
use serde_json::Value;
use shapes::Reader;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// More rounds than any chain of resources takes: pool, subnet, gateway, address.
const MOST_ROUNDS: usize = 8;

/// With fewer resources than this to read, a query would save nothing.
const WORTH_A_QUERY: usize = 3;

/// After so many resources in a row without any answer, no other is asked for: each would take its time.
const SILENT_IS_DOWN: usize = 3;

/// What was read, or why it could not be.
type Found = BTreeMap<ResourceId, Result<Value, ArmError>>;

/// What is known of the addresses that a resource sends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Egress {
    /// All of them, sorted, each once. Addresses of version 6 are left out: ACR's IP rules cannot
    /// express them.
    Known {
        /// The networks.
        networks: Vec<Ipv4Net>,
        /// What is odd about them, for people.
        note: Option<String>,
    },
    /// Azure answered, and its answer does not say from which addresses: for people, with what would
    /// help.
    Unknowable(String),
}

impl Arm {
    /// The addresses that each of these resources sends from, in their order.
    ///
    /// Either all that a resource names is known or there is an error: half an answer would look like
    /// a caller from elsewhere.
    pub async fn egress(
        &self,
        wanted: &[(AzureKind, ResourceId)],
        call: &Call,
    ) -> Vec<Result<Egress, ArmError>> {
        let mut found = Found::new();
        for _ in 0..MOST_ROUNDS {
            let mut missing = BTreeSet::new();
            let mut results = Vec::with_capacity(wanted.len());
            for (kind, id) in wanted {
                let mut reader = Reader::new(&found);
                results.push(reader.egress(*kind, id));
                missing.extend(reader.missing);
            }
            if missing.is_empty() {
                return results;
            }
            self.read_all(missing, &mut found, call).await;
        }
        let endless = |id: &ResourceId| ArmError::bad_reply(id.as_str(), "its links do not end");
        wanted.iter().map(|(_, id)| Err(endless(id))).collect()
    }

    /// Reads these resources. What Resource Graph does not answer, since it may not be asked, lags
    /// behind, or does not show it to us, is asked for one by one.
    async fn read_all(&self, ids: BTreeSet<ResourceId>, found: &mut Found, call: &Call) {
        let listed: Vec<&ResourceId> = ids.iter().filter(|id| graph::knows(id)).collect();
        if listed.len() >= WORTH_A_QUERY {
            match self.graph(&listed, call).await {
                Ok(known) => {
                    let lacking = listed.len().saturating_sub(known.len());
                    if lacking > 0 {
                        tracing::info!(
                            lacking,
                            "Resource Graph does not have all resources: each of the others is read by itself"
                        );
                    }
                    found.extend(known.into_iter().map(|(id, body)| (id, Ok(body))));
                }
                Err(error) => tracing::warn!(
                    "Resource Graph does not answer, so that each resource is read by itself: {error}"
                ),
            }
        }
        let (mut silent, mut last) = (0, None);
        for id in ids {
            let Entry::Vacant(place) = found.entry(id) else {
                continue;
            };
            let answer = match &last {
                Some(error) if silent >= SILENT_IS_DOWN => Err(ArmError::clone(error)),
                _ => {
                    let version = shapes::api_version(place.key());
                    let url = self.url(place.key().as_str(), version);
                    self.get(url, call).await
                }
            };
            (silent, last) = match &answer {
                Err(error @ (ArmError::Token(_) | ArmError::Throttled { .. })) => {
                    (SILENT_IS_DOWN, Some(error.clone()))
                }
                Err(error @ ArmError::Unavailable { .. }) => (silent + 1, Some(error.clone())),
                _ => (0, None),
            };
            place.insert(answer);
        }
    }
}
