//! A source that should speak: its silence is told once, and so is that it is over.

use crate::world::{OURS, World};
use doorward::flow::view::states;
use doorward::flow::{notify, silence};
use doorward_core::states::SourceState;
use serde_json::json;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

async fn expecting() -> World {
    World::with(|setup| setup.config["sources"][0]["expect_every"] = json!("1h")).await
}

/// A turn of the loop, with what it tells delivered.
async fn look(world: &World) {
    silence::run_once(&world.app).await.unwrap();
    notify::run_once(&world.app).await.unwrap();
}

fn state(world: &World) -> SourceState {
    states::source(&world.app, &world.app.sources["clusters"])
}

#[tokio::test]
async fn silence_past_its_time_is_told_once_and_so_is_its_end() {
    let mut world = expecting().await;
    look(&world).await;
    assert_eq!(state(&world), SourceState::NeverSeen);
    world.denied(OURS).await;
    assert_eq!(state(&world), SourceState::Fed);
    world.jump(Duration::from_secs(3599));
    look(&world).await;
    assert!(world.messages().is_empty(), "{:?}", world.messages());
    world.jump(Duration::from_secs(1));
    look(&world).await;
    look(&world).await;
    assert_eq!(world.messages(), ["source_silent"]);
    assert_eq!(state(&world), SourceState::Silent);
    let text = world.last_message("text");
    assert!(
        text.contains("`clusters`") && text.contains("2026-11-22 12:00:00 UTC"),
        "{text}"
    );
    // It is not told again after a restart.
    world.restart().await;
    world.jump(HOUR * 3);
    look(&world).await;
    assert_eq!(world.messages(), ["source_silent"]);
    // A delivery without any denial is a sign of life.
    let taken = world.deliver("clusters", "all is well").await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    look(&world).await;
    look(&world).await;
    assert_eq!(world.messages(), ["source_silent", "source_heard"]);
    assert_eq!(state(&world), SourceState::Fed);
}

#[tokio::test]
async fn source_that_was_never_heard_is_told_after_its_time_and_others_are_not() {
    let world = expecting().await;
    look(&world).await;
    world.jump(HOUR + Duration::from_secs(1));
    look(&world).await;
    assert_eq!(world.messages(), ["source_silent"]);
    // What is not believed is no sign of life.
    let request = axum::http::Request::post("/events/clusters").header("x-doorward-key", "a guess");
    let refused = world.send(request.body("x".into()).unwrap()).await;
    assert_eq!(refused.status, 401);
    look(&world).await;
    assert_eq!(world.messages(), ["source_silent"]);
    assert_eq!(state(&world), SourceState::Refused);
}
