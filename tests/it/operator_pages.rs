//! The operators' pages: every page that is linked is there, hostile texts stay texts, what can be done asks
//! for confirmation, and a full house still fits.

use crate::browser::serving;
use crate::chromium::Browser;
use crate::pages::{SCREENS, axe, judge};
use crate::process::until;
use crate::world::{OURS, REGISTRY, Reply, STRANGER, World};
use axum::http::Method;
use doorward::http::admin_router;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::{DenialId, GrantId, RequestId};
use doorward_core::ledger::request::Request;
use doorward_core::net::address::GlobalIpv4;
use doorward_sim::Registry;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

const OWN: [(&str, &str); 3] = [
    ("origin", "http://127.0.0.1:8081"),
    ("sec-fetch-site", "same-origin"),
    ("content-type", "application/x-www-form-urlencoded"),
];

const HOSTILE: &str = "<img src=x onerror=alert(1)>\u{202e}";

/// A world in which something has happened.
async fn lived() -> World {
    let world = World::new().await;
    world.denied(OURS).await;
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    world
}

fn address(number: u32) -> GlobalIpv4 {
    GlobalIpv4::try_from(Ipv4Addr::from(0x1401_0000 + number)).unwrap()
}

/// So many grants and requests more.
async fn crowded(world: &World, grants: u32, requests: u32) {
    let app = &world.app;
    let now = app.clock.now();
    let registry = Registry::new(REGISTRY).id().parse().unwrap();
    let grant = |number: u32| {
        LedgerEvent::Granted(Grant {
            id: GrantId(app.clock.id()),
            registry: Registry::new(REGISTRY).id().parse().unwrap(),
            address: address(number),
            until: now + SignedDuration::from_mins(10 + i64::from(number)),
            denial: DenialId(app.clock.id()),
            request: None,
            rule: Some("build agents".to_owned()),
            channel: None,
            renew: None,
            evictable: false,
            widen: None,
        })
    };
    let request = |number: u32| {
        LedgerEvent::Requested(Request {
            id: RequestId(app.clock.id()),
            registry: doorward_core::net::resource_id::ResourceId::clone(&registry),
            address: address(1000 + number),
            ttl_seconds: 3600,
            until: now + SignedDuration::from_hours(5),
            denial: DenialId(app.clock.id()),
            presumed: None,
            repository: Some(HOSTILE.to_owned()),
            reference: Some("x".repeat(300)),
            source: "clusters".to_owned(),
            rule: Some(HOSTILE.to_owned()),
            because: Some(HOSTILE.to_owned()),
            approvals: None,
            asker: None,
            channel: None,
            renew: None,
            evictable: false,
            widen: None,
            attribution: None,
        })
    };
    let all = (0..grants).map(grant).chain((0..requests).map(request));
    app.ledger.append(now, all.collect()).await.unwrap();
}

/// Where the links of a page at `path` lead, on this listener.
fn links(path: &str, page: &str) -> BTreeSet<String> {
    let base = reqwest::Url::parse("http://127.0.0.1:8081").unwrap();
    let base = base.join(path).unwrap();
    let links = page.split("<a ").skip(1).filter_map(|rest| {
        let (_, rest) = rest.split_once("href=\"")?;
        let link = rest.split_once('"')?.0.replace("&#38;", "&");
        let to = base.join(&link).unwrap();
        let own = to.origin() == base.origin();
        own.then(|| match to.query() {
            Some(query) => format!("{}?{query}", to.path()),
            None => to.path().to_owned(),
        })
    });
    links.collect()
}

/// Every page that can be reached from the first, a few of each kind.
async fn all_pages(world: &World) -> Vec<(String, Reply)> {
    let mut todo = BTreeSet::from(["/".to_owned()]);
    let mut seen = BTreeSet::new();
    let mut pages = Vec::new();
    let mut kinds: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    while let Some(path) = todo.pop_first() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let kind = path.split(['/', '?']).nth(1).unwrap_or_default().to_owned();
        let count = kinds.entry(kind).or_default();
        *count += 1;
        if *count > 8 {
            continue;
        }
        let page = world.ask(&path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        todo.extend(links(&path, &page.text));
        pages.push((path, page));
    }
    pages
}

