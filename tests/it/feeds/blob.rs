//! `kind: blob` against Azurite.

use super::storage::{CONTAINER, azurite, blob, run_once, with};
use super::{SECOND, denied, part};
use crate::azurite::Azurite;
use crate::faults::cut;
use crate::world::{OURS, REGISTRY, STRANGER, World};
use doorward_core::ledger::event::LedgerEvent;
use doorward_sim::Registry;
use doorward_sim::senders::login_event;
use serde_json::json;
use std::collections::BTreeSet;

const HOUR: &str = "resourceId=/SUBSCRIPTIONS/1/PROVIDERS/X/REGISTRIES/CONTOSOPROD/y=2026/m=11/d=22/h=12/m=00/PT1H.json";

async fn furnished(azurite: &Azurite) -> World {
    azurite.do_it("create_container", json!([CONTAINER])).await;
    World::with(|setup| with(&mut setup.config, &azurite.blob, &blob())).await
}

/// A line of the archive.
fn line(world: &World, address: &str) -> String {
    let now = world.clock.now();
    let row = login_event(&Registry::new(REGISTRY), address.parse().unwrap(), 403, now);
    format!("{row}\r\n")
}

async fn turn(world: &World) {
    world.jump(SECOND);
    run_once(&world.app).await;
}

#[tokio::test]
async fn appended_lines_are_read_once_also_after_a_restart() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let mut world = furnished(&azurite).await;
    azurite.append(CONTAINER, HOUR, &line(&world, OURS)).await;
    azurite
        .append(CONTAINER, "other", &line(&world, "51.140.7.1"))
        .await;
    turn(&world).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    azurite
        .append(CONTAINER, HOUR, &line(&world, STRANGER))
        .await;
    turn(&world).await;
    world.restart().await;
    turn(&world).await;
    assert_eq!(
        denied(&world).await,
        [OURS, STRANGER],
        "only what `prefix` names"
    );
    let told = part(&world.app);
    assert_eq!((told.records, told.state.as_str()), (2, "reading"));
    let counted = |what: &LedgerEvent| matches!(what, LedgerEvent::Counted { .. });
    assert!(!world.ledger().await.iter().any(counted));
}

#[tokio::test]
async fn line_split_across_appends_is_read_once_whole() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = furnished(&azurite).await;
    let whole = line(&world, STRANGER);
    let (first, second) = whole.split_at(whole.len() / 2);
    let before = line(&world, OURS);
    azurite.append(CONTAINER, HOUR, &(before + first)).await;
    turn(&world).await;
    assert_eq!(denied(&world).await, [OURS]);
    azurite.append(CONTAINER, HOUR, second).await;
    turn(&world).await;
    assert_eq!(denied(&world).await, [OURS, STRANGER]);
    assert_eq!(part(&world.app).set_aside, 0);
}

#[tokio::test]
async fn broken_line_is_set_aside_beside_good_ones() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = furnished(&azurite).await;
    let lines = format!(
        "{}{{ broken\n{}",
        line(&world, OURS),
        line(&world, STRANGER)
    );
    azurite.append(CONTAINER, HOUR, &lines).await;
    turn(&world).await;
    assert_eq!(denied(&world).await, [OURS, STRANGER]);
    let told = part(&world.app);
    assert_eq!((told.records, told.set_aside), (3, 1));
}

#[tokio::test]
async fn line_longer_than_a_piece_is_set_aside_and_what_follows_is_read() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = furnished(&azurite).await;
    let half = "x".repeat(3 << 20);
    azurite
        .append(CONTAINER, HOUR, &format!("{{\"a\": \"{half}"))
        .await;
    azurite
        .append(CONTAINER, HOUR, &format!("{half}\"}}\n"))
        .await;
    azurite
        .append(CONTAINER, HOUR, &line(&world, STRANGER))
        .await;
    for _ in 0..3 {
        turn(&world).await;
    }
    assert_eq!(denied(&world).await, [STRANGER]);
    assert_eq!(part(&world.app).state, "reading");
}

#[tokio::test]
async fn kills_in_the_middle_lose_nothing_and_double_nothing() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let mut world = furnished(&azurite).await;
    let mut all = BTreeSet::new();
    for kill in 0..40 {
        let address = format!("51.140.7.{}", kill + 1);
        azurite
            .append(CONTAINER, HOUR, &line(&world, &address))
            .await;
        all.insert(address);
        world.jump(SECOND);
        let app = std::sync::Arc::clone(&world.app);
        let work = async { _ = run_once(&app).await };
        cut::short(Box::pin(work), kill % 20 + 1).await;
        drop(app);
        if kill % 4 == 3 {
            world.restart().await;
        }
        world.jump(SECOND);
    }
    world.restart().await;
    turn(&world).await;
    let told = denied(&world).await;
    assert_eq!(told.len(), all.len(), "{told:?}");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), all);
}
