//! A whole world for a story: the real router and the real turns on a fresh database, a simulated
//! Azure, a chat that remembers, and one clock for all that stands still until it is moved.

use crate::postgres::{self, Database};
use axum::body::Body;
use axum::http::{Method, Request};
use axum::{Json, Router, extract::State, routing::post};
use clock::Clock;
use doorward::flow::app::App;
use doorward::flow::decide::triage;
use doorward::flow::registry::reconcile::TickOutcome;
use doorward::flow::registry::{hosts, reconcile};
use doorward::flow::{notify, sets};
use doorward::http::public_router;
use doorward::store::Ledger;
use doorward::{config, server, store};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Ending;
use doorward_core::ledger::id::WriteId;
use doorward_sim::senders::login_event;
use doorward_sim::{Call, Registry, Sim, SimOptions};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// The registry of most stories.
pub(crate) const REGISTRY: &str = "contosoprod";
/// The NAT gateway's address: ours.
pub(crate) const OURS: &str = "20.61.10.4";
/// The first address of the NAT gateway's prefix, a /30.
pub(crate) const PREFIX: &str = "20.61.10.16/30";
/// Nobody's that we know.
pub(crate) const STRANGER: &str = "51.140.7.9";
/// The sources' key.
pub(crate) const KEY: &str = "a key that sender and receiver know";

/// Where a ledger on a disk is.
const LEDGER_FILES: [&str; 3] = ["doorward.db", "doorward.db-wal", "doorward.db-shm"];
/// Where a ledger on a server is, but for the leases, which are nothing to go back to.
const LEDGER_TABLES: [&str; 2] = ["ledger", "outbox"];

/// What a story may set up otherwise.
pub(crate) struct Setup {
    pub(crate) policy: String,
    pub(crate) config: Value,
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) text: String,
}

