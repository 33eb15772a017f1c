//! Virtual network rules beside ours: carried along where Azure keeps them, and told where it does not.

use crate::process::{Installation, until};
use crate::program::{doorward, err, out};
use crate::world::{OURS, PREFIX, REGISTRY, World, furnished, message};
use clock::Clock;
use doorward_sim::{Call, Sim, VirtualNetworkRule, VirtualNetworkRules};
use serde_json::json;
use std::time::Duration;

const SUBNET: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/build";
const MINUTE: Duration = Duration::from_mins(1);

async fn world(behaviour: VirtualNetworkRules) -> World {
    let world = World::new().await;
    add_subnet(&world.azure);
    world
        .azure
        .knobs(|knobs| knobs.virtual_network_rules = behaviour);
    world
}

fn add_subnet(azure: &Sim) {
    azure.edit(REGISTRY, "az", |registry| {
        registry
            .network_rules
            .virtual_network_rules
            .push(VirtualNetworkRule {
                subnet: SUBNET.to_owned(),
                extra: serde_json::Map::new(),
            });
    });
}

fn subnets(world: &World) -> usize {
    let registry = world.azure.registry(REGISTRY).unwrap();
    registry.network_rules.virtual_network_rules.len()
}

#[tokio::test]
async fn rules_of_subnets_are_sent_back_as_they_were_read() {
    for behaviour in [VirtualNetworkRules::Kept, VirtualNetworkRules::Wiped] {
        let world = world(behaviour).await;
        world.denied(OURS).await;
        world.settle().await;
        assert_eq!(
            (world.entries(), subnets(&world)),
            (vec![OURS.to_owned()], 1)
        );
        world.pass(11 * MINUTE).await;
        assert_eq!((world.entries().len(), subnets(&world)), (0, 1));
        assert!(world.messages().is_empty());
        for patch in world.azure.requests_of(Call::PatchRegistry) {
            assert_eq!(patch.query["api-version"], "2026-03-01-preview");
        }
    }
}

#[tokio::test]
async fn where_azure_loses_them_people_are_told_and_nothing_more_is_added() {
    let mut world = world(VirtualNetworkRules::Dropped).await;
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(subnets(&world), 0);
    assert_eq!(world.messages(), ["virtual_network_rules_lost"]);
    assert!(
        world
            .last_message("text")
            .contains(&SUBNET.to_ascii_lowercase())
    );
    world.restart().await;
    world.denied(&PREFIX.replace("/30", "")).await;
    world.pass(MINUTE).await;
    assert_eq!(world.entries(), [OURS]);
    // Removing goes on: there is nothing left to lose.
    world.pass(10 * MINUTE).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn once_lost_they_are_never_put_at_risk_again() {
    let world = world(VirtualNetworkRules::Dropped).await;
    world.denied(OURS).await;
    world.settle().await;
    add_subnet(&world.azure);
    world.denied(&PREFIX.replace("/30", "")).await;
    world.settle().await;
    assert_eq!(
        (world.entries(), subnets(&world)),
        (vec![OURS.to_owned()], 1)
    );
    assert_eq!(
        world.messages(),
        ["virtual_network_rules_lost", "virtual_network_rules"]
    );
    world.pass(12 * MINUTE).await;
    assert_eq!(
        (world.entries(), subnets(&world)),
        (vec![OURS.to_owned()], 1)
    );
    assert!(world.last_message("text").contains("lost such rules"));
}

#[tokio::test]
async fn after_a_person_has_looked_entries_are_added_while_there_are_no_such_rules() {
    let mut world = world(VirtualNetworkRules::Dropped).await;
    world.denied(OURS).await;
    world.settle().await;
    let first = PREFIX.replace("/30", "");
    world.denied(&first).await;
    world.pass(MINUTE).await;
    assert_eq!(world.entries(), [OURS], "nobody has looked yet");
    let stopped = async |world: &World| world.ask("/api/v1/pauses").await.json()["stopped"].clone();
    let told = stopped(&world).await;
    assert_eq!(told[0]["registry"], REGISTRY);
    assert_eq!(told[0]["code"], "virtual_network_rules_lost");
    assert_eq!(told.as_array().unwrap().len(), 1);
    let page = world.ask("/").await.text;
    assert!(
        page.contains("doorward resume --registry contosoprod"),
        "{page}"
    );
    let order = json!({ "registry": REGISTRY, "by": "ada" });
    let resume = async |world: &World| world.order("/api/v1/resume", order.clone()).await.status;
    assert_eq!(resume(&world).await, 200);
    assert_eq!(resume(&world).await, 200);
    assert_eq!(stopped(&world).await, json!([]));
    world.restart().await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS, &first]);
    // The rules come back: from here on nothing is written, not even to take away.
    add_subnet(&world.azure);
    let written = world.azure.requests_of(Call::PatchRegistry).len();
    world.denied("20.61.10.17").await;
    world.settle().await;
    assert_eq!(
        world.messages(),
        ["virtual_network_rules_lost", "virtual_network_rules"]
    );
    assert_eq!(resume(&world).await, 200);
    world.pass(12 * MINUTE).await;
    assert_eq!((world.entries().len(), subnets(&world)), (2, 1));
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), written);
    // They go again, by hand: what is over is taken away.
    world.azure.edit(REGISTRY, "az", |registry| {
        registry.network_rules.virtual_network_rules.clear();
    });
    world.pass(MINUTE).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn without_the_right_to_send_them_back_nothing_is_written_and_people_hear_what_to_do() {
    let world = world(VirtualNetworkRules::Kept).await;
    let action = "Microsoft.Network/virtualNetworks/taggedTrafficConsumers/validate/action";
    world
        .azure
        .knobs(|knobs| knobs.denied_actions.insert(action.to_owned()));
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!((world.entries().len(), subnets(&world)), (0, 1));
    assert_eq!(world.messages(), ["write_refused"]);
    assert!(
        world
            .last_message("text")
            .contains("grant that action on their subnets")
    );
    // It comes, and what waits is opened.
    world.azure.knobs(|knobs| knobs.denied_actions.clear());
    world.pass(5 * Duration::from_secs(1)).await;
    assert_eq!((world.entries().len(), subnets(&world)), (1, 1));
}

/// The whole way: the real program stops opening, says so, and goes on when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_has_stopped_is_listed_with_what_to_do() {
    let azure = furnished(&Clock::system()).await;
    add_subnet(&azure);
    azure.knobs(|knobs| knobs.virtual_network_rules = VirtualNetworkRules::Dropped);
    let installed = Installation::new(&azure, "10m");
    let process = installed.serve().await;
    let admin = process.admin();
    let run = |arguments: &[&str]| doorward(&[arguments, &["--admin", &admin]].concat());
    process.deliver(message(OURS)).await;
    let stopped = || out(&run(&["grants", "list"]));
    until("it has stopped", async || stopped().contains("stopped: ")).await;
    let listed = stopped();
    let first = listed.lines().next().unwrap();
    assert!(
        first.starts_with("stopped: contosoprod: virtual network rules were lost"),
        "{listed}"
    );
    let order = ["resume", "--registry", REGISTRY, "--by", "ada"];
    assert!(first.contains(&format!("doorward {}", order[..3].join(" "))));
    assert!(listed.contains(OURS), "the grants are listed as well");
    let resumed = run(&order);
    assert!(resumed.status.success(), "{}", err(&resumed));
    assert!(!stopped().contains("stopped: "));
}
