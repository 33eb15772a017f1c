//! `doorward doctor` asks feeds, and changes nothing there.

use super::queue::event;
use super::storage::{QUEUE, azurite, queue, with};
use crate::program::{doorward, out};
use crate::world::{STRANGER, World};
use serde_json::json;

async fn doctor(world: &World) -> String {
    let config = world.folder.path().join("doorward.yaml");
    let run = move || doorward(&["doctor", "--config", config.to_str().unwrap()]);
    out(&tokio::task::spawn_blocking(run).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_whether_a_queue_can_be_read_and_receives_nothing() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let world = World::with(|setup| with(&mut setup.config, &azurite.queue, &queue())).await;
    let told = doctor(&world).await;
    assert!(
        told.contains("wrong            source.feed storage/denials"),
        "{told}"
    );
    assert!(
        told.contains("az storage queue create --name denials"),
        "{told}"
    );
    azurite.create_queue(QUEUE).await;
    azurite.send(QUEUE, &event("1", STRANGER)).await;
    let told = doctor(&world).await;
    assert!(
        told.contains("ok               source.feed storage/denials: can be read"),
        "{told}"
    );
    let received = azurite.do_it("receive", json!([QUEUE, 1])).await;
    assert_eq!(received.as_array().unwrap().len(), 1, "it was hidden");
}
