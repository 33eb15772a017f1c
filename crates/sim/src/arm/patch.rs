//! A PATCH's body: what is taken, and what is refused in which words.

use super::super::knobs::{Duplicates, Knobs, Tags, UnnamedIpRules, VirtualNetworkRules};
use super::super::model::{
    DefaultAction, IpRule, NetworkRuleSet, Patch, Registry, Sku, VirtualNetworkRule, bare, network,
};
use super::error::ArmError;
use super::fields::{
    CONTENT, action_is_allow, entries, flag, invalid, present, rest, switch, text,
};
use super::properties;
use super::version::Version;
use axum::http::StatusCode;
use ipnet::Ipv4Net;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Limits on tags: <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>
const TAGS: usize = 50;
const TAG_NAME: usize = 512;
const TAG_VALUE: usize = 256;

/// Checks a PATCH's body against the registry as it is.
pub(super) fn parse(
    body: &[u8],
    version: &Version,
    registry: &Registry,
    knobs: &Knobs,
) -> Result<Patch, ArmError> {
    let body: Value = serde_json::from_slice(body).map_err(|error| {
        ArmError::bad(
            CONTENT,
            format!("The request content was invalid and could not be deserialized: '{error}'."),
        )
    })?;
    if !body.is_object() {
        return Err(ArmError::bad(
            CONTENT,
            "The request content is not an object.",
        ));
    }
    let nothing = Value::Null;
    let properties = body.get("properties").unwrap_or(&nothing);
    properties::check(properties)?;
    let mut patch = Patch {
        tags: body
            .get("tags")
            .map(|sent| tags(sent, registry, knobs))
            .transpose()?,
        sku: body.pointer("/sku/name").map(sku).transpose()?,
        public_network_access: switch(properties, "publicNetworkAccess")?,
        bypass: text(properties, "networkRuleBypassOptions")?,
        admin_user: flag(properties, "adminUserEnabled")?,
        anonymous_pull: flag(properties, "anonymousPullEnabled")?,
        data_endpoint: flag(properties, "dataEndpointEnabled")?,
        network_rules: None,
    };
    if let Some(set) = present(properties, "networkRuleSet") {
        patch.network_rules = Some(network_rules(set, version, registry, knobs)?);
    }
    allowed_by_sku(&patch, registry)?;
    Ok(patch)
}

/// The set is replaced as a whole: entries and fields that are not sent are gone. Only what a
/// version does not know follows a knob.
fn network_rules(
    set: &Value,
    version: &Version,
    registry: &Registry,
    knobs: &Knobs,
) -> Result<NetworkRuleSet, ArmError> {
    let Some(set) = set.as_object() else {
        return Err(invalid("properties.networkRuleSet", "an object"));
    };
    Ok(NetworkRuleSet {
        default_action: default_action(set)?,
        ip_rules: ip_rules(set, registry, knobs)?,
        virtual_network_rules: virtual_network_rules(set, version, registry, knobs)?,
        extra: rest(set, &["defaultAction", "ipRules", "virtualNetworkRules"]),
    })
}

fn default_action(set: &Map<String, Value>) -> Result<DefaultAction, ArmError> {
    match set.get("defaultAction").and_then(Value::as_str) {
        Some("Allow") => Ok(DefaultAction::Allow),
        Some("Deny") => Ok(DefaultAction::Deny),
        Some(other) => Err(ArmError::bad(
            CONTENT,
            format!(
                "Error converting value \"{other}\" to type 'DefaultAction'. Path 'properties.networkRuleSet.defaultAction'."
            ),
        )),
        None => Err(ArmError::bad(
            CONTENT,
            "Required property 'defaultAction' not found in JSON. Path 'properties.networkRuleSet'.",
        )),
    }
}