pub(crate) struct World {
    pub(crate) azure: Sim,
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    pub(crate) folder: TempDir,
    /// Where the ledger is, if that is a server.
    pub(crate) database: Option<Database>,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl World {
    /// An ordinary world.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world set up otherwise.
    pub(crate) async fn with(change: impl FnOnce(&mut Setup)) -> Self {
        // The same stories are told on a server: `DOORWARD_TEST_STORE=postgres cargo test …`.
        let on_a_server =
            std::env::var_os("DOORWARD_TEST_STORE").is_some_and(|store| store == "postgres");
        let database = if on_a_server {
            let database = postgres::prepared().await;
            Some(database.unwrap_or_else(|| panic!("PostgreSQL is not installed")))
        } else {
            None
        };
        Self::furnish(database, change).await
    }

    /// A world whose ledger is in a database on a server.
    pub(crate) async fn on(database: &Database, change: impl FnOnce(&mut Setup)) -> Self {
        Self::furnish(Some(database.clone()), change).await
    }

    async fn furnish(database: Option<Database>, change: impl FnOnce(&mut Setup)) -> Self {
        let clock = Clock::set_to("2026-11-22T12:00:00Z".parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let azure = furnished(&clock).await;
        let messages = Arc::default();
        let chat = chat(Arc::clone(&messages)).await;
        let (policy, mut config) = policy_and_settings(folder.path(), &azure, &chat);
        if let Some(database) = &database {
            config["state"] = json!({ "file": database.file });
        }
        let mut setup = Setup { policy, config };
        change(&mut setup);
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(folder.path().join("policies/policy.yaml"), &setup.policy).unwrap();
        fs::write(
            folder.path().join("doorward.yaml"),
            setup.config.to_string(),
        )
        .unwrap();
        let app = build(folder.path(), &clock).await;
        Self {
            azure,
            app,
            clock,
            folder,
            database,
            messages,
        }
    }

    /// The program ends and begins anew, on the same database; whatever lease it had has run out.
    pub(crate) async fn restart(&mut self) {
        if let Some(database) = &self.database {
            database.leases_are_over().await;
        }
        self.app = build(self.folder.path(), &self.clock).await;
    }

    /// The ledger's file or database is gone, and with it who holds which lease; the program begins with
    /// an empty one. Replicas still have the old database: make them anew.
    pub(crate) async fn lose_the_ledger(&mut self) {
        self.remove_the_ledger().await;
        self.app = build(self.folder.path(), &self.clock).await;
    }

    async fn remove_the_ledger(&mut self) {
        if let Some(database) = &self.database {
            self.database = Some(database.replaced().await);
            return;
        }
        for file in LEDGER_FILES {
            if let Err(error) = fs::remove_file(self.folder.path().join(file)) {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
            }
        }
    }

    /// The ledger as it is now: what is in its files, or in its tables.
    pub(crate) async fn copy_of_the_ledger(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut copy = Vec::new();
        if let Some(database) = &self.database {
            for table in LEDGER_TABLES {
                copy.push((table, database.rows(table).await.into_bytes()));
            }
            return copy;
        }
        for file in LEDGER_FILES {
            if let Ok(bytes) = fs::read(self.folder.path().join(file)) {
                copy.push((file, bytes));
            }
        }
        copy
    }

    /// A copy of the ledger takes its place, and the program begins with it.
    pub(crate) async fn put_back(&mut self, copy: Vec<(&'static str, Vec<u8>)>) {
        self.remove_the_ledger().await;
        if let Some(database) = &self.database {
            Ledger::open(&database.url).await.unwrap();
            for (table, rows) in copy {
                let rows = String::from_utf8(rows).unwrap();
                database.put(table, &rows).await;
            }
        } else {
            for (file, bytes) in copy {
                fs::write(self.folder.path().join(file), bytes).unwrap();
            }
        }
        self.restart().await;
    }

    /// Where the ledger is.
    pub(crate) fn ledger_url(&self) -> String {
        let file = self.folder.path().join(LEDGER_FILES[0]);
        let database = self.database.as_ref();
        database.map_or(format!("sqlite://{}", file.display()), |database| {
            database.url.clone()
        })
    }

    /// Does something to the database behind the program's back.
    pub(crate) async fn tamper(&self, sql: &'static str) -> sqlx::Result<()> {
        let url = self.ledger_url();
        if self.database.is_some() {
            let mut connection = PgConnection::connect(&url).await?;
            let done = connection.execute(sql).await;
            connection.close().await?;
            return done.map(drop);
        }
        let mut connection = SqliteConnection::connect(&url).await?;
        let done = connection.execute(sql).await;
        connection.close().await?;
        done.map(drop)
    }

    /// The same program once more, on the same database, beside the first.
    pub(crate) async fn replica(&self) -> Arc<App> {
        build(self.folder.path(), &self.clock).await
    }

    /// A proven sender delivers the firewall's message about `address`.
    pub(crate) async fn denied(&self, address: &str) {
        let reply = self.deliver("clusters", &message(address)).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }

    /// A proven sender delivers.
    pub(crate) async fn deliver(&self, source: &str, body: &str) -> Reply {
        let kind = if body.starts_with(['{', '[']) {
            "application/json"
        } else {
            "text/plain"
        };
        let request = Request::post(format!("/events/{source}"))
            .header("x-doorward-key", KEY)
            .header("content-type", kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    }

    /// Looks at, or answers, what a link leads to; an answer carries what the page before it has shown.
    pub(crate) async fn follow(&self, method: Method, link: &str, form: &str) -> Reply {
        let form = if method == Method::POST && !form.contains("shown=") {
            let page = Box::pin(self.follow(Method::GET, link, "")).await;
            with_shown(form, &page.text)
        } else {
            form.to_owned()
        };
        let path = link.strip_prefix("https://doorward.contoso.com").unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "doorward.contoso.com")
            .header("origin", "https://doorward.contoso.com")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form)).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let reply = public_router(Arc::clone(&self.app))
            .oneshot(request)
            .await
            .unwrap();
        let (head, body) = reply.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Takes turns until nothing is left that could be done now.
    pub(crate) async fn settle(&self) {
        let next = settle(&self.app).await;
        // A loop that comes back at once would ask Azure again and again. (A replica beside it moves the
        // clock on meanwhile.)
        if self.database.is_none() {
            let now = self.app.clock.now();
            assert!(next.iter().flatten().all(|at| *at > now), "{next:?}, {now}");
        }
    }

    /// Lets time pass, second by second, with turns as they come due.
    pub(crate) async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.clock.advance(Duration::from_secs(1));
            self.settle().await;
        }
    }

