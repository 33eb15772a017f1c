//! What a PATCH may say, and what old api-versions show.

use super::{STABLE, Story};
use doorward_sim::{Sku, UnnamedIpRules};
use reqwest::Method;
use serde_json::{Value, json};

impl Story {
    /// The status of a PATCH, and what it says.
    async fn patched(&self, body: &Value) -> (u16, Value) {
        let patch = self.arm(Method::PATCH, &Self::path(), STABLE).json(body);
        let reply = patch.send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    async fn got(&self, path: &str, version: &str) -> Value {
        let reply = self.arm(Method::GET, path, version).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{path}");
        reply.json().await.unwrap()
    }
}

#[tokio::test]
async fn a_rule_set_without_ip_rules_empties_the_list_or_leaves_it() {
    let body = json!({ "properties": { "networkRuleSet": { "defaultAction": "Deny" } } });
    for (knob, left) in [
        (None, 0),
        (Some(UnnamedIpRules::Emptied), 0),
        (Some(UnnamedIpRules::Kept), 1),
    ] {
        let story = Story::begin().await;
        if let Some(knob) = knob {
            story.azure.knobs(|knobs| knobs.unnamed_ip_rules = knob);
        }
        assert_eq!(story.patched(&body).await.0, 200);
        assert_eq!(story.azure.entries("contosoprod").len(), left, "{knob:?}");
    }
}

#[tokio::test]
async fn an_old_api_version_shows_no_later_field() {
    let story = Story::begin().await;
    let old = story.got(&Story::path(), "2019-05-01").await;
    for (pointer, there) in [
        ("/systemData", false),
        ("/properties/publicNetworkAccess", false),
        ("/properties/networkRuleBypassOptions", false),
        ("/properties/dataEndpointHostNames", false),
        ("/properties/anonymousPullEnabled", false),
        ("/properties/policies/exportPolicy", false),
        ("/properties/policies/trustPolicy", true),
        ("/properties/networkRuleSet", true),
        ("/properties/loginServer", true),
    ] {
        assert_eq!(old.pointer(pointer).is_some(), there, "{pointer}");
    }
    let new = story.got(&Story::path(), STABLE).await;
    assert!(new.pointer("/systemData/lastModifiedAt").is_some());
}

#[tokio::test]
async fn properties_that_nobody_knows_and_bad_policies_are_refused() {
    let story = Story::begin().await;
    for (properties, status) in [
        (json!({ "firewall": true }), 400),
        (
            json!({ "policies": { "retentionPolicy": { "days": 400, "status": "enabled" } } }),
            400,
        ),
        (
            json!({ "policies": { "retentionPolicy": { "days": 7, "status": "on" } } }),
            400,
        ),
        (json!({ "policies": { "retention": {} } }), 400),
        (json!({ "policies": 7 }), 400),
        (json!([]), 400),
        (
            json!({ "policies": { "retentionPolicy": { "days": 7, "status": "enabled" } } }),
            200,
        ),
        (json!({ "adminUserEnabled": false }), 200),
    ] {
        let (told, body) = story.patched(&json!({ "properties": properties })).await;
        assert_eq!(told, status, "{properties}: {body}");
        if status == 400 {
            assert_eq!(
                body["error"]["code"], "InvalidRequestContent",
                "{properties}"
            );
        }
    }
    assert_eq!(story.azure.entries("contosoprod"), ["20.9.9.9"]);
}

#[tokio::test]
async fn only_premium_takes_network_rules() {
    let story = Story::begin().await;
    for sku in [Sku::Basic, Sku::Standard] {
        story.azure.edit("contosoprod", "owner", |registry| {
            registry.sku = sku;
            registry.network_rules.ip_rules.clear();
        });
        let rule = json!({ "action": "Allow", "value": "20.1.2.3" });
        for set in [
            json!({ "defaultAction": "Allow", "ipRules": [rule] }),
            json!({ "defaultAction": "Deny", "ipRules": [] }),
        ] {
            let body = json!({ "properties": { "networkRuleSet": set } });
            assert_eq!(story.patched(&body).await.0, 400, "{set}");
        }
        assert!(story.azure.entries("contosoprod").is_empty());
    }
}

#[tokio::test]
async fn resources_are_listed_by_subscription_group_and_parent() {
    let story = Story::begin().await;
    story.azure.model(|model| {
        model.add_nat_gateway("n", &["20.1.1.1"], &["20.1.2.0/30"]);
        model.add_subnet("v", "build", None);
        model.add_subnet("v", "test", None);
        model.add_resource_of(
            "Microsoft.ContainerRegistry/registries/agentPools",
            "contosoprod/agentPools/pool",
            &json!({}),
        );
    });
    let registry = Story::path();
    let group = registry.split("/providers/").next().unwrap();
    let subscription = group.split("/resourceGroups/").next().unwrap();
    for (path, names) in [
        (
            format!("{group}/providers/Microsoft.Network/natGateways"),
            vec!["n"],
        ),
        (
            format!("{subscription}/providers/Microsoft.Network/natGateways"),
            vec!["n"],
        ),
        (
            format!("{subscription}/providers/Microsoft.Network/publicIPAddresses"),
            vec!["n-ip-0"],
        ),
        (
            format!("{group}/providers/Microsoft.Network/publicIPPrefixes"),
            vec!["n-prefix-0"],
        ),
        (
            format!("{group}/providers/Microsoft.Network/virtualNetworks"),
            vec!["v"],
        ),
        (
            format!("{group}/providers/Microsoft.Network/virtualNetworks/v/subnets"),
            vec!["build", "test"],
        ),
        (format!("{registry}/agentPools"), vec!["pool"]),
    ] {
        let listed = story.got(&path, "2024-05-01").await;
        let listed: Vec<&str> = listed["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(listed, names, "{path}");
    }
}
