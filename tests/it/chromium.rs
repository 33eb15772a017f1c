//! A real browser: Chromium, driven through chromedriver. Skipped, and said so, where it is not
//! installed.

use crate::needs;
use crate::process::until;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// Runs axe-core, which has been loaded, and hands over what is serious.
const FIND: &str = "
const done = arguments[arguments.length - 1];
const bad = (it) => it.impact === 'serious' || it.impact === 'critical';
axe.run(document, { resultTypes: ['violations'] }).then(
  (found) => done(found.violations.filter(bad).map((it) => ({ id: it.id, nodes: it.nodes.map((node) => node.html + ' ' + node.failureSummary) }))),
  (error) => done(String(error)),
);";

/// A browser with one window.
pub(crate) struct Browser {
    http: reqwest::Client,
    session: String,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn open() -> Option<Self> {
        if !installed() {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut driver = Command::new(DRIVER);
        driver
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let driver = driver.spawn().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let status = format!("{base}/status");
        until("chromedriver is ready", async || {
            http.get(&status).send().await.is_ok()
        })
        .await;
        let profile = tempfile::tempdir().unwrap();
        let wish = wish(&profile);
        let reply: Value = http
            .post(format!("{base}/session"))
            .json(&wish)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let id = reply["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no browser: {reply}"));
        let session = format!("{base}/session/{id}");
        Some(Self {
            http,
            session,
            _driver: driver,
            _profile: profile,
        })
    }

    pub(crate) async fn go(&self, url: &str) {
        self.post("url", &json!({ "url": url })).await;
    }

    pub(crate) async fn click(&self, css: &str) {
        let found = self
            .post("element", &json!({ "using": "css selector", "value": css }))
            .await;
        let element = found
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned();
        self.post(&format!("element/{element}/click"), &json!({}))
            .await;
    }

    /// What the page says; nothing while one page gives way to the next.
    pub(crate) async fn text(&self) -> String {
        let script = json!({ "script": "return document.body.innerText", "args": [] });
        let command = format!("{}/execute/sync", self.session);
        let reply = self.http.post(command).json(&script).send().await.unwrap();
        let reply: Value = reply.json().await.unwrap();
        reply["value"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn post(&self, command: &str, body: &Value) -> Value {
        let reply = self
            .http
            .post(format!("{}/{command}", self.session))
            .json(body)
            .send()
            .await
            .unwrap();
        let reply: Value = reply.json().await.unwrap();
        assert!(reply["value"]["error"].is_null(), "{command}: {reply}");
        reply["value"].clone()
    }

    /// What `script` returns in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let script = json!({ "script": script, "args": [] });
        self.post("execute/sync", &script).await
    }

    /// What `script` hands to the function that it is given as its last argument.
    async fn run_to_its_end(&self, script: &str) -> Value {
        let script = json!({ "script": script, "args": [] });
        self.post("execute/async", &script).await
    }

    /// A command of the `DevTools` protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("goog/cdp/execute", &body).await;
    }

    /// A screen of `width` by `height` points, in the light or the dark theme.
    pub(crate) async fn screen(&self, (width, height): (u32, u32), theme: &str) {
        let is_phone = width < 600;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let theme = json!({ "name": "prefers-color-scheme", "value": theme });
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [theme] }))
            .await;
    }

    /// From now on pages run no script, or do again.
    pub(crate) async fn without_scripts(&self, without: bool) {
        let value = json!({ "value": without });
        self.devtools("Emulation.setScriptExecutionDisabled", value)
            .await;
    }

    /// Puts a picture of what the screen shows below `target/tmp/pages`.
    pub(crate) async fn picture(&self, name: &str) {
        let reply = self.http.get(format!("{}/screenshot", self.session));
        let reply: Value = reply.send().await.unwrap().json().await.unwrap();
        let picture = STANDARD.decode(reply["value"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// What `axe`, the text of axe-core, finds on the page that is serious or worse.
    pub(crate) async fn serious_findings(&self, axe: &str) -> Vec<String> {
        let script = format!("{axe}\n{FIND}");
        let found = self.run_to_its_end(&script).await;
        let found = found.as_array().unwrap_or_else(|| panic!("{found}"));
        found.iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn close(self) {
        self.http.delete(&self.session).send().await.unwrap();
    }
}

fn installed() -> bool {
    let missing = [CHROMIUM, DRIVER]
        .into_iter()
        .find(|path| !Path::new(path).exists());
    if let Some(path) = missing {
        needs::skip(&format!(
            "{path} is missing (apt-get install chromium chromium-driver)"
        ));
    }
    missing.is_none()
}

/// A browser without a window, as root, with a profile of its own.
fn wish(profile: &TempDir) -> Value {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        &format!("--user-data-dir={}", profile.path().display()),
    ];
    let options = json!({ "binary": CHROMIUM, "args": arguments });
    json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } })
}
