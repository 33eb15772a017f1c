//! Others change what doorward looks after: it is noticed, believed slowly, told once, and answered as
//! configuration says.

mod answers;

use crate::others::{self, SOMEBODY, THEIR_WRITE, edit};
use crate::world::{OURS, REGISTRY, World};
use doorward_core::firewall::Drift;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::grant::Ending;
use doorward_sim::{Call, DefaultAction, Fault, Sku};
use serde_json::{Value, json};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
/// The second of our NAT gateway's addresses.
const SECOND: &str = "20.61.10.16";

async fn with_drift(drift: Value) -> World {
    World::with(|setup| {
        setup.config["registries"][0]["drift"] = drift;
        setup.policy = setup.policy.replace("for: 10m", "for: 2h");
    })
    .await
}

/// The drift that was told, by code.
pub(crate) async fn drifts(world: &World) -> Vec<&'static str> {
    let of = |what: &LedgerEvent| match what {
        LedgerEvent::Drifted { drift, .. } => Some(drift.code()),
        _ => None,
    };
    world.ledger().await.iter().filter_map(of).collect()
}

/// Event Grid tells that somebody changed the registry.
async fn tell(world: &World, id: &str) {
    others::tell(world, id, THEIR_WRITE).await;
}

#[tokio::test]
async fn the_first_read_is_what_drift_is_measured_by_and_is_written_down_once() {
    let mut world = World::new().await;
    edit(&world, |registry| registry.allow("40.74.28.0/23"));
    world.settle().await;
    world.pass(11 * MINUTE).await;
    world.restart().await;
    world.pass(6 * MINUTE).await;
    assert_eq!(world.kinds().await, ["registry_seen"]);
    // The read of the hosts at each start, and one every five minutes.
    assert_eq!(world.azure.requests_of(Call::GetRegistry).len(), 2 + 3 + 2);
}

#[tokio::test]
async fn an_entry_that_others_took_away_ends_its_grant_once_reads_agree() {
    let world = with_drift(json!({})).await;
    edit(&world, |registry| registry.allow("40.74.28.0/23"));
    world.denied(OURS).await;
    world.settle().await;
    edit(&world, |registry| registry.disallow(OURS));
    world.pass(5 * MINUTE + Duration::from_secs(39)).await;
    assert!(world.endings().await.is_empty());
    world.pass(Duration::from_secs(21)).await;
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    assert_eq!(drifts(&world).await, ["ours_missing"]);
    assert_eq!(world.messages(), ["ours_missing"]);
    assert_eq!(world.last_message("address"), OURS);
    let text = world.last_message("text");
    assert!(
        text.contains(&format!(
            "Before: `40.74.28.0/23, {OURS}`. Now: `40.74.28.0/23`"
        )),
        "{text}"
    );
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 1);
    // It was a decision about that grant; the next refusal is a new matter.
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().contains(&OURS.to_owned()));
}

