//! Others write the registry's rule set without its entries, as `az acr update --default-action` does. What
//! Azure does then is not known: the entries are gone, or they stay.

use crate::world::{OURS, REGISTRY, World};
use doorward_core::ledger::grant::Ending;
use doorward_sim::{Call, Registry, UnnamedIpRules};
use serde_json::{Value, json};
use std::time::Duration;

const THEIRS: &str = "40.74.28.0/23";

/// One of our entries is open beside one of others, when somebody writes the default action alone.
async fn written(behaviour: UnnamedIpRules) -> World {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.unnamed_ip_rules = behaviour);
    world.azure.edit(REGISTRY, "owner", |it| it.allow(THEIRS));
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [THEIRS, OURS]);
    let ca = reqwest::Certificate::from_pem(world.azure.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    let base = world.azure.resource_manager().trim_end_matches('/');
    let url = format!(
        "{base}{}?api-version=2025-11-01",
        Registry::new(REGISTRY).id()
    );
    let body = json!({ "properties": { "networkRuleSet": { "defaultAction": "Deny" } } });
    let write = client.build().unwrap().patch(url).json(&body);
    let reply = write.bearer_auth(world.azure.static_token()).send().await;
    assert_eq!(reply.unwrap().status().as_u16(), 200);
    world
}

/// Every write of ours names its entries, whatever others do.
fn ours_name_entries(world: &World) {
    let writes = world.azure.requests_of(Call::PatchRegistry);
    let ours = writes
        .iter()
        .filter(|write| write.headers.contains_key("x-ms-correlation-request-id"));
    let rules = |write: &doorward_sim::Recorded| -> Value {
        write.body.as_ref().unwrap()["properties"]["networkRuleSet"].clone()
    };
    let rules: Vec<Value> = ours.map(rules).collect();
    assert!(!rules.is_empty());
    assert!(
        rules.iter().all(|rules| rules["ipRules"].is_array()),
        "{rules:?}"
    );
}

#[tokio::test]
async fn entries_that_it_emptied_end_their_grant_and_are_opened_anew_and_nothing_of_others_is_made_up()
 {
    let world = written(UnnamedIpRules::Emptied).await;
    assert!(world.entries().is_empty());
    world.pass(Duration::from_mins(7)).await;
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    let told = world.messages();
    assert!(
        !told.is_empty() && !told.contains(&"overdue".to_owned()),
        "{told:?}"
    );
    assert!(world.entries().is_empty());
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    world.pass(Duration::from_mins(11)).await;
    assert!(world.entries().is_empty());
    ours_name_entries(&world);
}

#[tokio::test]
async fn entries_that_it_left_stay_until_their_end_and_those_of_others_for_good() {
    let world = written(UnnamedIpRules::Kept).await;
    world.pass(Duration::from_mins(7)).await;
    assert_eq!(world.entries(), [THEIRS, OURS]);
    assert!(world.endings().await.is_empty());
    world.pass(Duration::from_mins(4)).await;
    assert_eq!(world.entries(), [THEIRS]);
    assert_eq!(world.endings().await, [Ending::Expired]);
    assert!(world.messages().is_empty(), "{:?}", world.messages());
    ours_name_entries(&world);
}
