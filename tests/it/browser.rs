//! The pages in a real browser.

use crate::chromium::Browser;
use crate::process::until;
use crate::world::{STRANGER, World};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use doorward::http::{admin_router, public_router, serve};
use serde_json::json;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Serves until the program ends; where.
pub(crate) async fn serving(router: impl FnOnce(std::net::SocketAddr) -> Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    TaskTracker::new().spawn(serve(listener, router(address), CancellationToken::new()));
    format!("http://{address}")
}

/// A world whose links lead to `listen`, with one request; the request's link.
pub(crate) async fn asked() -> (World, String) {
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
        page.contains(STRANGER) && page.contains("Open now"),
        "{page}"
    );
    assert!(!page.contains(&link), "{page}");
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
