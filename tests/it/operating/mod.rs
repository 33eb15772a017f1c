//! The commands for whoever sets doorward up and runs it.

mod about;
mod answers;
mod api;
mod audit;
mod config;
mod described;
mod doctor;
mod export;
mod init;
mod jobs;
mod ledger;
mod prove;
mod telemetry;
mod traces;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The registry of these stories.
pub(crate) const REGISTRY: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/contosoprod";

/// A configuration that `serve` takes, with its secrets and a policy, in `folder`.
pub(crate) fn sound(folder: &Path) -> Value {
    let secrets = [
        ("link", "0123456789abcdef0123456789abcdef"),
        ("key", "a-key-that-both-know-0123"),
        ("ops", "https://chat.contoso.com/hook-5ecret"),
        ("token", "an-opaque-t0ken"),
    ];
    for (name, secret) in secrets {
        fs::write(folder.join(name), secret).unwrap();
    }
    fs::create_dir(folder.join("policies")).unwrap();
    let policy = "version: 1\nrules: [{ name: any, then: ask, channel: ops }]\n";
    fs::write(folder.join("policies/10.yaml"), policy).unwrap();
    let secret = |name: &str| json!({ "file": folder.join(name) });
    json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "state": format!("sqlite://{}", folder.join("doorward.db").display()),
        "links": { "key": secret("link") },
        "azure": { "credential": { "kind": "static_token", "file": folder.join("token") } },
        "registries": [{ "id": REGISTRY, "approvals": "link" }],
        "sources": [{
            "name": "alerts", "trust_status_403": false,
            "auth": { "kind": "shared_key", "keys": [secret("key")] },
        }],
        "channels": [{ "name": "ops", "kind": "webhook", "url": secret("ops") }],
    })
}

/// Writes a configuration; its file.
pub(crate) fn written(folder: &Path, config: &Value) -> PathBuf {
    let file = folder.join("doorward.yaml");
    fs::write(&file, config.to_string()).unwrap();
    file
}