fn ip_rules(
    set: &Map<String, Value>,
    registry: &Registry,
    knobs: &Knobs,
) -> Result<Vec<IpRule>, ArmError> {
    let named = set.get("ipRules").is_some_and(|rules| !rules.is_null());
    if !named && knobs.unnamed_ip_rules == UnnamedIpRules::Kept {
        return Ok(registry.network_rules.ip_rules.clone());
    }
    let ip_rules = entries(set, "ipRules")?
        .into_iter()
        .map(ip_rule)
        .collect::<Result<Vec<_>, _>>()?;
    if knobs.duplicates == Duplicates::Refused {
        let mut seen = BTreeSet::new();
        if let Some(twice) = ip_rules.iter().find(|rule| !seen.insert(&rule.value)) {
            return Err(refused(format!(
                "IP rule is not valid - Found duplicate IP rule '{}'.",
                twice.value
            )));
        }
    }
    if ip_rules.len() > registry.ip_rule_limit {
        return Err(refused(format!(
            "The requested feature IP rule exceeds allowed quota {} for the SKU {}.",
            registry.ip_rule_limit,
            registry.sku.name()
        )));
    }
    Ok(ip_rules)
}

/// What the set says, where the version has the field; else what the knob does with those that stand.
fn virtual_network_rules(
    set: &Map<String, Value>,
    version: &Version,
    registry: &Registry,
    knobs: &Knobs,
) -> Result<Vec<VirtualNetworkRule>, ArmError> {
    let asked = version.subnet_field().map(|field| subnets(set, field));
    Ok(match asked.transpose()? {
        _ if knobs.virtual_network_rules == VirtualNetworkRules::Dropped => Vec::new(),
        Some(asked) => asked,
        None if knobs.virtual_network_rules == VirtualNetworkRules::Kept => {
            registry.network_rules.virtual_network_rules.clone()
        }
        None => Vec::new(),
    })
}

fn ip_rule(entry: &Map<String, Value>) -> Result<IpRule, ArmError> {
    action_is_allow(entry)?;
    let Some(value) = entry.get("value").and_then(Value::as_str) else {
        return Err(ArmError::bad(
            CONTENT,
            "Required property 'value' not found in JSON. Path 'properties.networkRuleSet.ipRules'.",
        ));
    };
    let wrong = |why: &str| refused(format!("IP rule is not valid - '{value}' {why}"));
    let Some(network) = network(value) else {
        return Err(wrong(
            "is not an IPv4 address or an IPv4 range in CIDR format. Only IPV4 address is allowed.",
        ));
    };
    if is_private(network) {
        return Err(wrong("is not a public address."));
    }
    Ok(IpRule {
        value: bare(value).to_owned(),
        extra: rest(entry, &["action", "value"]),
    })
}

/// Whether any of it lies where no caller on the internet can be. This is the service's own check,
/// not doorward's: documentation addresses, which Azure's own samples use, pass it.
fn is_private(network: Ipv4Net) -> bool {
    const BLOCKS: [([u8; 4], u8); 7] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 168, 0, 0], 16),
    ];
    let overlaps =
        |other: Ipv4Net| other.contains(&network.network()) || network.contains(&other.network());
    BLOCKS
        .iter()
        .filter_map(|(base, length)| Ipv4Net::new((*base).into(), *length).ok())
        .any(overlaps)
}

fn subnets(set: &Map<String, Value>, field: &str) -> Result<Vec<VirtualNetworkRule>, ArmError> {
    let mut rules: Vec<VirtualNetworkRule> = Vec::new();
    for entry in entries(set, "virtualNetworkRules")? {
        action_is_allow(entry)?;
        let Some(subnet) = entry.get(field).and_then(Value::as_str) else {
            return Err(ArmError::bad(
                CONTENT,
                format!(
                    "Required property '{field}' not found in JSON. Path 'properties.networkRuleSet.virtualNetworkRules'."
                ),
            ));
        };
        if rules
            .iter()
            .any(|rule| rule.subnet.eq_ignore_ascii_case(subnet))
        {
            return Err(refused(format!(
                "Virtual network rule is not valid - Found duplicate virtual network rule '{subnet}'. For more information, please visit https://aka.ms/acr/vnet"
            )));
        }
        rules.push(VirtualNetworkRule {
            subnet: subnet.to_owned(),
            extra: rest(entry, &["action", field]),
        });
    }
    Ok(rules)
}

