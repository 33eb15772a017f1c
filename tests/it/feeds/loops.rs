//! Feeds as `serve` runs them, and an installation without a listener for senders.

use super::{FEED, SECOND, log, part, with_feed, world};
use crate::loops::Running;
use crate::process::until;
use crate::world::{OURS, REGISTRY, World};
use axum::body::Body;
use axum::http::Request;
use clock::Clock;
use doorward::http::admin_router;
use doorward::server::Server;
use doorward_sim::senders::login_event;
use doorward_sim::{Call, LogAccess, Moment, Registry};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tower::ServiceExt;

/// Another registry, which is enrolled and read too.
const OTHER: &str = "contosodev";

#[tokio::test]
async fn loop_fetches_and_opens_by_itself() {
    let world = world().await;
    let loops = Running::of(&world);
    log(&world, OURS, 403);
    until("the entry", async || {
        world.jump(SECOND);
        world.entries() == [OURS]
    })
    .await;
    loops.stop().await;
}

#[tokio::test]
async fn log_that_hangs_stops_nobody() {
    let world = World::with(|setup| {
        with_feed(setup);
        let other = json!({ "id": Registry::new(OTHER).id() });
        let registries = setup.config["registries"].as_array_mut().unwrap();
        registries.push(other);
        setup.config["sources"][2]["registries"] = json!([
            format!("{REGISTRY}.azurecr.io"),
            format!("{OTHER}.azurecr.io")
        ]);
    })
    .await;
    world.azure.add_registry(Registry::new(OTHER));
    let hold = world.azure.hold((Call::LogQuery, REGISTRY), Moment::Before);
    let loops = Running::of(&world);
    hold.reached().await;
    let now = world.clock.now();
    let row = login_event(&Registry::new(OTHER), OURS.parse().unwrap(), 403, now);
    world.azure.model(|model| model.add_log_row(row, now));
    until("the other registry's entry", async || {
        world.jump(SECOND);
        world.azure.entries(OTHER) == [OURS]
    })
    .await;
    loops.stop().await;
}

/// What the operators' listener answers.
async fn admin(world: &World, path: &str) -> (u16, String) {
    let address: SocketAddr = "127.0.0.1:8081".parse().unwrap();
    let router = admin_router(Arc::clone(&world.app), address);
    let request = Request::get(path).header("host", "127.0.0.1:8081");
    let reply = router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = reply.status().as_u16();
    let bytes = axum::body::to_bytes(reply.into_body(), 1 << 20)
        .await
        .unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn operators_see_how_a_feed_fares() {
    let world = world().await;
    world
        .azure
        .knobs(|knobs| knobs.logs.access = LogAccess::WorkspaceRefuses);
    super::run_once(&world.app).await;
    let (_, page) = admin(&world, "/").await;
    assert!(page.contains("registry-log/contosoprod"), "{page}");
    assert!(
        page.contains("enableLogAccessUsingOnlyResourcePermissions"),
        "{page}"
    );
    let (status, listed) = admin(&world, "/api/v1/feeds").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (status, &listed["items"][0]["state"]),
        (200, &json!("workspace_refuses"))
    );
    assert_eq!(listed["items"][0]["source"], FEED);

    world
        .azure
        .knobs(|knobs| knobs.logs.access = LogAccess::Whole);
    world.jump(300 * SECOND);
    super::run_once(&world.app).await;
    world.jump(7 * SECOND);
    let (_, page) = admin(&world, &format!("/sources/{FEED}")).await;
    assert!(page.contains("Last read to its end 7 s ago"), "{page}");
}

#[tokio::test]
async fn without_a_listener_requests_are_answered_on_the_operators_one() {
    let world = World::with(|setup| {
        with_feed(setup);
        let feed = setup.config["sources"][2].take();
        setup.config["sources"] = json!([feed]);
        setup.config["listen"] = json!("none");
        let fields = setup.config.as_object_mut().unwrap();
        fields.remove("public_url");
        fields.insert("admin".to_owned(), json!("127.0.0.1:8081"));
    })
    .await;
    assert_eq!(world.app.public_url, "http://127.0.0.1:8081");
    log(&world, crate::world::STRANGER, 403);
    super::run_once(&world.app).await;
    world.settle().await;
    let link = world.last_message("link");
    let path = link.strip_prefix("http://127.0.0.1:8081").unwrap();
    let (status, page) = admin(&world, path).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains(crate::world::STRANGER), "{page}");
    assert_eq!(part(&world.app).state, "reading");

    let with_listener = super::world().await;
    assert_eq!(admin(&with_listener, path).await.0, 404);
}

#[tokio::test]
async fn service_without_a_listener_for_senders_starts() {
    let world = World::with(|setup| {
        with_feed(setup);
        let feed = setup.config["sources"][2].take();
        setup.config["sources"] = json!([feed]);
        setup.config["listen"] = json!("none");
    })
    .await;
    let mut config = doorward::config::load(&world.folder.path().join("doorward.yaml")).unwrap();
    let other = world.folder.path().join("served.db");
    config.state = doorward::config::State::Sqlite(other);
    let server = Server::start(config, Clock::system()).await.unwrap();
    assert_eq!(server.listen, None);
    assert_ne!(server.admin.port(), 0);
    server.stop().await;
}
