//! Which properties a PATCH may have, and what policies may say
//! (<https://learn.microsoft.com/rest/api/containerregistry/registries/update>).

use super::error::ArmError;
use super::fields::{CONTENT, invalid, present};
use serde_json::{Map, Value};

const PROPERTIES: [&str; 13] = [
    "adminUserEnabled",
    "anonymousPullEnabled",
    "dataEndpointEnabled",
    "encryption",
    "endpointProtocol",
    "metadataSearch",
    "networkRuleBypassAllowedForTasks",
    "networkRuleBypassOptions",
    "networkRuleSet",
    "policies",
    "publicNetworkAccess",
    "regionalEndpoints",
    "roleAssignmentMode",
];

/// The policies, each with what it says beside its `status`.
const POLICIES: [(&str, Option<&str>); 6] = [
    ("quarantinePolicy", None),
    ("trustPolicy", Some("type")),
    ("retentionPolicy", Some("days")),
    ("exportPolicy", None),
    ("azureADAuthenticationAsArmPolicy", None),
    ("softDeletePolicy", Some("retentionDays")),
];

const MOST_DAYS: u64 = 365;

/// Refuses properties that a registry does not have, and policies that say what they cannot.
pub(super) fn check(properties: &Value) -> Result<(), ArmError> {
    let Some(members) = properties.as_object() else {
        return match properties {
            Value::Null => Ok(()),
            _ => Err(invalid("properties", "an object")),
        };
    };
    all_known(members, &PROPERTIES, "properties")?;
    let Some(policies) = present(properties, "policies") else {
        return Ok(());
    };
    let path = "properties.policies";
    let policies = policies
        .as_object()
        .ok_or_else(|| invalid(path, "an object"))?;
    all_known(policies, &POLICIES.map(|(name, _)| name), path)?;
    for (name, more) in POLICIES {
        if let Some(said) = policies.get(name).filter(|said| !said.is_null()) {
            policy(said, more, &format!("{path}.{name}"))?;
        }
    }
    Ok(())
}

fn policy(said: &Value, more: Option<&str>, path: &str) -> Result<(), ArmError> {
    let members = said.as_object().ok_or_else(|| invalid(path, "an object"))?;
    let names: Vec<&str> = std::iter::once("status").chain(more).collect();
    all_known(members, &names, path)?;
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let good = match name.as_str() {
            "status" => matches!(value.as_str(), Some("enabled" | "disabled")),
            "type" => value.as_str() == Some("Notary"),
            _ => value.as_u64().is_some_and(|days| days <= MOST_DAYS),
        };
        if !good {
            return Err(invalid(
                &format!("{path}.{name}"),
                "one of the values that it has",
            ));
        }
    }
    Ok(())
}

fn all_known(members: &Map<String, Value>, known: &[&str], path: &str) -> Result<(), ArmError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(ArmError::bad(
            CONTENT,
            format!(
                "The request content was invalid and could not be deserialized: 'Could not find member '{name}' on object. Path '{path}.{name}'.'."
            ),
        )),
    }
}
