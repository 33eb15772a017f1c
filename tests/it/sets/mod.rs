//! Address sets while the service runs: refreshed each in its own period, kept when a source fails,
//! measured before they count, confirmed by people, remembered over a restart.

mod changes;
mod lists;

use crate::world::{OURS, REGISTRY, World};
use doorward::flow::sets::{Listed, list};
use doorward::flow::{policy, sets};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::sets::Snapshot;
use doorward_sim::{Call, Fault, Model, Sim};
use std::fs;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A world whose policy has these sets, and the rules that follow.
async fn world(sets: impl FnOnce(&Sim) -> String, rules: &str) -> World {
    let world = World::new().await;
    let sets = sets(&world.azure);
    let text = format!("version: 1\nsets: {{ {sets} }}\nrules:\n  {rules}\n");
    fs::write(world.folder.path().join("policies/policy.yaml"), text).unwrap();
    policy::take_in(&world.app).await;
    assert!(!policy::is_refused(&world.app));
    world
}

const ALLOW: &str = "- { name: ours, when: { address: ours }, then: allow, for: 10m }";
const ASK: &str = "- { name: known, when: { address: list }, then: alert }";

fn listed(world: &World, name: &str) -> Listed {
    let mut all = list(&world.app).into_iter();
    all.find(|set| set.name == name).unwrap()
}

/// Time passes, and what is due is loaded.
async fn later(world: &World, time: Duration) {
    world.jump(time);
    sets::run_once(&world.app).await;
}

/// The rule that decided about a caller from `address`.
async fn rule(world: &World, address: &str) -> Option<String> {
    world.denied(address).await;
    world.settle().await;
    let ledger = world.ledger().await;
    let verdict = ledger.into_iter().rev().find_map(|what| match what {
        LedgerEvent::Decided { verdict, .. } => Some(verdict),
        _ => None,
    });
    verdict.unwrap().rule
}

async fn snapshots(world: &World) -> Vec<Snapshot> {
    let ledger = world.whole_ledger().await;
    let loaded = ledger.into_iter().filter_map(|what| match what {
        LedgerEvent::SetLoaded(snapshot) => Some(snapshot),
        _ => None,
    });
    loaded.collect()
}

fn publish(world: &World, text: &str) {
    world.azure.publish("list", text);
}

async fn list_of(text: &str) -> World {
    let world = world(
        |azure| {
            let url = azure.publish("list", text);
            format!("list: {{ http: \"{url}?sig=hush\", refresh: 1h }}")
        },
        ASK,
    )
    .await;
    assert!(with_nothing_secret(&world).await);
    world
}

/// Whether nothing that is told or written shows the URL's secret.
async fn with_nothing_secret(world: &World) -> bool {
    let told = serde_json::to_string(&list(&world.app)).unwrap();
    let written = format!("{:?}", world.whole_ledger().await);
    !told.contains("hush") && !written.contains("hush")
}

#[tokio::test]
async fn the_agents_of_a_dedicated_pool_are_let_in() {
    let pool = |model: &mut Model| {
        let gateway = model.add_nat_gateway("agents", &["20.61.20.4"], &[]);
        let subnet = model.add_subnet("network", "agents", Some(&gateway));
        model.add_agent_pool(REGISTRY, "build", Some(&subnet))
    };
    let world = world(
        |azure| format!("ours: {{ agent_pool: {} }}", azure.model(pool)),
        ALLOW,
    )
    .await;
    assert_eq!(rule(&world, "20.61.20.4").await.as_deref(), Some("ours"));
    assert_eq!(world.entries(), ["20.61.20.4"]);
    assert_eq!(rule(&world, OURS).await, None);
}