#[tokio::test]
async fn every_linked_page_is_there_changes_nothing_and_holds_no_foreign_markup() {
    let world = lived().await;
    crowded(&world, 3, 3).await;
    let order = json!({ "registry": REGISTRY, "by": HOSTILE.replace('\u{202e}', ""), "because": "an <b>audit</b>" });
    assert_eq!(world.order("/api/v1/pause", order).await.status, 200);
    let before = world.kinds().await;
    let pages = all_pages(&world).await;
    for kind in [
        "/grants/",
        "/requests/",
        "/denials/",
        "/addresses/",
        "/registries/",
        "/sources/",
        "/sets/",
        "/rules/",
        "/timeline",
        "/charts",
        "/policy",
        "/pause",
    ] {
        assert!(
            pages.iter().any(|(path, _)| path.starts_with(kind)),
            "{kind}"
        );
    }
    for (path, page) in &pages {
        for foreign in [
            "<img",
            "<b>",
            "\u{202e}",
            " style=",
            "<style",
            "http-equiv",
            "javascript:",
        ] {
            assert!(
                !page.text.contains(foreign),
                "{path} has {foreign}: {}",
                page.text
            );
        }
        assert_eq!(page.text.matches("<script").count(), 1, "{path}");
        assert!(
            page.text.contains("paused all opening"),
            "{path} has no banner"
        );
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
    }
    assert_eq!(world.kinds().await, before);
}

#[tokio::test]
async fn names_that_nobody_has_lead_to_a_page_that_says_so() {
    let world = lived().await;
    for path in [
        "/grants/x",
        "/grants/00000000-0000-4000-8000-000000000001",
        "/requests/00000000-0000-4000-8000-000000000001",
        "/denials/00000000-0000-4000-8000-000000000001",
        "/addresses/300.1.2.3",
        "/registries/nosuch",
        "/sources/%3Cb%3E",
        "/sets/nosuch",
        "/rules/nosuch",
    ] {
        let page = world.ask(path).await;
        assert_eq!(page.status, 404, "{path}: {}", page.text);
        assert!(!page.text.contains("<b>"), "{path}");
    }
}

#[tokio::test]
async fn timeline_finds_by_address_registry_person_and_time_and_goes_on() {
    let world = lived().await;
    crowded(&world, 60, 0).await;
    let order = json!({ "registry": REGISTRY, "by": "ada" });
    assert_eq!(world.order("/api/v1/pause", order).await.status, 200);
    let rows = |page: &Reply| page.text.matches("<tr><th scope=\"row\"").count();
    let first = world.ask("/timeline").await;
    assert_eq!(rows(&first), 50);
    let all = links("/timeline", &first.text);
    let next = all.iter().find(|link| link.contains("before=")).unwrap();
    let second = world.ask(next).await;
    assert!(second.status == 200 && rows(&second) > 5, "{}", second.text);
    for (search, count) in [
        ("person=ada", 1),
        ("person=ad", 0),
        ("kind=paused", 1),
        ("kind=paused&registry=contosoprod", 1),
        ("kind=paused&registry=contoso", 0),
        ("address=20.1.0.7", 1),
        ("address=20.1.0.", 0),
        ("until=2026-11-22T11:59", 0),
        ("from=2026-11-22T13:00", 0),
        (
            "kind=granted&from=2026-11-22T11:59&until=2026-11-22T13:00&address=20.1.0.7",
            1,
        ),
        ("from=noon", 0),
    ] {
        let page = world.ask(&format!("/timeline?{search}")).await;
        assert_eq!(page.status, 200, "{search}");
        assert_eq!(rows(&page), count, "{search}: {}", page.text);
    }
}

