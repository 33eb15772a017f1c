//! The operator page: what stands, for whoever reaches the listener by its own name.

use crate::parts::{PROD, Parts};
use crate::world::Reply;
use axum::body::Body;
use axum::http::{Method, Request};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::{DenialId, GrantId};
use doorward_core::net::address::GlobalIpv4;
use doorward_sim::Registry;
use jiff::SignedDuration;
use std::net::Ipv4Addr;
use std::time::Duration;

async fn get(parts: &Parts, path: &str, host: &str) -> Reply {
    let request = Request::get(path).header("host", host);
    parts.ask_admin(request.body(Body::empty()).unwrap()).await
}

/// A grant of 90 minutes for 20.1.2.4.
async fn grant(parts: &Parts) {
    let now = parts.world.app.clock.now();
    let grant = Grant {
        id: GrantId(parts.world.app.clock.id()),
        registry: Registry::new(PROD).id().parse().unwrap(),
        address: GlobalIpv4::try_from(Ipv4Addr::new(20, 1, 2, 4)).unwrap(),
        until: now + SignedDuration::from_mins(90),
        denial: DenialId(parts.world.app.clock.id()),
        request: None,
        rule: Some("runners".to_owned()),
        channel: None,
        renew: None,
        evictable: false,
        widen: None,
    };
    parts
        .world
        .app
        .ledger
        .append(now, vec![LedgerEvent::Granted(grant)])
        .await
        .unwrap();
}

#[tokio::test]
async fn the_page_shows_what_stands_and_no_link() {
    let parts = Parts::new().await;
    grant(&parts).await;
    let link = parts.asked(PROD).await;
    let page = get(&parts, "/", "127.0.0.1:8081").await;
    assert_eq!(page.status, 200);
    for shown in [
        "20.1.2.4",
        "1 hour 30 minutes",
        "runners",
        "opening",
        "20.1.2.3",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let requests = get(&parts, "/requests", "127.0.0.1:8081").await;
    assert!(
        requests.text.contains("2 hours 30 minutes"),
        "{}",
        requests.text
    );
    let token = link.trim_start_matches("/requests/");
    assert!(!page.text.contains(token) && !page.text.contains("/requests/"));
    parts.world.jump(Duration::from_hours(2));
    let page = get(&parts, "/", "localhost:8081").await;
    assert!(page.text.contains("ended 30 minutes ago"), "{}", page.text);
    let requests = get(&parts, "/requests", "127.0.0.1:8081").await;
    assert!(
        requests.text.contains("No open requests"),
        "{}",
        requests.text
    );
}

#[tokio::test]
async fn another_name_leads_nowhere() {
    let parts = Parts::new().await;
    for host in ["evil.example:8081", "evil.example", "127.0.0.1:9999", ""] {
        for path in ["/", "/metrics", "/healthz"] {
            let refused = get(&parts, path, host).await;
            assert_eq!(refused.status, 421, "{host}");
        }
    }
    let nameless = Request::get("/").body(Body::empty()).unwrap();
    let refused = parts.ask_admin(nameless).await;
    assert_eq!(refused.status, 421);
}

#[tokio::test]
async fn nothing_can_be_changed_here() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/events/alerts",
        &link,
    ] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = Request::builder().method(method).uri(path);
            let request = request.header("host", "127.0.0.1:8081").body(Body::empty());
            let status = parts.ask_admin(request.unwrap()).await.status;
            assert!([404, 405].contains(&status), "{path}: {status}");
        }
    }
    assert_eq!(parts.world.kinds().await, ["requested"]);
}

#[tokio::test]
async fn metrics_are_in_the_text_form_of_prometheus() {
    let parts = Parts::new().await;
    parts
        .call(
            crate::parts::post("/events/nobody")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    let metrics = get(&parts, "/metrics", "[::1]:8081").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let counted = "doorward_deliveries_total{source=\"unknown\",status=\"404\"} 1";
    assert!(metrics.text.contains(counted), "{}", metrics.text);
    assert!(!metrics.text.contains("# EOF"), "{}", metrics.text);
}
