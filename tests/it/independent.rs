//! Senders made by others, against a running `doorward serve`: see `tests/independent/senders.py`.
//! Skipped, and said so, where Python's packages cannot be installed.

use crate::process::{Installation, until};
use crate::world::{OURS, REGISTRY};
use crate::{needs, python};
use clock::Clock;
use doorward_sim::{Registry, Sim, SimOptions, TENANT};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

const PACKAGES: [&str; 3] = [
    "azure-eventgrid==4.22.1",
    "cloudevents==2.2.0",
    "PyJWT[crypto]==2.15.1",
];
const US: &str = "99999999-0000-4000-8000-000000000009";
/// Long enough for a slow machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test]
async fn senders_made_by_others_are_heard_or_refused_as_they_should_be() {
    let python = match python::with("independent-senders", &PACKAGES).await {
        Ok(bin) => bin.join("python"),
        Err(why) => {
            needs::skip(&format!("independent senders cannot be had: {why}"));
            return;
        }
    };
    let within = tokio::time::timeout(PATIENCE, tell(&python));
    within.await.unwrap();
}

async fn tell(python: &Path) {
    let azure = Sim::start(SimOptions::new(Clock::system())).await.unwrap();
    azure.add_registry(Registry::new(REGISTRY));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/senders.py");
    let mut senders = Command::new(python)
        .arg("-I")
        .arg(script)
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(senders.stdout.take().unwrap()).lines();
    let authority = said.next_line().await.unwrap().unwrap();
    let installation = installation(&azure, &authority);
    let doorward = installation.serve().await;
    let address = format!("{}\n", doorward.url());
    let mut ask = senders.stdin.take().unwrap();
    ask.write_all(address.as_bytes()).await.unwrap();

    let mut report = Vec::new();
    while let Some(line) = said.next_line().await.unwrap() {
        report.push(line);
    }
    let ended = senders.wait().await.unwrap();
    assert!(ended.success(), "{}", report.join("\n"));
    assert!(report.len() >= 40, "{}", report.join("\n"));
    // What was reported, again and again, opened what policy allows, once; the rest did not.
    until("an entry", async || !azure.entries(REGISTRY).is_empty()).await;
    assert_eq!(azure.entries(REGISTRY), [OURS]);
    doorward.kill().await;
}

/// What `doorward serve` is started from.
fn installation(azure: &Sim, authority: &str) -> Installation {
    let folder = tempfile::tempdir().unwrap();
    let installation = Installation {
        file: folder.path().join("doorward.db"),
        folder,
        database: None,
        environment: Vec::new(),
    };
    let folder = installation.folder.path();
    fs::create_dir(folder.join("policies")).unwrap();
    let policy = format!(
        "{{ version: 1, rules: [{{ name: ours, when: {{ address: {{ cidrs: [{OURS}] }} }}, then: allow, for: 10m }}] }}"
    );
    fs::write(folder.join("policies/policy.yaml"), policy).unwrap();
    fs::write(folder.join("link"), "0123456789abcdef0123456789abcdef").unwrap();
    fs::write(folder.join("token"), azure.static_token()).unwrap();
    let settings = settings(azure, authority).to_string();
    fs::write(folder.join("doorward.yaml"), settings).unwrap();
    installation
}

fn settings(azure: &Sim, authority: &str) -> Value {
    let entra = |app: &str| json!({ "kind": "entra_token", "tenant_id": TENANT, "audience": US, "app_id": app });
    let mut with_role = entra("any");
    with_role["role"] = "AzureEventGridSecureWebhookSubscriber".into();
    let job = json!({
        "kind": "ci_token", "provider": "github", "issuer": format!("{authority}{TENANT}/v2.0"),
        "audience": "https://doorward.contoso.com", "claims": { "repository": "contoso/api" },
    });
    json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "state": "sqlite://doorward.db",
        "links": { "key": { "file": "link" } },
        "azure": {
            "resource_manager": azure.resource_manager(),
            "authority": authority,
            "credential": { "kind": "static_token", "file": "token" },
        },
        "registries": [{ "id": Registry::new(REGISTRY).id() }],
        "sources": [
            { "name": "grid", "auth": entra("event_grid") },
            { "name": "groups", "auth": entra("action_group") },
            { "name": "roles", "auth": with_role },
            { "name": "jobs", "auth": job, "registries": [format!("{REGISTRY}.azurecr.io")] },
        ],
    })
}