#[tokio::test]
async fn orders_on_pages_ask_first_come_from_own_pages_alone_and_say_who() {
    let world = lived().await;
    let id = world.grants().await[0].clone();
    let path = format!("/grants/{id}/revoke");
    let asked = world.ask(&path).await;
    assert!(asked.status == 200 && asked.text.contains("Revoke 20.61.10.4 on contosoprod?"));
    assert!(
        asked.text.contains("<form method=\"post\""),
        "{}",
        asked.text
    );
    assert!(!world.kinds().await.contains(&"revoked"));
    let form = "by=ada&reason=left+the+company".to_owned();
    let foreign = [("origin", "https://evil.example"), OWN[2]];
    let crossed = [OWN[0], ("sec-fetch-site", "cross-site"), OWN[2]];
    for headers in [&foreign[..], &crossed[..], &OWN[2..]] {
        let reply = world
            .admin(Method::POST, &path, headers, form.clone())
            .await;
        assert_eq!(reply.status, 403, "{}", reply.text);
    }
    let nameless = world
        .admin(Method::POST, &path, &OWN, "by=".to_owned())
        .await;
    assert_eq!(nameless.status, 400, "{}", nameless.text);
    assert!(!world.kinds().await.contains(&"revoked"));
    let reply = world.admin(Method::POST, &path, &OWN, form).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, format!("../{id}").as_str())
    );
    world.settle().await;
    assert!(world.entries().is_empty());
    let page = world.ask(&format!("/grants/{id}")).await.text;
    assert!(
        page.contains("ended</span>") && page.contains("Revoked by <code>ada</code>"),
        "{page}"
    );
    let reply = world
        .admin(
            Method::POST,
            "/pause?registry=contosoprod",
            &OWN,
            "by=ada".to_owned(),
        )
        .await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, "registries/contosoprod")
    );
    let page = world.ask("/registries/contosoprod").await.text;
    assert!(page.contains("paused</span>"), "{page}");
    let resumed = world
        .admin(Method::POST, "/resume", &OWN, "by=ada".to_owned())
        .await;
    assert_eq!(
        (resumed.status, resumed.header("location")),
        (303, "registries")
    );
    assert!(world.kinds().await.ends_with(&["resumed"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_house_stays_under_two_screens_of_a_phone_and_pages_have_no_serious_finding() {
    let (Some(axe), Some(browser)) = (axe().await, Browser::open().await) else {
        return;
    };
    let world = lived().await;
    crowded(&world, 60, 24).await;
    let app = Arc::clone(&world.app);
    let admin = serving(|address| admin_router(app, address)).await;
    let id = world.grants().await[0].clone();
    let requests = world.ask("/requests").await.text;
    let request = links("/requests", &requests);
    let request = request
        .iter()
        .find(|link| link.starts_with("/requests/"))
        .unwrap()
        .clone();
    for (name, path) in [
        ("overview", "/".to_owned()),
        ("grants", "/grants".to_owned()),
        ("grant", format!("/grants/{id}")),
        ("revoke", format!("/grants/{id}/revoke")),
        ("requests", "/requests".to_owned()),
        ("one-request", request),
        ("address", format!("/addresses/{STRANGER}")),
        ("registries", "/registries".to_owned()),
        ("registry", "/registries/contosoprod".to_owned()),
        ("source", "/sources/clusters".to_owned()),
        ("set", "/sets/build-egress".to_owned()),
        ("rule", "/rules/build%20agents".to_owned()),
        ("timeline", "/timeline".to_owned()),
        ("charts", "/charts".to_owned()),
        ("policy", "/policy".to_owned()),
    ] {
        judge(&browser, &axe, name, &format!("{admin}{path}")).await;
    }
    browser.screen(SCREENS[0].1, "light").await;
    browser.go(&format!("{admin}/")).await;
    let screens = "return document.documentElement.scrollHeight / innerHeight";
    let screens = browser.run(screens).await.as_f64().unwrap();
    assert!(
        screens <= 2.0,
        "the overview takes {screens} screens of a phone"
    );
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overview_follows_by_itself_and_says_when_it_cannot() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let router = admin_router(Arc::clone(&world.app), address);
    let served = tokio_util::task::TaskTracker::new();
    let serving = served.spawn(doorward::http::serve(listener, router, stop.clone()));
    browser.go(&format!("http://{address}/")).await;
    assert!(browser.text().await.contains("No active grants"));
    world.denied(OURS).await;
    world.settle().await;
    until("the page shows the grant", async || {
        browser.text().await.contains(OURS)
    })
    .await;
    // The stream ends with the program, well before a connection would be cut off.
    let begun = std::time::Instant::now();
    stop.cancel();
    serving.await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    until("the page says that it is dead", async || {
        browser.text().await.contains("Live updates have stopped")
    })
    .await;
    browser.close().await;
}