/// Firewalls and closing the public endpoint are for Premium.
fn allowed_by_sku(patch: &Patch, registry: &Registry) -> Result<(), ArmError> {
    let sku = patch.sku.unwrap_or(registry.sku);
    if sku == Sku::Premium {
        return Ok(());
    }
    if patch.public_network_access == Some(false) {
        return Err(ArmError::bad(
            "DisablingPublicNetworkAccessNotSupported",
            format!(
                "Disabling public network access is not supported for the SKU {}. For more information, please visit https://aka.ms/acr/private-link.",
                sku.name()
            ),
        ));
    }
    let rules = patch.network_rules.as_ref();
    if rules.is_some_and(|rules| {
        !rules.ip_rules.is_empty() || rules.default_action == DefaultAction::Deny
    }) {
        return Err(refused(format!(
            "Network rules are not supported for the SKU {}.",
            sku.name()
        )));
    }
    Ok(())
}

fn tags(
    sent: &Value,
    registry: &Registry,
    knobs: &Knobs,
) -> Result<BTreeMap<String, String>, ArmError> {
    let Some(sent) = sent.as_object() else {
        return Err(invalid("tags", "an object"));
    };
    let named: BTreeMap<String, String> = sent
        .iter()
        .map(|(name, value)| tag(name, value))
        .collect::<Result<_, _>>()?;
    let tags = match knobs.tags {
        Tags::Replaced => named,
        Tags::Merged => registry.tags.clone().into_iter().chain(named).collect(),
        Tags::Refused => {
            return Err(ArmError::new(
                StatusCode::FORBIDDEN,
                "RequestDisallowedByPolicy",
                format!(
                    "Resource '{}' was disallowed by policy. Policy identifiers: '[{{\"policyAssignment\":{{\"name\":\"Tags are managed centrally\"}}}}]'.",
                    registry.name
                ),
            ));
        }
    };
    if tags.len() > TAGS {
        return Err(ArmError::bad(
            "InvalidTags",
            format!(
                "The resource has {} tags, more than the {TAGS} allowed.",
                tags.len()
            ),
        ));
    }
    Ok(tags)
}

fn tag(name: &str, value: &Value) -> Result<(String, String), ArmError> {
    let value = value.as_str().ok_or_else(|| invalid("tags", "strings"))?;
    if name.chars().count() > TAG_NAME || value.chars().count() > TAG_VALUE {
        return Err(ArmError::bad(
            "InvalidTagValueLength",
            format!(
                "Tag '{name}' is too long: a name may have {TAG_NAME} characters, a value {TAG_VALUE}."
            ),
        ));
    }
    if name.is_empty() || name.contains(['<', '>', '%', '&', '\\', '?', '/']) {
        return Err(ArmError::bad(
            "InvalidTagNameCharacters",
            format!(
                "The tag name '{name}' has reserved characters '<,>,%,&,\\,?,/' or control characters."
            ),
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn sku(name: &Value) -> Result<Sku, ArmError> {
    match name.as_str() {
        Some("Basic") => Ok(Sku::Basic),
        Some("Standard") => Ok(Sku::Standard),
        Some("Premium") => Ok(Sku::Premium),
        _ => Err(invalid("sku.name", "Basic, Standard or Premium")),
    }
}

/// A refusal of the registry itself. For most of them no page names the code: they say `BadRequest`
/// here, as the reported quota error does.
fn refused(message: String) -> ArmError {
    ArmError::bad("BadRequest", message)
}
