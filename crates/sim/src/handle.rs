//! What tests and the demo do with a simulated Azure that is running.

use super::calls::{Call, Target};
use super::holds::{Hold, Moment};
use super::knobs::Knobs;
use super::model::{App, Author, Model, Registry};
use super::recorded::Recorded;
use super::start::Sim;
use super::wire::lock;
use crate::identity::authority;
use clock::Clock;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

impl Sim {
    /// Resource Manager over plain HTTP, for the static token: `http://127.0.0.1:PORT/`.
    pub fn resource_manager(&self) -> &str {
        &self.shared.origins.plain
    }

    /// Resource Manager over HTTPS: `https://localhost:PORT/`.
    pub fn resource_manager_tls(&self) -> &str {
        &self.shared.origins.tls
    }

    /// The authority: token endpoint, `OpenID` configuration and key set: `https://localhost:PORT/`.
    pub fn authority(&self) -> &str {
        &self.shared.origins.authority
    }

    /// The registries' data plane over plain HTTP. The Host header chooses the registry, and
    /// `x-caller-address` is the caller's address.
    pub fn data_plane(&self) -> &str {
        &self.shared.origins.plain
    }

    /// For `IDENTITY_ENDPOINT`.
    pub fn identity_endpoint(&self) -> String {
        format!("{}msi/token", self.shared.origins.plain)
    }

    /// For `IDENTITY_HEADER`.
    pub fn identity_header(&self) -> &str {
        &self.shared.identity_header
    }

    /// The token that Resource Manager takes without asking.
    pub fn static_token(&self) -> &str {
        &self.shared.static_token
    }

    /// The authority certificate, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Where it was written, if it was.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Looks at the model, or changes it. Anything may be added or removed in here; a registry that
    /// is there is changed by [`Sim::edit`], which the data plane learns of.
    pub fn model<T>(&self, f: impl FnOnce(&mut Model) -> T) -> T {
        f(&mut self.shared.settled())
    }

    /// Publishes a page on the web, or changes it, and says its URL.
    pub fn publish(&self, name: &str, text: &str) -> String {
        self.model(|model| model.publish(&format!("/web/{name}"), text));
        format!("{}web/{name}", self.shared.origins.tls)
    }

    /// Adds a registry.
    pub fn add_registry(&self, registry: Registry) {
        self.model(|model| model.add_registry(registry));
    }

    /// A registry as it is now; none if there is none.
    pub fn registry(&self, name: &str) -> Option<Registry> {
        let name = name.to_ascii_lowercase();
        self.model(|model| model.held(&name).map(|held| held.registry.clone()))
    }

    /// The values of a registry's IP rules; empty if there is no such registry.
    pub fn entries(&self, registry: &str) -> Vec<String> {
        let registry = self.registry(registry);
        let rules = registry.map(|registry| registry.network_rules.ip_rules);
        let values = rules.into_iter().flatten().map(|rule| rule.value);
        values.collect()
    }

    /// Changes a registry as somebody else would, through the portal or another tool. Says whether
    /// there is such a registry.
    pub fn edit(&self, registry: &str, by: &str, edit: impl FnOnce(&mut Registry)) -> bool {
        let now = self.shared.clock.now();
        self.model(|model| {
            let held = model.held_mut(&registry.to_ascii_lowercase());
            held.map(|held| held.change(now, &Author::named(by), edit))
                .is_some()
        })
    }

    /// Turns knobs.
    pub fn knobs<T>(&self, f: impl FnOnce(&mut Knobs) -> T) -> T {
        f(&mut lock(&self.shared.knobs))
    }

    /// Holds the next request that meets the target.
    pub fn hold(&self, target: impl Into<Target>, moment: Moment) -> Hold {
        self.shared.holds.arm(target.into(), moment)
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.recorded).clone()
    }

    /// The requests of one call.
    pub fn requests_of(&self, call: Call) -> Vec<Recorded> {
        let mut requests = self.requests();
        requests.retain(|request| request.call == call);
        requests
    }

    /// Signs a token with these claims and no others; `exp` is the caller's matter.
    pub fn mint(&self, claims: &Value) -> String {
        self.shared.issuer.mint(claims)
    }

    /// The issuer of this authority's v2 tokens.
    pub fn issuer(&self) -> String {
        self.shared.issuer_name()
    }

    /// Signs with a new key from now on; the old one is forgotten.
    pub fn rotate_keys(&self) -> anyhow::Result<()> {
        self.shared.issuer.rotate()
    }

    /// The token that a cluster would project for the registered app (`AZURE_FEDERATED_TOKEN_FILE`).
    pub fn federated_token(&self) -> String {
        let claims = authority::federated_claims(&self.shared, &App::default().federated_subject);
        self.shared.issuer.mint_for(claims, Duration::from_hours(1))
    }

    /// An access token for Resource Manager, as the token endpoint would issue it to this app; for
    /// a stand-in of `az`.
    pub fn access_token(&self, client_id: &str) -> String {
        let lifetime = self.knobs(|knobs| knobs.token_lifetime);
        let audience = "https://management.azure.com";
        let claims = authority::claims(&self.shared, audience, client_id, "1");
        self.shared.issuer.mint_for(claims, lifetime)
    }
}
