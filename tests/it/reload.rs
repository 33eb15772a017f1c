//! A policy that changes while the service runs.

use crate::process::{Installation, until};
use crate::world::{REGISTRY, STRANGER, World, message};
use axum::body::Body;
use axum::http::Request;
use clock::Clock;
use doorward::flow;
use doorward_sim::{Registry, Sim, SimOptions};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;

fn allow(address: &str) -> String {
    format!(
        "version: 1\nrules: [{{ name: new, when: {{ address: {{ cidrs: [{address}] }} }}, then: allow, for: 10m }}]\n"
    )
}

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("policies/policy.yaml"), text).unwrap();
}

async fn ready(world: &World) -> Json {
    let reply = world
        .send(Request::get("/readyz").body(Body::empty()).unwrap())
        .await;
    assert_eq!(reply.status, 200);
    serde_json::from_str(&reply.text).unwrap()
}

#[tokio::test]
async fn a_changed_policy_counts_at_once() {
    let world = World::new().await;
    flow::policy::run_once(&world.app).await;
    write(world.folder.path(), &allow(STRANGER));
    flow::policy::run_once(&world.app).await;
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn a_broken_policy_is_refused_and_readiness_says_so() {
    let world = World::new().await;
    write(world.folder.path(), &allow(STRANGER));
    flow::policy::run_once(&world.app).await;
    let good = world.app.policy.load().hash.clone();
    for broken in [
        "version: 1\nrules: [{ name: all, then: allow }]\n",
        "version: 1\nrules: [{ name: told, then: alert, channel: nobody }]\n",
        "version: 1\nrules: [{ name: a, when: { address: { cidrs_file: lost.txt } }, then: ask }]\n",
    ] {
        write(world.folder.path(), broken);
        flow::policy::run_once(&world.app).await;
        assert_eq!(world.app.policy.load().hash, good);
        let told = ready(&world).await;
        assert_eq!(told["ready"], true);
        assert_eq!(
            told["degraded"],
            json!([{
                "code": "policy_refused",
                "detail": "The policy files cannot be used; the last good policy is in force.",
            }])
        );
    }
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    write(world.folder.path(), "version: 1\ndefault: ignore\n");
    flow::policy::run_once(&world.app).await;
    assert_eq!(
        ready(&world).await,
        json!({
            "ready": true, "missing": [], "degraded": [],
            "channels": [{ "name": "chat", "state": "never_tried" }],
        })
    );
    assert_ne!(world.app.policy.load().hash, good);
}

#[tokio::test]
async fn a_list_beside_the_policy_counts_too() {
    let world = World::new().await;
    let folder = world.folder.path();
    fs::write(folder.join("policies/ours.txt"), "20.77.1.1\n").unwrap();
    write(
        folder,
        "version: 1\nrules: [{ name: ours, when: { address: { cidrs_file: ours.txt } }, then: allow, for: 10m }]\n",
    );
    flow::policy::run_once(&world.app).await;
    fs::write(folder.join("policies/ours.txt"), format!("{STRANGER}\n")).unwrap();
    flow::policy::run_once(&world.app).await;
    world.denied(STRANGER).await;
    world.denied("20.77.1.1").await;
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn a_running_service_reads_it_again_when_it_is_hung_up_on() {
    let azure = Sim::start(SimOptions::new(Clock::system())).await.unwrap();
    azure.add_registry(Registry::new(REGISTRY));
    let installation = Installation::new(&azure, "10m");
    let process = installation.serve().await;
    write(installation.folder.path(), &allow(STRANGER));
    process.hang_up().await;
    let opened = async || {
        process.deliver(message(STRANGER)).await;
        installation.kinds().await.contains(&"granted")
    };
    until("the new policy's grant", opened).await;
    process.kill().await;
}
