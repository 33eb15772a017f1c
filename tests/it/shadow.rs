//! A candidate policy beside the one in force: asked, written down, and never obeyed.

use crate::world::{OURS, STRANGER, World};
use doorward::flow;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::{Action, Shadow};
use serde_json::json;
use std::fs;

const CANDIDATE: &str = "version: 1
rules: [{ name: nobody, when: { address: { cidrs_file: ours.txt } }, then: alert }]
";

async fn world() -> World {
    let world = World::with(|setup| {
        setup.config["policies"] = json!({ "dir": "policies", "shadow": "candidate" });
    })
    .await;
    fs::create_dir(world.folder.path().join("candidate")).unwrap();
    write(&world, "ours.txt", OURS);
    write(&world, "policy.yaml", CANDIDATE);
    flow::policy::run_once(&world.app).await;
    world
}

fn write(world: &World, name: &str, text: &str) {
    fs::write(world.folder.path().join("candidate").join(name), text).unwrap();
}

async fn shadows(world: &World) -> Vec<(Action, Option<Shadow>)> {
    let of = |what| match what {
        LedgerEvent::Decided { verdict, .. } => Some((verdict.action, verdict.shadow)),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn what_a_candidate_would_say_is_written_down_and_counted_where_it_differs() {
    let world = world().await;
    for address in [OURS, STRANGER] {
        world.denied(address).await;
        world.settle().await;
    }
    assert_eq!(world.entries(), [OURS], "the policy in force decides");
    let otherwise = Shadow {
        action: Action::Alert,
        rule: Some("nobody".to_owned()),
        ttl: None,
    };
    assert_eq!(
        shadows(&world).await,
        [(Action::Allow, Some(otherwise)), (Action::Ask, None)]
    );
    let metrics = world.app.metrics.render();
    for line in [
        "doorward_shadow_verdicts_total{outcome=\"differs\"} 1",
        "doorward_shadow_verdicts_total{outcome=\"same\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn a_candidate_that_is_broken_later_is_refused_and_the_last_good_one_is_asked() {
    let world = world().await;
    write(
        &world,
        "policy.yaml",
        "version: 1\nrules: [{ name: all, then: allow }]\n",
    );
    flow::policy::run_once(&world.app).await;
    assert!(flow::decide::shadow::is_refused(&world.app));
    assert!(!flow::policy::is_refused(&world.app));
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    assert!(shadows(&world).await[0].1.is_some());
    write(&world, "policy.yaml", "version: 1\ndefault: ignore\n");
    flow::policy::run_once(&world.app).await;
    world.denied(STRANGER).await;
    world.settle().await;
    let last = shadows(&world).await.pop().unwrap();
    assert_eq!(last.1.map(|shadow| shadow.action), Some(Action::Ignore));
}

#[tokio::test]
async fn a_candidate_that_was_never_good_harms_nothing() {
    let world = World::with(|setup| {
        setup.config["policies"] = json!({ "dir": "policies", "shadow": "nowhere" });
    })
    .await;
    flow::policy::run_once(&world.app).await;
    assert!(flow::decide::shadow::is_refused(&world.app));
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(shadows(&world).await, [(Action::Allow, None)]);
}
