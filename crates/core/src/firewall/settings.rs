//! What of a registry's settings explains a refusal, or what would help in place of an entry.

use super::raw_json::{RawJson, RawObject};

/// The settings, as far as a read shows them: what an api-version leaves out is unknown.
///
/// Sources: <https://learn.microsoft.com/rest/api/containerregistry/registries/get>,
/// <https://learn.microsoft.com/azure/container-registry/manage-network-bypass-policy-for-tasks>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Whether ACR Tasks may pass by the network rules (`networkRuleBypassAllowedForTasks`).
    pub tasks_bypass: Option<bool>,
    /// Whether trusted services may (`networkRuleBypassOptions`).
    pub trusted_services: Option<bool>,
    /// Whether its endpoints have IPv6 addresses too (`endpointProtocol`).
    pub dual_stack: Option<bool>,
    /// Whether tokens for Azure Resource Manager are taken (`policies.azureADAuthenticationAsArmPolicy`).
    pub arm_tokens: Option<bool>,
    /// Whether it has data endpoints of its own (`dataEndpointEnabled`).
    pub data_endpoint: Option<bool>,
    /// Whether a private endpoint is approved.
    pub private_endpoint: bool,
}

impl RegistrySettings {
    /// Reads a registry's `properties`.
    pub(super) fn read(properties: &RawObject) -> Self {
        let is = |value: Option<String>, word: &str| Some(value?.eq_ignore_ascii_case(word));
        let text = |object: &RawObject, name: &str| object.get(name)?.text();
        let policies = properties.get("policies").and_then(RawJson::object);
        let arm = policies
            .and_then(|policies| policies.get("azureADAuthenticationAsArmPolicy")?.object());
        let endpoints = properties.get("privateEndpointConnections");
        let endpoints = endpoints.and_then(RawJson::elements).unwrap_or_default();
        Self {
            tasks_bypass: flag(properties, "networkRuleBypassAllowedForTasks"),
            trusted_services: is(
                text(properties, "networkRuleBypassOptions"),
                "AzureServices",
            ),
            dual_stack: is(text(properties, "endpointProtocol"), "IPv4AndIPv6"),
            arm_tokens: is(arm.and_then(|arm| text(&arm, "status")), "enabled"),
            data_endpoint: flag(properties, "dataEndpointEnabled"),
            private_endpoint: endpoints.iter().any(is_approved),
        }
    }
}

fn flag(object: &RawObject, name: &str) -> Option<bool> {
    object.get(name)?.as_str().trim().parse().ok()
}

fn is_approved(connection: &RawJson) -> bool {
    let status = || {
        let properties = connection.object()?.get("properties")?.object()?;
        let state = properties
            .get("privateLinkServiceConnectionState")?
            .object()?;
        state.get("status")?.text()
    };
    status().is_some_and(|status| status.eq_ignore_ascii_case("Approved"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(properties: &serde_json::Value) -> RegistrySettings {
        RegistrySettings::read(&RawJson::from(properties).object().unwrap())
    }

    #[test]
    fn settings_are_read_and_what_is_not_shown_is_unknown() {
        assert_eq!(read(&json!({})), RegistrySettings::default());
        let properties = json!({
            "networkRuleBypassAllowedForTasks": false, "networkRuleBypassOptions": "None",
            "endpointProtocol": "IPv4AndIPv6", "dataEndpointEnabled": true,
            "policies": { "azureADAuthenticationAsArmPolicy": { "status": "disabled" } },
            "privateEndpointConnections": [
                { "properties": { "privateLinkServiceConnectionState": { "status": "Rejected" } } },
                { "properties": { "privateLinkServiceConnectionState": { "status": "Approved" } } },
            ],
        });
        let expected = RegistrySettings {
            tasks_bypass: Some(false),
            trusted_services: Some(false),
            dual_stack: Some(true),
            arm_tokens: Some(false),
            data_endpoint: Some(true),
            private_endpoint: true,
        };
        assert_eq!(read(&properties), expected);
        let odd = json!({ "networkRuleBypassAllowedForTasks": "maybe", "privateEndpointConnections": [1, {}] });
        assert_eq!(read(&odd), RegistrySettings::default());
    }
}
