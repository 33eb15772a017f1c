//! The program's parts on a fresh ledger, with a set clock, and ways to call its routes.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use doorward::app::{App, Approvals, Auth, Enrolled, Source};
use doorward::clock::Clock;
use doorward::domain::address::GlobalIpv4;
use doorward::domain::id::{DenialId, RequestId};
use doorward::domain::ledger::What;
use doorward::domain::link::LinkKey;
use doorward::domain::registry::{Hosts, Scope};
use doorward::domain::request;
use doorward::http::{Limits, admin_router, public_router_within};
use doorward::metrics::Metrics;
use doorward::store::Ledger;
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) const KEY: &str = "the key of the alerts";
pub(crate) const ORIGIN: &str = "https://doorward.contoso.com";
/// A registry whose requests are answered by link.
pub(crate) const PROD: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/contosoprod";
/// A registry whose links only show.
pub(crate) const TEST: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/contosotest";
/// What a source may send in these stories, in bytes.
pub(crate) const MOST: usize = 4096;

pub(crate) struct Parts {
    pub(crate) app: Arc<App>,
    pub(crate) public: Router,
    admin: Router,
    folder: TempDir,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Parts {
    pub(crate) async fn new() -> Self {
        Self::within(Limits::default()).await
    }

    pub(crate) async fn within(limits: Limits) -> Self {
        let folder = TempDir::new().unwrap();
        let app = Arc::new(app(&url(&folder)).await);
        Self {
            public: public_router_within(Arc::clone(&app), limits),
            admin: admin_router(Arc::clone(&app), "127.0.0.1:8081".parse().unwrap()),
            app,
            folder,
        }
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Reply {
        reply(self.public.clone(), request).await
    }

    pub(crate) async fn ask_admin(&self, request: Request<Body>) -> Reply {
        reply(self.admin.clone(), request).await
    }

    /// Delivers `body` as the source `alerts`, with its key.
    pub(crate) async fn deliver(&self, kind: &str, body: impl Into<Body>) -> Reply {
        let request = post("/events/alerts").header("x-doorward-key", KEY);
        self.call(
            request
                .header("content-type", kind)
                .body(body.into())
                .unwrap(),
        )
        .await
    }

    /// The kinds of the ledger's entries.
    pub(crate) async fn ledger(&self) -> Vec<&'static str> {
        let entries = self.app.ledger.entries(0, 100).await.unwrap();
        let kind = |entry| doorward::store::what(entry).unwrap().kind();
        entries.iter().map(kind).collect()
    }

    /// Somebody is asked; the path of the link.
    pub(crate) async fn asked(&self, registry: &str) -> String {
        let now = self.app.clock.now();
        let request = request::Request {
            id: RequestId(self.app.clock.id()),
            registry: registry.parse().unwrap(),
            address: GlobalIpv4::try_from(Ipv4Addr::new(20, 1, 2, 3)).unwrap(),
            ttl_seconds: 9000,
            until: now + SignedDuration::from_hours(1),
            denial: DenialId(self.app.clock.id()),
            repository: Some("prod/<b>api</b>".to_owned()),
            reference: Some("v1".to_owned()),
            source: "alerts".to_owned(),
            rule: Some("unknown-callers".to_owned()),
        };
        let token = self.app.link_key.sign(request.id, request.until).unwrap();
        self.app
            .ledger
            .append(now, vec![What::Requested(request)])
            .await
            .unwrap();
        format!("/requests/{token}")
    }

    pub(crate) fn advance(&self, hours: u64) {
        self.app.clock.advance(Duration::from_secs(hours * 3600));
    }

    /// Does something to the database behind the program's back.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        use sqlx::{Connection, Executor, SqliteConnection};
        let mut connection = SqliteConnection::connect(&url(&self.folder)).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }
}

pub(crate) fn post(uri: &str) -> Builder {
    Request::post(uri.to_owned())
}

async fn reply(router: Router, request: Request<Body>) -> Reply {
    let response = router.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Reply {
        status: head.status,
        headers: head.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("ledger.db").display())
}

async fn app(url: &str) -> App {
    let clock = Clock::set_to("2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap());
    let enrolled = |approvals| Enrolled {
        max_entries: 200,
        approvals,
        grants_per_hour: 20,
    };
    App {
        clock,
        ledger: Ledger::open(url).await.unwrap(),
        sources: [
            source("alerts", KEY, false),
            source("grid", "the key of/the+grid", true),
            source("slow", "the key of the slow", false),
        ]
        .into(),
        link_key: LinkKey::new(&"0123456789abcdef0123456789abcdef".into()).unwrap(),
        public_url: ORIGIN.to_owned(),
        hosts: RwLock::new(Hosts::default()),
        registries: [
            (PROD.parse().unwrap(), enrolled(Approvals::Link)),
            (TEST.parse().unwrap(), enrolled(Approvals::None)),
        ]
        .into(),
        max_ttl: SignedDuration::from_hours(24),
        metrics: Metrics::default(),
    }
}

fn source(name: &str, key: &str, query: bool) -> (String, Source) {
    // One source may deliver twice a day, the others as much as a story needs.
    let quota = match name {
        "slow" => Quota::with_period(Duration::from_secs(12 * 3600)).unwrap(),
        _ => Quota::per_second(NonZeroU32::new(50).unwrap()),
    };
    let source = Source {
        name: name.to_owned(),
        auth: Auth::SharedKey {
            keys: vec!["an older key".into(), key.into()],
            query,
        },
        scope: Scope::default(),
        trust_status_403: false,
        limiter: RateLimiter::direct(quota),
        per_second: NonZeroU32::new(50).unwrap(),
        max_body: MOST,
    };
    (name.to_owned(), source)
}
