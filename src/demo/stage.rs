//! What the story is played on: a simulated Azure, a real doorward, a chat, and clients.

use super::chat::Chat;
use super::teller::Teller;
use super::{OURS, PATIENCE};
use crate::server::Server;
use anyhow::{Context, ensure};
use clock::Clock;
use doorward_sim::senders::Endpoint;
use doorward_sim::{CLIENT_ID, CLIENT_SECRET, Pull, Registry, Sim, SimOptions, TENANT};
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// The registry that admits selected networks.
pub(super) const OPEN: &str = "contosoprod";
/// The registry whose public network access is disabled.
pub(super) const LOCKED: &str = "contosolocked";
/// An entry that somebody else wrote: it must stand at the end as it stood at the beginning.
pub(super) const FOREIGN: &str = "40.74.28.0/23";

/// How long the simulated data plane lags behind its firewall.
const LAG: Duration = Duration::from_secs(1);

const SOURCE_KEY: &str = "a-key-that-only-this-demonstration-knows";

/// Everything that plays.
pub(super) struct Stage {
    pub(super) azure: Sim,
    pub(super) server: Server,
    pub(super) chat: Chat,
    folder: TempDir,
}

impl Stage {
    pub(super) async fn set(listen: SocketAddr, admin: SocketAddr) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let azure = azure(folder.path()).await?;
        let chat = Chat::open().await?;
        let config = config(folder.path(), &azure, &chat, listen, admin)?;
        let config = crate::config::load(&config)?;
        let server = Server::start(config, Clock::system()).await?;
        Ok(Self {
            azure,
            server,
            chat,
            folder,
        })
    }

    /// Takes everything down again.
    pub(super) async fn strike(self) {
        self.server.stop().await;
        self.chat.close().await;
        self.azure.shutdown().await;
        // What cannot be removed now is a temporary folder like any other.
        self.folder.close().ok();
    }

    /// A client at `address` pulls and is refused, now or as soon as the data plane knows.
    pub(super) async fn refused(
        &self,
        teller: &mut Teller<'_>,
        address: &str,
        registry: &str,
    ) -> anyhow::Result<Pull> {
        let pull = self
            .pull_until(address, registry, |pull| pull.status == 403)
            .await?;
        ensure!(
            pull.body.contains(address),
            "the refusal does not name {address}"
        );
        teller.step(&format!(
            "{address} pulls {}/prod/api:v1: {} {}",
            host(registry),
            pull.status,
            pull.body.trim()
        ));
        Ok(pull)
    }

    /// A client at `address` pulls and is served, now or as soon as the data plane knows.
    pub(super) async fn served(
        &self,
        teller: &mut Teller<'_>,
        address: &str,
        registry: &str,
    ) -> anyhow::Result<()> {
        let pull = self.pull_until(address, registry, Pull::is_served).await?;
        teller.step(&format!(
            "{address} pulls {}/prod/api:v1: {} the image comes",
            host(registry),
            pull.status
        ));
        Ok(())
    }

    async fn pull_until(
        &self,
        address: &str,
        registry: &str,
        is_it: impl Fn(&Pull) -> bool,
    ) -> anyhow::Result<Pull> {
        let caller = self.azure.caller(address.parse()?);
        let clock = Clock::system();
        let pulls = async {
            loop {
                let pull = caller.pull(&host(registry), "prod/api", "v1").await?;
                if is_it(&pull) {
                    return anyhow::Ok(pull);
                }
                clock.sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, pulls)
            .await
            .with_context(|| format!("{address} is not answered as expected"))?
    }

    /// A proven sender delivers an event.
    pub(super) async fn deliver(
        &self,
        teller: &mut Teller<'_>,
        source: &str,
        kind: &str,
        body: String,
    ) -> anyhow::Result<()> {
        let status = self.post(source, SOURCE_KEY, kind, body).await?;
        ensure!(status == 202, "the event was answered with {status}");
        teller.step(&format!("source `{source}` delivers the event: 202"));
        Ok(())
    }

    /// Anybody delivers an event.
    pub(super) async fn post(
        &self,
        source: &str,
        key: &str,
        kind: &str,
        body: String,
    ) -> anyhow::Result<u16> {
        let listen = self.server.listen.context("nobody listens")?;
        let url = format!("http://{listen}/events/{source}");
        let sender = Endpoint::new(self.azure.clock(), &url).header("x-doorward-key", key);
        sender
            .post(kind, &body)
            .await
            .status
            .context("doorward did not answer")
    }
}

/// A registry's login server.
pub(super) fn host(registry: &str) -> String {
    format!("{registry}.azurecr.io")
}

async fn azure(folder: &Path) -> anyhow::Result<Sim> {
    let mut options = SimOptions::new(Clock::system());
    options.ca_dir = Some(folder.to_owned());
    let azure = Sim::start(options).await?;
    let registry = |name| Registry {
        anonymous_pull: true,
        ..Registry::new(name)
    };
    azure.add_registry(registry(OPEN).with_entry(FOREIGN));
    azure.add_registry(Registry {
        public_network_access: false,
        ..registry(LOCKED)
    });
    azure.model(|model| {
        model.add_nat_gateway("build-egress", &[OURS], &["20.61.10.16/30"]);
    });
    azure.knobs(|knobs| knobs.propagates_in(LAG));
    Ok(azure)
}

/// Writes the configuration, the policy and the secrets, as a user would.
fn config(
    folder: &Path,
    azure: &Sim,
    chat: &Chat,
    listen: SocketAddr,
    admin: SocketAddr,
) -> anyhow::Result<std::path::PathBuf> {
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).with_context(|| format!("`{name}` cannot be written"))
    };
    write("link-key", &uuid::Uuid::new_v4().to_string())?;
    write("source-key", SOURCE_KEY)?;
    write("client-secret", CLIENT_SECRET)?;
    write("chat-url", chat.url())?;
    fs::create_dir(folder.join("policies"))?;
    write("policies/demo.yaml", include_str!("policy.yaml"))?;
    let (open, locked) = (Registry::new(OPEN).id(), Registry::new(LOCKED).id());
    let secret = |name: &str| json!({ "file": folder.join(name) });
    let source = |name: &str, trust: bool| json!({ "name": name, "auth": { "kind": "shared_key", "keys": [secret("source-key")] }, "trust_status_403": trust });
    let config = json!({
        "listen": listen,
        "admin": admin,
        "public_url": format!("http://{listen}"),
        "state": format!("sqlite://{}", folder.join("doorward.db").display()),
        "policies": "policies/",
        "links": { "key": secret("link-key") },
        "azure": {
            "resource_manager": azure.resource_manager_tls(),
            "authority": azure.authority(),
            "ca_file": azure.ca_file(),
            "credential": { "kind": "client_secret", "tenant_id": TENANT, "client_id": CLIENT_ID, "secret": secret("client-secret") },
        },
        "registries": [{ "id": open, "approvals": "link" }, { "id": locked }],
        "sources": [source("clusters", false), source("logs", true)],
        "channels": [{ "name": "chat", "kind": "webhook", "url": secret("chat-url") }],
    });
    // JSON is YAML, too.
    write("doorward.yaml", &serde_json::to_string_pretty(&config)?)?;
    Ok(folder.join("doorward.yaml"))
}
