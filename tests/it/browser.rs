//! The pages in a real browser: Chromium, driven through chromedriver. Skipped, and said so, where it
//! is not installed.

use crate::needs;
use crate::process::until;
use crate::world::{STRANGER, World};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use doorward::http::{admin_router, public_router, serve};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// A browser with one window.
struct Browser {
    http: reqwest::Client,
    session: String,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    async fn open() -> Option<Self> {
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

    async fn go(&self, url: &str) {
        self.post("url", &json!({ "url": url })).await;
    }

    async fn click(&self, css: &str) {
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
    async fn text(&self) -> String {
        let script = json!({ "script": "return document.body.innerText", "args": [] });
        let command = format!("{}/execute/sync", self.session);
        let reply = self.http.post(command).json(&script).send().await.unwrap();
        let reply: Value = reply.json().await.unwrap();
        reply["value"].as_str().unwrap_or_default().to_owned()
    }

    async fn post(&self, command: &str, body: &Value) -> Value {
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

    async fn close(self) {
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

/// Serves until the program ends; where.
async fn serving(router: impl FnOnce(std::net::SocketAddr) -> Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    TaskTracker::new().spawn(serve(listener, router(address), CancellationToken::new()));
    format!("http://{address}")
}

/// A world whose links lead to `listen`, with one request; the request's link.
async fn asked() -> (World, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let world = World::with(|setup| setup.config["public_url"] = json!(base)).await;
    TaskTracker::new().spawn(serve(
        listener,
        public_router(Arc::clone(&world.app)),
        CancellationToken::new(),
    ));
    world.denied(STRANGER).await;
    world.settle().await;
    let link = world.last_message("link");
    (world, link)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_the_request_and_allows_it() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let (world, link) = asked().await;
    browser.go(&link).await;
    let page = browser.text().await;
    assert!(
        page.contains(STRANGER) && page.contains("contosoprod"),
        "{page}"
    );
    browser.click("button[value=allow]").await;
    until("the answer is shown", async || {
        browser.text().await.contains("Approved")
    })
    .await;
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    let app = Arc::clone(&world.app);
    let admin = serving(|address| admin_router(app, address)).await;
    browser.go(&format!("{admin}/")).await;
    let page = browser.text().await;
    assert!(
        page.contains(STRANGER) && page.contains("Open grants"),
        "{page}"
    );
    assert!(!page.contains("/requests/"), "{page}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_form_is_not_heard() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let (world, link) = asked().await;
    let form = format!(
        "<form method=post action='{link}'><button name=answer value=allow>win a prize</button></form>"
    );
    let other = serving(|_| Router::new().route("/", get(async || Html(form)))).await;
    // Another port is another origin, and so is another name of the same machine.
    for site in [other.clone(), other.replace("127.0.0.1", "localhost")] {
        browser.go(&site).await;
        browser.click("button").await;
        until("the form is answered", async || {
            browser.text().await.contains("doorward")
        })
        .await;
    }
    world.settle().await;
    assert!(world.entries().is_empty());
    assert!(!world.kinds().await.contains(&"answered"));
    browser.close().await;
}