    /// Time passes at once, as over an outage.
    pub(crate) fn jump(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The registry's list.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.azure.entries(REGISTRY)
    }

    /// What happened, in order, but for what address sets were found to hold.
    pub(crate) async fn ledger(&self) -> Vec<LedgerEvent> {
        let mut all = self.whole_ledger().await;
        all.retain(|what| !matches!(what, LedgerEvent::SetLoaded(_)));
        all
    }

    /// What happened, in order.
    pub(crate) async fn whole_ledger(&self) -> Vec<LedgerEvent> {
        let entries = self.app.ledger.entries(0, 10_000).await.unwrap();
        entries
            .iter()
            .map(|entry| store::what(entry).unwrap())
            .collect()
    }

    /// The kinds of what happened, in order.
    pub(crate) async fn kinds(&self) -> Vec<&'static str> {
        self.ledger().await.iter().map(LedgerEvent::kind).collect()
    }

    /// How grants ended, in order.
    pub(crate) async fn endings(&self) -> Vec<Ending> {
        let of = |what| match what {
            LedgerEvent::Ended { ending, .. } => Some(ending),
            _ => None,
        };
        self.ledger().await.into_iter().filter_map(of).collect()
    }

    /// The first write that was begun.
    pub(crate) async fn first_write(&self) -> WriteId {
        let of = |what| match what {
            LedgerEvent::WriteIntended(write) => Some(write.id),
            _ => None,
        };
        self.ledger().await.into_iter().find_map(of).unwrap()
    }

    /// What Azure was asked right after the first PATCH.
    pub(crate) fn after_the_first_patch(&self) -> Call {
        let requests = self.azure.requests();
        let mut calls = requests.iter().map(|request| request.call);
        calls.find(|call| *call == Call::PatchRegistry).unwrap();
        calls.next().unwrap()
    }

    /// The messages that the chat has got, by code.
    pub(crate) fn messages(&self) -> Vec<String> {
        let all = self.messages.lock().unwrap();
        all.iter()
            .map(|message| message["code"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The latest message's field.
    pub(crate) fn last_message(&self, field: &str) -> String {
        let all = self.messages.lock().unwrap();
        all.last().unwrap()[field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// Questions are sent however many there are, for stories of other limits.
pub(crate) fn ask_freely(setup: &mut Setup) {
    for of in ["registries", "channels"] {
        setup.config[of][0]["questions_per_hour"] = json!(10_000);
    }
}

/// A form with the digest that a page has, if it has one.
pub(crate) fn with_shown(form: &str, page: &str) -> String {
    let shown = page.split("name=\"shown\" value=\"").nth(1);
    let shown = shown.and_then(|rest| rest.split('"').next());
    shown.map_or_else(|| form.to_owned(), |shown| format!("{form}&shown={shown}"))
}

/// Takes turns of `app` until nothing is left that could be done now; when each registry's next turn is.
pub(crate) async fn settle(app: &App) -> Vec<Option<Timestamp>> {
    for _ in 0..100 {
        app.ledger.follow().await.unwrap();
        let before = *app.ledger.changed().borrow();
        hosts::run_once(app).await;
        triage::run_once(app).await.unwrap();
        let mut next = Vec::new();
        for id in app.registries.keys() {
            next.push(
                match Box::pin(reconcile::run_once(app, id)).await.unwrap() {
                    TickOutcome::Again(at) => Some(at),
                    TickOutcome::Idle | TickOutcome::Done => reconcile::next(app, id),
                },
            );
        }
        notify::run_once(app).await.unwrap();
        if *app.ledger.changed().borrow() == before {
            return next;
        }
    }
    panic!("this never settles");
}

/// A simulated Azure with the ordinary registry and NAT gateway.
pub(crate) async fn furnished(clock: &Clock) -> Sim {
    let azure = Sim::start(SimOptions::new(clock.clone())).await.unwrap();
    azure.add_registry(Registry::new(REGISTRY));
    azure.model(|model| model.add_nat_gateway("build-egress", &[OURS], &[PREFIX]));
    azure
}

/// The firewall's message about `address`, as a container runtime prints it.
pub(crate) fn message(address: &str) -> String {
    format!(
        "Error response from daemon: Get \"https://{REGISTRY}.azurecr.io/v2/\": denied: client with IP '{address}' is not \
         allowed access. Refer https://aka.ms/acr/firewall to grant access."
    )
}

/// A status-403 row about `address`, as Azure Monitor exports it.
pub(crate) fn row(address: &str, at: Timestamp) -> String {
    let row = login_event(&Registry::new(REGISTRY), address.parse().unwrap(), 403, at);
    json!({ "records": [row] }).to_string()
}

const POLICY: &str = "
version: 1
sets:
  build-egress: { nat_gateway: /subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.Network/natGateways/build-egress }
  blocked: { cidrs: [51.140.9.0/24] }
rules:
  - { name: blocked, when: { address: blocked }, then: forbid }
  - { name: build agents, when: { address: build-egress }, then: allow, for: 10m, because: Our NAT gateway. }
";

/// The ordinary policy and configuration, with their secrets in `folder`.
pub(crate) fn policy_and_settings(folder: &Path, azure: &Sim, chat: &str) -> (String, Value) {
    for (name, secret) in [
        ("link", "0123456789abcdef0123456789abcdef"),
        ("key", KEY),
        ("chat", chat),
        ("token", azure.static_token()),
        ("ca.pem", azure.ca_pem()),
    ] {
        fs::write(folder.join(name), secret).unwrap();
    }
    let secret = |name: &str| json!({ "file": folder.join(name) });
    let auth = json!({ "kind": "shared_key", "keys": [secret("key")] });
    let config = json!({
        "listen": "127.0.0.1:0",
        "admin": "127.0.0.1:0",
        "public_url": "https://doorward.contoso.com",
        "state": format!("sqlite://{}", folder.join("doorward.db").display()),
        "policies": "policies/",
        "links": { "key": secret("link") },
        "azure": {
            "resource_manager": azure.resource_manager(),
            "authority": azure.authority(),
            "ca_file": folder.join("ca.pem"),
            "credential": { "kind": "static_token", "file": folder.join("token") },
        },
        "registries": [{ "id": Registry::new(REGISTRY).id(), "approvals": "link" }],
        "sources": [
            { "name": "clusters", "auth": auth },
            { "name": "logs", "auth": auth, "trust_status_403": true },
        ],
        "channels": [{ "name": "chat", "kind": "webhook", "url": secret("chat") }],
    });
    (POLICY.to_owned(), config)
}

async fn build(folder: &Path, clock: &Clock) -> Arc<App> {
    let config = config::load(&folder.join("doorward.yaml")).unwrap();
    // Its own machine's clock.
    let app = Arc::new(server::app(config, clock.beside()).await.unwrap());
    sets::run_once(&app).await;
    app
}

/// An incoming webhook on loopback; it ends with the test's runtime.
async fn chat(messages: Arc<Mutex<Vec<Value>>>) -> String {
    let take = async |State(messages): State<Arc<Mutex<Vec<Value>>>>,
                      Json(message): Json<Value>| {
        messages.lock().unwrap().push(message);
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(take)).with_state(messages);
    tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
    url
}