#[tokio::test]
async fn a_stale_read_is_no_drift() {
    let world = with_drift(json!({})).await;
    world.denied(OURS).await;
    world.settle().await;
    world.azure.model(|model| model.read_stale(REGISTRY, 1));
    world.pass(10 * MINUTE).await;
    assert!(drifts(&world).await.is_empty());
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn an_event_of_others_is_looked_after_at_once_and_says_who() {
    let world = with_drift(json!({})).await;
    world.settle().await;
    world.pass(MINUTE).await;
    edit(&world, |registry| registry.allow("8.8.8.8"));
    tell(&world, "1").await;
    world.settle().await;
    assert_eq!(world.kinds().await.last(), Some(&"registry_seen"));
    world.pass(Duration::from_secs(40)).await;
    assert_eq!(world.messages(), ["foreign_new"]);
    let text = world.last_message("text");
    assert!(
        text.contains(SOMEBODY) && text.contains("`8.8.8.8`"),
        "{text}"
    );
    world.pass(30 * MINUTE).await;
    assert_eq!(drifts(&world).await, ["foreign_new"]);
}

#[tokio::test]
async fn an_event_about_a_write_of_our_own_is_no_reason_to_look() {
    let world = with_drift(json!({})).await;
    world.denied(OURS).await;
    world.settle().await;
    let write = world.first_write().await.to_string();
    let reads = || world.azure.requests_of(Call::GetRegistry).len();
    let before = reads();
    world.pass(MINUTE).await;
    others::tell(&world, "1", &write).await;
    world.settle().await;
    assert_eq!(reads(), before);
    tell(&world, "2").await;
    world.settle().await;
    assert_eq!(reads(), before + 1);
    assert!(drifts(&world).await.is_empty());
}

#[tokio::test]
async fn a_list_that_terraform_replaced_is_one_message_and_ends_all_of_ours() {
    let world = with_drift(json!({})).await;
    edit(&world, |registry| registry.allow("40.74.28.0/23"));
    world.denied(OURS).await;
    world.denied(SECOND).await;
    world.settle().await;
    edit(&world, |registry| {
        registry.network_rules.ip_rules.clear();
        registry.allow("40.74.28.0/23");
    });
    world.pass(6 * MINUTE).await;
    assert_eq!(drifts(&world).await, ["list_replaced"]);
    assert_eq!(world.messages(), ["list_replaced"]);
    assert_eq!(world.endings().await, [Ending::RemovedByOthers; 2]);
    assert!(world.last_message("text").contains("Terraform"));
    assert_eq!(world.entries(), ["40.74.28.0/23"]);
}

#[tokio::test]
async fn what_others_change_is_told_although_they_go_on_changing_other_things() {
    let world = with_drift(json!({ "every": "30s" })).await;
    world.denied(OURS).await;
    world.settle().await;
    edit(&world, |registry| registry.disallow(OURS));
    for entry in ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"] {
        edit(&world, |registry| registry.allow(entry));
        world.pass(Duration::from_secs(25)).await;
    }
    assert_eq!(drifts(&world).await[..2], ["ours_missing", "foreign_new"]);
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    edit(&world, |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    for entry in ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"] {
        edit(&world, |registry| registry.disallow(entry));
        world.pass(Duration::from_secs(25)).await;
    }
    let told = world.messages();
    assert!(
        told.contains(&"default_action_changed".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn flips_of_posture_are_told_with_what_follows() {
    let world = with_drift(json!({ "every": "1m" })).await;
    world.settle().await;
    edit(&world, |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    world.pass(2 * MINUTE).await;
    edit(&world, |registry| registry.public_network_access = false);
    world.pass(2 * MINUTE).await;
    edit(&world, |registry| registry.sku = Sku::Standard);
    world.pass(2 * MINUTE).await;
    assert_eq!(
        world.messages(),
        [
            "default_action_changed",
            "public_access_changed",
            "sku_changed"
        ]
    );
    assert!(
        world
            .last_message("text")
            .contains("it was Premium and is Standard")
    );
}

#[tokio::test]
async fn at_allow_nothing_is_written_and_what_ended_goes_once_it_is_deny_again() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    edit(&world, |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    world.pass(10 * MINUTE + Duration::from_secs(30)).await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 1);
    assert_eq!(world.messages(), ["default_action_changed"]);
    assert!(
        world
            .last_message("text")
            .contains("once it is `Deny` again")
    );
    edit(&world, |registry| {
        registry.network_rules.default_action = DefaultAction::Deny;
    });
    world.pass(MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.endings().await, [Ending::Expired]);
}

#[tokio::test]
async fn a_registry_that_is_gone_and_comes_back_is_told_once_each() {
    let world = with_drift(json!({ "every": "1m" })).await;
    world.settle().await;
    let before = world.azure.registry(REGISTRY).unwrap();
    world.azure.model(|model| model.remove_registry(REGISTRY));
    world.pass(10 * MINUTE).await;
    assert_eq!(world.messages(), ["registry_gone"]);
    world.azure.add_registry(before);
    world.pass(3 * MINUTE).await;
    assert_eq!(world.messages(), ["registry_gone", "registry_back"]);
}

#[tokio::test]
async fn one_answer_that_there_is_no_such_registry_may_be_a_slip() {
    let world = with_drift(json!({})).await;
    world.settle().await;
    let slip = Fault::Status {
        status: 404,
        retry_after: None,
    };
    world
        .azure
        .knobs(|knobs| knobs.next(Call::GetRegistry, slip));
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.entries(), [OURS]);
    world.pass(6 * MINUTE).await;
    assert!(drifts(&world).await.is_empty() && world.messages().is_empty());
}

#[tokio::test]
async fn what_waits_for_a_registry_that_stays_away_is_given_up() {
    let world = with_drift(json!({})).await;
    world.settle().await;
    world.azure.model(|model| model.remove_registry(REGISTRY));
    world.denied(OURS).await;
    world.settle().await;
    world.pass(Duration::from_secs(39)).await;
    assert!(world.messages().is_empty());
    world.pass(Duration::from_secs(31)).await;
    assert_eq!(world.messages(), ["azure_refused", "registry_gone"]);
}

#[tokio::test]
async fn what_changed_while_doorward_was_away_is_drift_as_well() {
    let mut world = with_drift(json!({})).await;
    world.settle().await;
    edit(&world, |registry| registry.allow("8.8.8.8"));
    world.jump(60 * MINUTE);
    world.restart().await;
    world.pass(MINUTE).await;
    let drifted = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Drifted { drift, .. } => Some(drift),
            _ => None,
        });
    let entries = vec!["8.8.8.8".to_owned()];
    assert_eq!(drifted, Some(Drift::ForeignNew { entries }));
}
