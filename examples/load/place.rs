//! A doorward as it runs, and the bare handler beside it.

use crate::{KEY, REGISTRY};
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use clock::Clock;
use doorward::config;
use doorward::server::Server;
use doorward_sim::{Registry, Sim, SimOptions};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// A doorward as it runs, and the bare handler beside it.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) azure: Sim,
    pub(crate) bare: String,
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) async fn open(max_unknown_addresses: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let azure = Sim::start(SimOptions::new(Clock::system())).await?;
        azure.add_registry(Registry::new(REGISTRY));
        let sink = Router::new().route("/", post(async |_: Bytes| StatusCode::ACCEPTED));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let bare = format!("http://{}/", listener.local_addr()?);
        TaskTracker::new().spawn(async { axum::serve(listener, sink).await });
        let settings = settings(folder.path(), &azure, &bare, max_unknown_addresses)?;
        fs::create_dir(folder.path().join("policies"))?;
        fs::write(folder.path().join("policies/policy.yaml"), POLICY)?;
        let path = folder.path().join("doorward.yaml");
        fs::write(&path, settings.to_string())?;
        let server = Server::start(config::load(&path)?, Clock::system()).await?;
        Ok(Self {
            server,
            azure,
            bare,
            folder,
        })
    }

    /// Where senders post to.
    pub(crate) fn events(&self) -> String {
        let listen = self.server.listen.map(|address| address.to_string());
        format!("http://{}/events/clusters", listen.unwrap_or_default())
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.server.stop().await;
        self.azure.shutdown().await;
        Ok(self.folder.close()?)
    }
}

const POLICY: &str = "
version: 1
sets: { build-egress: { cidrs: [20.61.10.4/32] } }
rules:
  - { name: build agents, when: { address: build-egress }, then: allow, for: 10m, because: Our NAT gateway. }
";

fn settings(folder: &Path, azure: &Sim, chat: &str, distinct: u32) -> anyhow::Result<Value> {
    let secrets = [
        ("link", "0123456789abcdef0123456789abcdef"),
        ("key", KEY),
        ("chat", chat),
        ("token", azure.static_token()),
    ];
    for (name, secret) in secrets {
        fs::write(folder.join(name), secret)?;
    }
    let secret = |name: &str| json!({ "file": folder.join(name) });
    let auth = json!({ "kind": "shared_key", "keys": [secret("key")] });
    Ok(json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "state": format!("sqlite://{}", folder.join("doorward.db").display()),
        "policies": "policies/",
        "links": { "key": secret("link") },
        "azure": {
            "resource_manager": azure.resource_manager(),
            "credential": { "kind": "static_token", "file": folder.join("token") },
        },
        "registries": [{
            "id": Registry::new(REGISTRY).id(), "approvals": "link", "max_unknown_addresses": distinct,
        }],
        "sources": [{ "name": "clusters", "auth": auth, "rate_per_second": 100_000 }],
        "channels": [{ "name": "chat", "kind": "webhook", "url": secret("chat") }],
    }))
}
