//! Facts that a case or a command line supposes: how a registry stands, who was granted before.

use super::cases::Case;
use crate::firewall::Live;
use crate::firewall::raw_json::RawJson;
use crate::state::history::Before;
use crate::yaml::problem::{Sink, did_you_mean};
use crate::yaml::{Fields, Item, all_of};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

/// How long ago an address was granted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ago {
    /// By a person.
    pub person: Option<Duration>,
    /// By the policy alone.
    pub policy: Option<Duration>,
}

impl Ago {
    /// When that was, seen from `now`.
    pub fn as_of(self, now: Timestamp) -> Before {
        let then = |ago: Duration| {
            let ago = SignedDuration::try_from(ago).ok()?;
            now.checked_sub(ago).ok()
        };
        Before {
            person: self.person.and_then(then),
            policy: self.policy.and_then(then),
        }
    }
}

/// The fields of a supposed posture.
const FIELDS: [&str; 11] = [
    "sku",
    "public_access",
    "default_action",
    "virtual_network_rules",
    "entries",
    "tasks_bypass",
    "trusted_services",
    "dual_stack",
    "arm_tokens",
    "data_endpoint",
    "private_endpoint",
];

/// Where a setting stands that is `enabled` or `disabled`, and what it is then.
fn setting(field: &str, enabled: bool) -> Option<(&'static str, Value)> {
    let word = |on: &str, off: &str| json!(if enabled { on } else { off });
    let approved = json!([{ "properties": { "privateLinkServiceConnectionState": { "status": "Approved" } } }]);
    Some(match field {
        "public_access" => ("publicNetworkAccess", word("Enabled", "Disabled")),
        "tasks_bypass" => ("networkRuleBypassAllowedForTasks", json!(enabled)),
        "trusted_services" => ("networkRuleBypassOptions", word("AzureServices", "None")),
        "dual_stack" => ("endpointProtocol", word("IPv4AndIPv6", "IPv4")),
        "arm_tokens" => (
            "policies",
            json!({ "azureADAuthenticationAsArmPolicy": { "status": word("enabled", "disabled") } }),
        ),
        "data_endpoint" => ("dataEndpointEnabled", json!(enabled)),
        "private_endpoint" => (
            "privateEndpointConnections",
            if enabled { approved } else { json!([]) },
        ),
        _ => return None,
    })
}

/// A registry that stands as entries could help it, but for what is said: `sku=Standard`,
/// `public_access=disabled`, `default_action=allow`, `virtual_network_rules=2`, `entries=20.1.0.0/16`
/// (several times for several).
///
/// # Errors
/// What is wrong with a field, and what would be right.
pub fn posture<'a>(
    said: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Live, (String, String)> {
    let mut registry = json!({
        "sku": { "name": "Premium" },
        "properties": {
            "loginServer": "registry.azurecr.io",
            "publicNetworkAccess": "Enabled",
            "networkRuleSet": { "defaultAction": "Deny", "ipRules": [], "virtualNetworkRules": [] },
        },
    });
    for (field, value) in said {
        let wrong = |help: &str| (format!("`{value}` is no `{field}`"), help.to_owned());
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        let (pointer, new) = match field {
            "sku" if ["Basic", "Standard", "Premium"].into_iter().any(is) => {
                ("/sku/name", json!(value))
            }
            "sku" => return Err(wrong("write `Basic`, `Standard` or `Premium`")),
            field if setting(field, true).is_some() => {
                if !is("enabled") && !is("disabled") {
                    return Err(wrong("write `enabled` or `disabled`"));
                }
                suppose(&mut registry, setting(field, is("enabled")));
                continue;
            }
            "default_action" if is("allow") || is("deny") => {
                ("/properties/networkRuleSet/defaultAction", json!(value))
            }
            "default_action" => return Err(wrong("write `allow` or `deny`")),
            "virtual_network_rules" => {
                let count = value.parse::<u8>().map_err(|_| wrong("write how many"))?;
                let rules = vec![json!({ "action": "Allow" }); count.into()];
                (
                    "/properties/networkRuleSet/virtualNetworkRules",
                    json!(rules),
                )
            }
            "entries" => {
                let network = value.parse::<ipnet::Ipv4Net>().is_ok();
                if !network && value.parse::<std::net::Ipv4Addr>().is_err() {
                    return Err(wrong("write an IPv4 address or CIDR as the list shows it"));
                }
                add_entry(&mut registry, value);
                continue;
            }
            _ => {
                let help = did_you_mean(field, FIELDS)
                    .unwrap_or_else(|| format!("the fields here are {}", all_of(&FIELDS)));
                return Err((format!("there is no field `{field}`"), help));
            }
        };
        if let Some(place) = registry.pointer_mut(pointer) {
            *place = new;
        }
    }
    let mut live = Live::read(&RawJson::from(&registry))
        .map_err(|error| (error.to_string(), String::new()))?;
    // Those that a write could lose: the others are of no consequence.
    live.loses_subnets = true;
    Ok(live)
}

fn suppose(registry: &mut Value, setting: Option<(&'static str, Value)>) {
    let properties = registry
        .get_mut("properties")
        .and_then(Value::as_object_mut);
    if let (Some(properties), Some((name, value))) = (properties, setting) {
        properties.insert(name.to_owned(), value);
    }
}

fn add_entry(registry: &mut Value, value: &str) {
    let list = registry.pointer_mut("/properties/networkRuleSet/ipRules");
    if let Some(Value::Array(list)) = list {
        list.push(json!({ "action": "Allow", "value": value }));
    }
}

/// Reads what `facts` of a case supposes beside who spoke.
pub(in crate::policy) fn more_facts(case: &mut Case, fields: &mut Fields<'_>, sink: &mut Sink<'_>) {
    if let Some(item) = fields.take("import") {
        case.import = item.flag(sink) == Some(true);
    }
    if let Some(item) = fields.take("service_tags") {
        let tags = item.each();
        let tags = tags.iter().filter_map(|tag| tag.text(sink));
        case.holders = tags.map(str::to_owned).collect();
    }
    if let Some(item) = fields.take("seen") {
        case.before = ago(&item, sink).unwrap_or_default();
    }
    if let Some(item) = fields.take("posture") {
        case.posture = read_posture(&item, sink);
    }
}

/// `{ person: 3d, policy: 1h }`: granted so long ago.
fn ago(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Ago> {
    let mut fields = item.fields(sink)?;
    let mut take = |name: &'static str| fields.take(name)?.duration(sink);
    let (person, policy) = (take("person"), take("policy"));
    fields.finish(sink);
    Some(Ago { person, policy })
}

fn read_posture(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Live> {
    let mut said = Vec::new();
    for (key, value) in item.entries(sink) {
        let name = key.text(sink)?;
        for value in value.each() {
            let text = value.text(sink)?;
            match posture([(name, text)]) {
                Ok(_) => said.push((name, text)),
                Err((what, help)) => value.error(what, help, sink),
            }
        }
    }
    posture(said).ok()
}