#[tokio::test]
async fn a_verdict_can_be_derived_again_from_the_ledger() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    let ledger = world.ledger().await;
    let used = ledger.iter().find_map(|what| match what {
        LedgerEvent::Decided { verdict, .. } => verdict.sets.first(),
        _ => None,
    });
    let hash = &used.unwrap().hash;
    let snapshots = snapshots(&world).await;
    let snapshot = snapshots.iter().find(|snapshot| snapshot.hash == *hash);
    let ranges = snapshot.unwrap().ranges().unwrap();
    assert!(ranges.contains(OURS.parse().unwrap()));
    assert_eq!(ranges.hash(), *hash);
    // What the policy itself says is written down as well, and all of it once.
    assert!(
        snapshots
            .iter()
            .any(|snapshot| snapshot.set.starts_with("cidrs sha256:"))
    );
    for _ in 0..3 {
        later(&world, HOUR).await;
    }
    assert_eq!(self::snapshots(&world).await.len(), snapshots.len());
}

#[tokio::test]
async fn a_source_that_fails_keeps_its_last_value_which_grows_old() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetResource, Fault::Garbled));
    later(&world, HOUR).await;
    let set = listed(&world, "build-egress");
    assert_eq!(set.age_seconds, Some(3600));
    assert!(set.error.unwrap().contains("not JSON"));
    assert_eq!(rule(&world, OURS).await.as_deref(), Some("build agents"));
    // It is asked again soon, and less and less often.
    let asked = || world.azure.requests_of(Call::GetResource).len();
    let before = asked();
    later(&world, MINUTE).await;
    later(&world, MINUTE).await;
    assert_eq!(asked(), before + 1);
    world.azure.knobs(doorward_sim::Knobs::no_faults);
    later(&world, 2 * MINUTE).await;
    let set = listed(&world, "build-egress");
    assert_eq!((set.age_seconds, set.error), (Some(0), None));
}

#[tokio::test]
async fn a_set_that_was_never_loaded_matches_nothing_and_says_so() {
    let id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.Network/natGateways/gone";
    let world = world(|_| format!("ours: {{ nat_gateway: {id} }}"), ALLOW).await;
    let set = listed(&world, "ours");
    assert_eq!((set.size, set.loaded_at), (None, None));
    assert!(set.error.unwrap().contains("ResourceNotFound"));
    world.denied(OURS).await;
    world.settle().await;
    let ledger = world.ledger().await;
    let noted = ledger.iter().any(|what| match what {
        LedgerEvent::Decided { verdict, .. } => verdict
            .notes
            .iter()
            .any(|note| note.text.contains("never loaded")),
        _ => false,
    });
    assert!(noted, "{ledger:?}");
    assert_eq!(world.entries(), [""; 0]);
}

#[tokio::test]
async fn what_azure_says_nobody_can_know_any_more_is_not_kept() {
    let cluster = |outbound: &'static str| {
        move |model: &mut Model| model.add_cluster("prod", outbound, &["20.61.30.4"], None)
    };
    let load_balancer = cluster("loadBalancer");
    let world = world(
        |azure| format!("ours: {{ aks_egress: {} }}", azure.model(load_balancer)),
        ALLOW,
    )
    .await;
    assert_eq!(rule(&world, "20.61.30.4").await.as_deref(), Some("ours"));
    world.azure.model(cluster("userDefinedRouting"));
    later(&world, HOUR).await;
    let set = listed(&world, "ours");
    assert_eq!(set.size, None);
    assert!(set.error.unwrap().contains("userDefinedRouting"));
    // Nor does what the ledger remembers bring it back.
    later(&world, HOUR).await;
    assert_eq!(listed(&world, "ours").size, None);
}

#[tokio::test]
async fn the_last_value_is_there_after_a_restart_even_if_its_source_is_not() {
    let mut world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::GetResource, Fault::LostBefore));
    world.jump(HOUR);
    world.restart().await;
    let set = listed(&world, "build-egress");
    assert_eq!(set.age_seconds, Some(3600));
    assert!(set.error.is_some());
    assert_eq!(rule(&world, OURS).await.as_deref(), Some("build agents"));
}
