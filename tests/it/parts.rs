//! A world with more sources and a registry whose links only show, and ways to call its routes.

use crate::world::{Reply, World};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::request::Builder;
use doorward::http::{Limits, admin_router, public_router_within};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::{DenialId, RequestId};
use doorward_core::ledger::request;
use doorward_core::net::address::GlobalIpv4;
use doorward_sim::Registry;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tower::ServiceExt;

pub(crate) use crate::world::KEY;

/// A second key of the sources here, with characters that mean something in an URL.
pub(crate) const OTHER_KEY: &str = "an/older+key/of+two==";
pub(crate) const ORIGIN: &str = "https://doorward.contoso.com";
/// A registry whose requests are answered by link.
pub(crate) const PROD: &str = crate::world::REGISTRY;
/// A registry whose links only show.
pub(crate) const TEST: &str = "contosotest";
/// What a source may send in these stories, in bytes.
pub(crate) const MOST: usize = 4096;

pub(crate) struct Parts {
    pub(crate) world: World,
    limits: Limits,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
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
        let world = World::with(|setup| {
            let first = &setup.config["sources"][0]["auth"]["keys"][0]["file"];
            let other = first.as_str().unwrap().to_owned() + "-older";
            fs::write(&other, OTHER_KEY).unwrap();
            let source = |name: &str, query: bool, rate: u32| {
                let keys = json!([{ "file": other }, { "file": first }]);
                let auth = json!({ "kind": "shared_key", "keys": keys, "query": query });
                json!({ "name": name, "auth": auth, "max_body_bytes": MOST, "rate_per_second": rate })
            };
            let sources = json!([
                source("alerts", false, 50),
                source("grid", true, 50),
                source("slow", false, 1)
            ]);
            setup.config["sources"] = sources;
            let registries = setup.config["registries"].as_array_mut().unwrap();
            registries.push(json!({ "id": Registry::new(TEST).id() }));
        });
        Self {
            world: world.await,
            limits,
        }
    }

    /// The routes for senders and people with a link.
    pub(crate) fn public(&self) -> Router {
        public_router_within(Arc::clone(&self.world.app), self.limits)
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Reply {
        reply(self.public(), request).await
    }

    pub(crate) async fn ask_admin(&self, request: Request<Body>) -> Reply {
        let address = "127.0.0.1:8081".parse().unwrap();
        reply(admin_router(Arc::clone(&self.world.app), address), request).await
    }

    /// Delivers `body` as the source `alerts`, with its key.
    pub(crate) async fn deliver(&self, kind: &str, body: impl Into<Body>) -> Reply {
        let request = post("/events/alerts")
            .header("x-doorward-key", KEY)
            .header("content-type", kind);
        self.call(request.body(body.into()).unwrap()).await
    }

    /// Somebody is asked; the path of the link.
    pub(crate) async fn asked(&self, registry: &str) -> String {
        let app = &self.world.app;
        let now = app.clock.now();
        let request = request::Request {
            id: RequestId(app.clock.id()),
            registry: Registry::new(registry).id().parse().unwrap(),
            address: GlobalIpv4::try_from(Ipv4Addr::new(20, 1, 2, 3)).unwrap(),
            ttl_seconds: 9000,
            until: now + SignedDuration::from_hours(1),
            denial: DenialId(app.clock.id()),
            presumed: None,
            repository: Some("prod/<b>api</b>".to_owned()),
            reference: Some("v1".to_owned()),
            source: "alerts".to_owned(),
            rule: Some("unknown-callers".to_owned()),
            because: Some("Nobody knows this address & <i>you</i> may.".to_owned()),
            approvals: None,
            asker: None,
            channel: None,
            renew: None,
            evictable: false,
            widen: None,
            attribution: None,
        };
        let link = app.link_to(&request).unwrap();
        app.ledger
            .append(now, vec![LedgerEvent::Requested(request)])
            .await
            .unwrap();
        link.strip_prefix(ORIGIN).unwrap().to_owned()
    }

    /// Does something to the database behind the program's back.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        self.world.tamper(sql).await.unwrap();
    }
}

pub(crate) fn post(uri: &str) -> Builder {
    Request::post(uri.to_owned())
}

async fn reply(router: Router, request: Request<Body>) -> Reply {
    let (head, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}
