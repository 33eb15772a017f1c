//! Worlds with a storage account, and what keeps one from being read: each failure has a state of its own.

use super::part;
use crate::azurite::{ACCOUNT, Azurite, Front, KEY, Mode};
use crate::needs;
use crate::world::{REGISTRY, World};
use doorward::flow::app::App;
use doorward::flow::feeds;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const SOURCE: &str = "storage";
pub(super) const QUEUE: &str = "denials";
pub(super) const CONTAINER: &str = "insights-logs-containerregistryloginevents";

/// A running emulator; else the test is skipped.
pub(super) async fn azurite() -> Option<Azurite> {
    match Azurite::start().await {
        Ok(azurite) => Some(azurite),
        Err(why) => {
            needs::skip(&why);
            None
        }
    }
}

/// A secret in the world's folder, by reference.
fn secret(config: &Value, name: &str, value: &str) -> Value {
    // The links' key is in the world's folder.
    let link = config["links"]["key"]["file"].as_str().unwrap();
    let file = std::path::Path::new(link).with_file_name(name);
    std::fs::write(&file, value).unwrap();
    json!({ "file": file })
}

/// Adds a feed to what a world is set up with; `more` stands in `feed` beside account and key.
pub(super) fn with(config: &mut Value, endpoint: &str, more: &Value) {
    let mut feed = json!({ "account": ACCOUNT, "endpoint": endpoint, "every": "1s" });
    for (name, value) in more.as_object().unwrap() {
        feed[name] = value.clone();
    }
    if feed.get("sas").is_none() && feed.get("key").is_none() {
        feed["key"] = secret(config, "account-key", KEY);
    } else if let Some(sas) = feed["sas"].as_str().map(str::to_owned) {
        feed["sas"] = secret(config, "sas", &sas);
    } else if let Some(key) = feed["key"].as_str().map(str::to_owned) {
        feed["key"] = secret(config, "account-key", &key);
    }
    let source = json!({
        "name": SOURCE, "feed": feed, "trust_status_403": true,
        "registries": [format!("{REGISTRY}.azurecr.io")],
    });
    config["sources"].as_array_mut().unwrap().push(source);
}

pub(super) fn queue() -> Value {
    json!({ "kind": "storage_queue", "queue": QUEUE, "visibility_timeout": "1s", "max_dequeues": 3 })
}

pub(super) fn blob() -> Value {
    json!({ "kind": "blob", "container": CONTAINER, "prefix": "resourceId=" })
}

/// Takes a turn of the only part.
pub(super) async fn run_once(app: &App) -> Option<Timestamp> {
    let name = part(app).partition;
    feeds::run_once(app, SOURCE, &name).await.unwrap()
}

async fn state(world: &World) -> String {
    world.jump(Duration::from_mins(10));
    run_once(&world.app).await;
    part(&world.app).state
}

/// What the service answers, and the state that it leads to.
const FAILURES: [(Mode, &str); 9] = [
    (Mode::Answer(404, "QueueNotFound"), "_not_found"),
    (
        Mode::Answer(403, "AuthenticationFailed"),
        "credential_refused",
    ),
    (
        Mode::Answer(403, "AuthorizationPermissionMismatch"),
        "right_missing",
    ),
    (
        Mode::Answer(403, "AuthorizationFailure"),
        "account_firewall",
    ),
    (
        Mode::Answer(403, "KeyBasedAuthenticationNotPermitted"),
        "keys_disabled",
    ),
    (Mode::Answer(503, "ServerBusy"), "throttled"),
    (Mode::Answer(500, "InternalError"), "unreachable"),
    (Mode::Answer(400, "InvalidHeaderValue"), "bad_answer"),
    (Mode::Answer(200, ""), "bad_answer"),
];

#[tokio::test]
async fn every_refusal_of_an_account_has_its_state_and_passes() {
    let Some(azurite) = azurite().await else {
        return;
    };
    azurite.create_queue(QUEUE).await;
    azurite.do_it("create_container", json!([CONTAINER])).await;
    for (service, feed) in [(&azurite.queue, queue()), (&azurite.blob, blob())] {
        let front = Front::before(service).await;
        let world = World::with(|setup| with(&mut setup.config, &front.url, &feed)).await;
        for (mode, expected) in FAILURES {
            front.is(mode);
            let told = state(&world).await;
            assert!(told.ends_with(expected), "{mode:?}: {told}");
            let view = part(&world.app);
            assert!(view.failing && !view.text.contains("sig="), "{view:?}");
        }
        front.is(Mode::Pass);
        assert_eq!(state(&world).await, "reading", "{feed}");
    }
}

#[tokio::test]
async fn real_refusals_of_the_emulator_are_told_apart() {
    let Some(azurite) = azurite().await else {
        return;
    };
    let states = async |endpoint: &str, feed: Value| {
        let world = World::with(|setup| with(&mut setup.config, endpoint, &feed)).await;
        state(&world).await
    };
    assert_eq!(states(&azurite.queue, queue()).await, "queue_not_found");
    assert_eq!(states(&azurite.blob, blob()).await, "container_not_found");
    let mut wrong = queue();
    wrong["key"] = json!("d3Jvbmc=");
    assert_eq!(states(&azurite.queue, wrong).await, "credential_refused");
    let mut malformed = queue();
    malformed["key"] = json!("not base64 at all");
    assert_eq!(states(&azurite.queue, malformed).await, "secret_unusable");
    azurite.do_it("create_container", json!([CONTAINER])).await;
    let sas = async |rights: &str| {
        let sas = azurite.do_it("container_sas", json!([CONTAINER, rights]));
        let mut feed = blob();
        feed["sas"] = sas.await;
        states(&azurite.blob, feed).await
    };
    assert_eq!(sas("rl").await, "reading");
    assert_eq!(sas("r").await, "right_missing");
    // Nobody listens there.
    assert_eq!(
        states("http://127.0.0.1:1/devstoreaccount1", queue()).await,
        "unreachable"
    );
}
