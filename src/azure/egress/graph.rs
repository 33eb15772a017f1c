//! Azure Resource Graph: many resources by one query
//! (<https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources>).
//!
//! It lags behind Azure Resource Manager by a moment, and leaves out in silence what we may not read:
//! what it does not answer is no proof that there is nothing.

use super::super::arm::{Arm, json};
use super::super::call::Call;
use super::super::error::ArmError;
use doorward_core::net::resource_id::{
    AZURE_FIREWALL, NAT_GATEWAY, PUBLIC_IP_ADDRESS, PUBLIC_IP_PREFIX, ResourceId,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The api-version that it is asked with.
const API_VERSION: &str = "2021-03-01";

/// How many resources one query asks for.
const A_QUERY: usize = 200;

/// The most rows that it answers at once.
const A_PAGE: usize = 1000;

/// More pages than the rows of one query fill, however small somebody makes them.
const MOST_PAGES: usize = 100;

/// Whether it lists resources of this type, one row each. Subnets and agent pools stand inside of
/// others.
pub(super) fn knows(id: &ResourceId) -> bool {
    let listed = [
        NAT_GATEWAY,
        PUBLIC_IP_ADDRESS,
        PUBLIC_IP_PREFIX,
        AZURE_FIREWALL,
    ];
    listed.into_iter().any(|kind| id.is_type(kind))
}

impl Arm {
    /// What Resource Graph has of these resources.
    pub(super) async fn graph(
        &self,
        ids: &[&ResourceId],
        call: &Call,
    ) -> Result<BTreeMap<ResourceId, Value>, ArmError> {
        let mut found = BTreeMap::new();
        for ids in ids.chunks(A_QUERY) {
            let mut skip = None;
            for _ in 0..MOST_PAGES {
                let page = self.graph_page(ids, skip.take(), call).await?;
                let Some(rows) = page.get("data").and_then(Value::as_array) else {
                    return Err(bad("an answer has `data`, and this has none"));
                };
                for row in rows {
                    let id = row.get("id").and_then(Value::as_str).unwrap_or_default();
                    let id: ResourceId = id.parse().map_err(|_| bad("a row has no `id`"))?;
                    // Nothing that nobody asked for is believed.
                    if ids.contains(&&id) {
                        found.insert(id, row.clone());
                    }
                }
                skip = page
                    .get("$skipToken")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                if skip.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn graph_page(
        &self,
        ids: &[&ResourceId],
        skip: Option<String>,
        call: &Call,
    ) -> Result<Value, ArmError> {
        let subscriptions: BTreeSet<&str> = ids.iter().map(|id| id.subscription()).collect();
        // The characters of an id mean nothing inside of quotes.
        let list: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let query = format!(
            "Resources | where id in~ ({}) | project id, type, properties | order by id asc",
            list.join(", ")
        );
        let mut options = json!({ "$top": A_PAGE, "resultFormat": "objectArray" });
        if let (Some(skip), Some(options)) = (skip, options.as_object_mut()) {
            options.insert("$skipToken".to_owned(), skip.into());
        }
        let body = json!({ "subscriptions": subscriptions, "query": query, "options": options });
        let url = self.url("/providers/Microsoft.ResourceGraph/resources", API_VERSION);
        let reply = self.ask(url.clone(), &body, call).await?;
        json(&reply, url.path())
    }
}

fn bad(why: &str) -> ArmError {
    ArmError::bad_reply("/providers/Microsoft.ResourceGraph/resources", why)
}
