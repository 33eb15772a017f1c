//! The keys of links change, and links that are under way stay good as long as theirs is listed.

use super::asked;
use crate::world::{Setup, World};
use axum::http::Method;
use serde_json::json;
use std::fs;

const NEW: &str = "a newer key that is long enough to sign";

/// The configuration names these keys from now on, and doorward starts again.
async fn rotate(world: &mut World, keys: &[&str]) {
    let file = world.folder.path().join("doorward.yaml");
    let mut config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    fs::write(world.folder.path().join("new"), NEW).unwrap();
    let secrets: Vec<_> = keys
        .iter()
        .map(|name| json!({ "file": world.folder.path().join(name) }))
        .collect();
    config["links"] = json!({ "keys": secrets });
    fs::write(&file, config.to_string()).unwrap();
    world.restart().await;
    world.settle().await;
}

#[tokio::test]
async fn link_is_good_while_its_key_is_listed_and_new_ones_are_of_the_first() {
    let mut world = World::with(|_: &mut Setup| {}).await;
    asked(&world).await;
    let link = world.last_message("link");
    rotate(&mut world, &["new", "link"]).await;
    let page = world.follow(Method::GET, &link, "").await;
    assert_eq!(page.status, 200, "{}", page.text);
    rotate(&mut world, &["new"]).await;
    for method in [Method::GET, Method::POST] {
        let gone = world.follow(method, &link, "answer=allow").await;
        assert_eq!(gone.status, 404);
        assert!(
            gone.text.contains("key that is not in use here"),
            "{}",
            gone.text
        );
    }
    world.denied("51.140.7.10").await;
    world.settle().await;
    let new = world.last_message("link");
    assert_ne!(new, link);
    let taken = world.follow(Method::POST, &new, "answer=allow").await;
    assert_eq!(taken.status, 200, "{}", taken.text);
}
