//! Starting the simulated Azure, and the handle that tests and the demo hold it by.

use super::calls::{Call, Target};
use super::holds::{Hold, Holds, Moment};
use super::knobs::Knobs;
use super::model::{App, Model, Registry};
use super::recorded::Recorded;
use super::tls::certificates;
use super::tokens::Issuer;
use super::wire::{Door, lock};
use super::{TENANT, authority, serve};
use crate::clock::Clock;
use anyhow::Context as _;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How to start it.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Its time, which it may share with what it serves.
    pub clock: Clock,
    /// Where to write the authority's certificate, as `ca.pem`; nowhere if none.
    pub ca_dir: Option<PathBuf>,
    /// The plain port; 0 for any that is free.
    pub http_port: u16,
    /// Resource Manager's port for HTTPS; 0 for any that is free.
    pub https_port: u16,
    /// The authority's port; 0 for any that is free.
    pub authority_port: u16,
    /// A bearer token that Resource Manager takes beside those of its own authority.
    pub static_token: String,
    /// What `IDENTITY_HEADER` has to be.
    pub identity_header: String,
}

impl SimOptions {
    /// Free ports, and no file written.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            ca_dir: None,
            http_port: 0,
            https_port: 0,
            authority_port: 0,
            static_token: "simulated-static-token".to_owned(),
            identity_header: "simulated-identity-header".to_owned(),
        }
    }
}

/// The bases of its listeners, each with a slash at its end.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    pub(super) plain: String,
    pub(super) resource_manager: String,
    pub(super) authority: String,
}

/// What all requests share. Whoever locks several things locks the model first.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) model: Mutex<Model>,
    pub(super) knobs: Mutex<Knobs>,
    pub(super) holds: Holds,
    recorded: Mutex<Vec<Recorded>>,
    pub(super) issuer: Issuer,
    pub(super) origins: Origins,
    pub(super) static_token: String,
    pub(super) identity_header: String,
    pub(super) tasks: TaskTracker,
    pub(super) ending: CancellationToken,
}

impl Shared {
    /// The model, brought up to the present.
    pub(super) fn settled(&self) -> MutexGuard<'_, Model> {
        let mut model = lock(&self.model);
        model.settle(self.clock.now());
        model
    }

    pub(super) fn issuer_name(&self) -> String {
        format!("{}{TENANT}/v2.0", self.origins.authority)
    }

    /// Writes a request down and says where.
    pub(super) fn record(&self, request: Recorded) -> usize {
        let mut recorded = lock(&self.recorded);
        recorded.push(request);
        recorded.len().saturating_sub(1)
    }

    pub(super) fn recorded_status(&self, index: usize, status: u16) {
        if let Some(request) = lock(&self.recorded).get_mut(index) {
            request.status = Some(status);
        }
    }
}

/// A simulated Azure that is running. It ends when this is dropped.
pub struct Sim {
    shared: Arc<Shared>,
    ca_pem: String,
    ca_file: Option<PathBuf>,
}

impl Sim {
    /// Starts it, with one registered app and nothing else in it.
    pub async fn start(options: SimOptions) -> anyhow::Result<Self> {
        let certificates = certificates().context("the certificate could not be made")?;
        let ca_file = match &options.ca_dir {
            None => None,
            Some(dir) => Some(write_ca(dir, &certificates.ca_pem).await?),
        };
        let listeners = [
            bind(options.http_port).await?,
            bind(options.https_port).await?,
            bind(options.authority_port).await?,
        ];
        let [plain, resource_manager, of_authority] = listeners.each_ref().map(|(_, port)| *port);
        let mut model = Model::default();
        model.add_app(App::default());
        let shared = Arc::new(Shared {
            issuer: Issuer::new(options.clock.clone())?,
            clock: options.clock,
            model: Mutex::new(model),
            knobs: Mutex::default(),
            holds: Holds::default(),
            recorded: Mutex::default(),
            origins: Origins {
                plain: format!("http://127.0.0.1:{plain}/"),
                resource_manager: format!("https://localhost:{resource_manager}/"),
                authority: format!("https://localhost:{of_authority}/"),
            },
            static_token: options.static_token,
            identity_header: options.identity_header,
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
        });
        let doors = [Door::Plain, Door::ResourceManager, Door::Authority];
        for (door, (listener, _)) in doors.into_iter().zip(listeners) {
            let tls =
                (door != Door::Plain).then(|| TlsAcceptor::from(Arc::clone(&certificates.server)));
            let accepting = serve::accept(Arc::clone(&shared), door, listener, tls);
            shared.tasks.spawn(accepting);
        }
        Ok(Self {
            shared,
            ca_pem: certificates.ca_pem,
            ca_file,
        })
    }

    /// Ends it and waits until nothing of it runs any more.
    pub async fn shutdown(self) {
        self.shared.ending.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Resource Manager over plain HTTP, for the static token: `http://127.0.0.1:PORT/`.
    pub fn resource_manager(&self) -> &str {
        &self.shared.origins.plain
    }

    /// Resource Manager over HTTPS: `https://localhost:PORT/`.
    pub fn resource_manager_tls(&self) -> &str {
        &self.shared.origins.resource_manager
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
            held.map(|held| held.change(now, by, edit)).is_some()
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

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.ending.cancel();
    }
}

async fn bind(port: u16) -> anyhow::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| {
            format!("port {port} of 127.0.0.1 cannot be listened on: choose another, or 0")
        })?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

async fn write_ca(dir: &Path, pem: &str) -> anyhow::Result<PathBuf> {
    let file = dir.join("ca.pem");
    let written = async {
        tokio::fs::create_dir_all(dir).await?;
        tokio::fs::write(&file, pem).await
    };
    written
        .await
        .with_context(|| format!("`{}` cannot be written", file.display()))?;
    Ok(file)
}
