//! A registry's body.

use super::super::model::Registry;
use super::registry::KIND;
use super::version::Version;
use serde_json::{Map, Value, json};

/// Since which api-version a property is shown.
const SINCE: [(&str, &str); 9] = [
    ("encryption", "2019-12-01"),
    ("dataEndpointEnabled", "2019-12-01"),
    ("dataEndpointHostNames", "2019-12-01"),
    ("privateEndpointConnections", "2019-12-01"),
    ("publicNetworkAccess", "2019-12-01"),
    ("networkRuleBypassOptions", "2020-11-01"),
    ("zoneRedundancy", "2020-11-01"),
    ("anonymousPullEnabled", "2021-06-01"),
    ("networkRuleBypassAllowedForTasks", "2025-11-01"),
];

/// Since when the policy of exports, and `systemData`, are shown.
const EXPORT_SINCE: &str = "2021-06-01";
const SYSTEM_DATA_SINCE: &str = "2020-11-01";

/// A registry as this version shows it.
pub(super) fn body(registry: &Registry, version: &Version, updating: bool) -> Value {
    let enabled = |on: bool| if on { "Enabled" } else { "Disabled" };
    let state = if updating {
        "Updating"
    } else {
        &registry.provisioning_state
    };
    let created = registry.created_at.to_string();
    let mut properties = json!({
        "loginServer": registry.login_server,
        "creationDate": created,
        "provisioningState": state,
        "adminUserEnabled": registry.admin_user,
        "policies": {
            "quarantinePolicy": { "status": "disabled" },
            "trustPolicy": { "type": "Notary", "status": "disabled" },
            "retentionPolicy": { "days": 7, "status": "disabled" },
            "exportPolicy": { "status": "enabled" },
        },
        "encryption": { "status": "disabled" },
        "dataEndpointEnabled": !registry.data_endpoints.is_empty(),
        "dataEndpointHostNames": registry.data_endpoints,
        "privateEndpointConnections": [],
        "publicNetworkAccess": enabled(registry.public_network_access),
        "networkRuleBypassOptions": registry.bypass,
        "networkRuleBypassAllowedForTasks": registry.bypass_for_tasks,
        "zoneRedundancy": "Disabled",
        "anonymousPullEnabled": registry.anonymous_pull,
    });
    if let Some(properties) = properties.as_object_mut() {
        properties.insert(
            "networkRuleSet".to_owned(),
            network_rules(registry, version),
        );
        properties.retain(|name, _| {
            let mut since = SINCE.iter().filter(|(later, _)| later == name);
            since.all(|(_, day)| version.is_since(day))
        });
        if let Some(Value::Object(policies)) = properties.get_mut("policies") {
            policies.retain(|name, _| name != "exportPolicy" || version.is_since(EXPORT_SINCE));
        }
    }
    let mut body = json!({
        "id": registry.id(), "name": registry.name, "type": KIND, "location": registry.location,
        "tags": registry.tags,
        "sku": { "name": registry.sku.name(), "tier": registry.sku.name() },
        "properties": properties,
        "systemData": {
            "createdBy": "owner@contoso.com", "createdByType": "User", "createdAt": created,
            "lastModifiedBy": registry.last_modified_by,
            "lastModifiedByType": if registry.last_modified_by.contains('@') { "User" } else { "Application" },
            "lastModifiedAt": registry.last_modified_at.to_string(),
        },
    });
    if let Some(body) = body.as_object_mut() {
        body.retain(|name, _| name != "systemData" || version.is_since(SYSTEM_DATA_SINCE));
    }
    body
}

fn network_rules(registry: &Registry, version: &Version) -> Value {
    let rules = &registry.network_rules;
    let with = |extra: &Map<String, Value>, known: Value| {
        let mut fields = extra.clone();
        if let Value::Object(known) = known {
            fields.extend(known);
        }
        Value::Object(fields)
    };
    let ip_rules: Vec<Value> = rules
        .ip_rules
        .iter()
        .map(|rule| {
            with(
                &rule.extra,
                json!({ "action": "Allow", "value": rule.value }),
            )
        })
        .collect();
    let mut known = json!({ "defaultAction": rules.default_action.name(), "ipRules": ip_rules });
    if let (Some(field), Some(known)) = (version.subnet_field(), known.as_object_mut()) {
        let subnets = rules
            .virtual_network_rules
            .iter()
            .map(|rule| {
                with(
                    &rule.extra,
                    json!({ "action": "Allow", field: rule.subnet }),
                )
            })
            .collect();
        known.insert("virtualNetworkRules".to_owned(), Value::Array(subnets));
    }
    with(&rules.extra, known)
}
