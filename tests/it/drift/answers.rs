//! What is done about others' changes, as configuration says: accepted, told, or taken back.

use super::{MINUTE, SECOND, drifts, with_drift};
use crate::others::edit;
use crate::world::{OURS, REGISTRY, World};
use doorward_core::ledger::grant::Ending;
use doorward_sim::{Call, DefaultAction, Registry, Sku};
use serde_json::json;
use std::time::Duration;
/// A list that is replaced whole, with nothing of ours in it.
fn replace(world: &World) {
    edit(world, |registry| {
        registry.network_rules.ip_rules.clear();
        registry.allow("40.74.28.0/23");
    });
}

#[tokio::test]
async fn entries_that_went_with_a_list_that_was_replaced_are_restored() {
    let answers = [("alert", vec!["list_replaced"]), ("accept", Vec::new())];
    for (answer, told) in answers {
        let drift = json!({ "every": "1m", "ours_missing": "restore", "replaced": answer });
        let world = with_drift(drift).await;
        world.denied(OURS).await;
        world.denied(SECOND).await;
        world.settle().await;
        replace(&world);
        world.pass(3 * MINUTE).await;
        assert_eq!(world.entries(), ["40.74.28.0/23", OURS, SECOND]);
        assert_eq!(drifts(&world).await, ["list_replaced"]);
        assert!(world.endings().await.is_empty());
        assert_eq!(world.messages(), told, "{answer}");
        assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 2);
    }
}

#[tokio::test]
async fn an_entry_that_is_taken_away_right_before_its_end_is_not_restored() {
    let world = World::with(|setup| {
        setup.config["registries"][0]["drift"] =
            json!({ "every": "30s", "ours_missing": "restore" });
    })
    .await;
    world.denied(OURS).await;
    world.settle().await;
    world.pass(9 * MINUTE + Duration::from_secs(25)).await;
    edit(&world, |registry| registry.disallow(OURS));
    world.pass(2 * MINUTE).await;
    assert!(!world.kinds().await.contains(&"restoring"));
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 1);
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    assert!(world.entries().is_empty());
}

/// What somebody does to a registry.
type Flip = fn(&mut Registry);

#[tokio::test]
async fn every_kind_of_drift_can_be_accepted() {
    let flips: [(&str, &str, Flip); 5] = [
        ("ours_missing", "ours_missing", |it| it.disallow(OURS)),
        ("replaced", "list_replaced", |it| {
            it.network_rules.ip_rules.clear();
        }),
        ("default_action", "default_action_changed", |it| {
            it.network_rules.default_action = DefaultAction::Allow;
        }),
        ("public_access", "public_access_changed", |it| {
            it.public_network_access = false;
        }),
        ("sku", "sku_changed", |it| it.sku = Sku::Standard),
    ];
    for (class, code, flip) in flips {
        let mut drift = json!({ "every": "1m" });
        drift[class] = json!("accept");
        let world = with_drift(drift).await;
        edit(&world, |registry| registry.allow("40.74.28.0/23"));
        world.denied(OURS).await;
        world.settle().await;
        edit(&world, flip);
        world.pass(3 * MINUTE).await;
        assert_eq!(drifts(&world).await, [code]);
        assert!(world.messages().is_empty(), "{:?}", world.messages());
        let ends = ["ours_missing", "replaced"].contains(&class);
        let ended = world.endings().await;
        assert_eq!(ended.len(), usize::from(ends), "{class}: {ended:?}");
    }
}

#[tokio::test]
async fn that_a_registry_is_gone_and_comes_back_can_be_accepted() {
    let world = with_drift(json!({ "every": "1m", "registry": "accept" })).await;
    world.settle().await;
    let before = world.azure.registry(REGISTRY).unwrap();
    world.azure.model(|model| model.remove_registry(REGISTRY));
    world.pass(3 * MINUTE).await;
    world.azure.add_registry(before);
    world.pass(3 * MINUTE).await;
    assert_eq!(drifts(&world).await, ["registry_gone", "registry_back"]);
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn what_is_accepted_is_written_down_and_nobody_is_told() {
    let world = with_drift(json!({ "foreign_new": "accept", "foreign_gone": "accept" })).await;
    world.settle().await;
    edit(&world, |registry| registry.allow("8.8.8.8"));
    world.pass(6 * MINUTE).await;
    edit(&world, |registry| registry.disallow("8.8.8.8"));
    world.pass(6 * MINUTE).await;
    assert_eq!(drifts(&world).await, ["foreign_new", "foreign_gone"]);
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn an_entry_of_ours_is_restored_while_its_grant_is_valid_and_not_endlessly() {
    let world = with_drift(json!({ "every": "1m", "ours_missing": "restore" })).await;
    world.denied(OURS).await;
    world.settle().await;
    for round in 1..=3 {
        edit(&world, |registry| registry.disallow(OURS));
        world.pass(2 * MINUTE).await;
        assert_eq!(world.entries(), [OURS], "round {round}");
        assert_eq!(world.messages().len(), round);
    }
    assert!(world.endings().await.is_empty());
    edit(&world, |registry| registry.disallow(OURS));
    world.pass(2 * MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    let told = world.messages();
    assert!(told.contains(&"restore_given_up".to_owned()), "{told:?}");
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 4);
}

#[tokio::test]
async fn a_restored_entry_still_ends_with_its_grant() {
    let world = World::with(|setup| {
        setup.config["registries"][0]["drift"] =
            json!({ "every": "1m", "ours_missing": "restore" });
    })
    .await;
    world.denied(OURS).await;
    world.settle().await;
    edit(&world, |registry| registry.disallow(OURS));
    world.pass(9 * MINUTE).await;
    assert_eq!(world.entries(), [OURS]);
    world.pass(MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.endings().await, [Ending::Expired]);
}

#[test]
fn restore_is_for_entries_of_our_own_and_nothing_else() {
    let refused = |drift: &str| {
        let id = Registry::new(REGISTRY).id();
        let text = format!("registries: [{{ id: {id}, drift: {drift} }}]\n");
        let error = doorward::config::parse("doorward.yaml", &text, "".as_ref()).unwrap_err();
        error.to_string()
    };
    for drift in ["{ foreign_gone: restore }", "{ replaced: restore }"] {
        let error = refused(drift);
        assert!(
            error.contains("`restore` is for entries of doorward's own"),
            "{error}"
        );
    }
    assert!(refused("{ every: 1s }").contains("too often"));
    assert!(!refused("{ ours_missing: restore }").contains("drift"));
}
