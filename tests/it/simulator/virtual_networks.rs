//! Virtual network rules, which some api-versions know and others do not.

use super::{PREVIEW, STABLE, Story, rules};
use doorward_sim::{VirtualNetworkRule, VirtualNetworkRules};
use serde_json::{Value, json};

const SUBNET: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/build";

#[tokio::test]
async fn some_api_versions_show_virtual_network_rules_under_two_names() {
    let story = Story::begin().await;
    with_subnet(&story);
    let shown = async |version| {
        let (_, body) = story.get(&Story::path(), version).await;
        body["properties"]["networkRuleSet"]["virtualNetworkRules"].clone()
    };
    assert_eq!(shown(STABLE).await, Value::Null);
    assert_eq!(
        shown("2021-08-01-preview").await,
        json!([{ "action": "Allow", "id": SUBNET }])
    );
    assert_eq!(
        shown(PREVIEW).await,
        json!([{ "action": "Allow", "virtualNetworkSubnetResourceId": SUBNET }])
    );
}

#[tokio::test]
async fn a_write_that_does_not_know_virtual_network_rules_keeps_or_wipes_them() {
    for (knob, left) in [
        (VirtualNetworkRules::Kept, 1),
        (VirtualNetworkRules::Wiped, 0),
    ] {
        let story = Story::begin().await;
        with_subnet(&story);
        story
            .azure
            .knobs(|knobs| knobs.virtual_network_rules = knob);
        story.write(&["20.1.2.3"]).await;
        let rules = story.azure.registry("contosoprod").unwrap().network_rules;
        assert_eq!(rules.virtual_network_rules.len(), left);
    }
}

#[tokio::test]
async fn a_write_that_knows_virtual_network_rules_replaces_them_too() {
    let story = Story::begin().await;
    with_subnet(&story);
    let (_, read) = story.get(&Story::path(), PREVIEW).await;
    let back = json!({ "properties": { "networkRuleSet": read["properties"]["networkRuleSet"] } });
    let (_, body) = story.patch(PREVIEW, &back).await;
    assert_eq!(
        body["properties"]["networkRuleSet"],
        read["properties"]["networkRuleSet"]
    );
    let (_, body) = story.patch(PREVIEW, &rules(&["20.1.2.3"])).await;
    assert_eq!(
        body["properties"]["networkRuleSet"]["virtualNetworkRules"],
        json!([])
    );
}

fn with_subnet(story: &Story) {
    story.azure.edit("contosoprod", "owner", |registry| {
        let rule = VirtualNetworkRule {
            subnet: SUBNET.to_owned(),
            extra: serde_json::Map::new(),
        };
        registry.network_rules.virtual_network_rules.push(rule);
    });
}
