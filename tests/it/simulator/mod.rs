//! The simulated Azure, pinned with a plain client: each story is one behaviour that others rely on.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that stumbles has failed, and its helpers with it"
)]

mod bodies;
mod data_plane;
mod faults;
mod networks;
mod operations;
mod receiver;
mod registries;
mod senders;
mod tokens;
mod virtual_networks;

use clock::Clock;
use doorward_sim::{Registry, SUBSCRIPTION, Sim, SimOptions};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// A simulated Azure with the registry `contosoprod`, its time standing still, and a client.
struct Story {
    azure: Sim,
    clock: Clock,
    http: reqwest::Client,
}

/// The api-version of most stories.
const STABLE: &str = "2025-11-01";
/// One that shows virtual network rules.
const PREVIEW: &str = "2026-03-01-preview";

impl Story {
    async fn begin() -> Self {
        let clock = Clock::set_to("2026-03-01T10:00:00Z".parse().unwrap());
        let azure = Sim::start(SimOptions::new(clock.clone())).await.unwrap();
        azure.add_registry(Registry::new("contosoprod").with_entry("20.9.9.9"));
        let ca = reqwest::Certificate::from_pem(azure.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { azure, clock, http }
    }

    fn path() -> String {
        Registry::new("contosoprod").id()
    }

    /// A request to Resource Manager with the static token; the path without its first slash.
    fn arm(&self, method: Method, path: &str, version: &str) -> reqwest::RequestBuilder {
        let base = self.azure.resource_manager().trim_end_matches('/');
        self.http
            .request(method, format!("{base}{path}"))
            .query(&[("api-version", version)])
            .bearer_auth(self.azure.static_token())
    }

    async fn get(&self, path: &str, version: &str) -> (u16, Value) {
        reply(self.arm(Method::GET, path, version).send().await.unwrap()).await
    }

    async fn patch(&self, version: &str, body: &Value) -> (u16, Value) {
        let request = self.arm(Method::PATCH, &Self::path(), version).json(body);
        reply(request.send().await.unwrap()).await
    }

    /// Writes these entries in the place of all.
    async fn write(&self, entries: &[&str]) -> (u16, Value) {
        self.patch(STABLE, &rules(entries)).await
    }

    fn network(name: &str) -> String {
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/locations/{name}")
    }
}

async fn reply(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

fn rules(entries: &[&str]) -> Value {
    let rules: Vec<Value> = entries
        .iter()
        .map(|value| json!({ "action": "Allow", "value": value }))
        .collect();
    json!({ "properties": { "networkRuleSet": { "defaultAction": "Deny", "ipRules": rules } } })
}

/// The code in Resource Manager's error envelope.
fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

fn message(body: &Value) -> &str {
    body["error"]["message"].as_str().unwrap_or_default()
}
