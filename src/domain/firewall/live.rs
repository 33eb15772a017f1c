//! A registry as Azure Resource Manager shows it.
//!
//! Shape: `GET …/Microsoft.ContainerRegistry/registries/{name}`
//! (<https://learn.microsoft.com/rest/api/containerregistry/registries/get>).

use crate::domain::network;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// What of a registry bears on its firewall, and the rule set as it was read, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The SKU's name: `Premium`, `Standard`, `Basic`.
    pub sku: String,
    /// Whether `publicNetworkAccess` is `Enabled`. It is where the field is missing, as in older
    /// api-versions.
    pub public_access: bool,
    /// Whether `networkRuleSet.defaultAction` is `Deny`.
    pub default_deny: bool,
    /// The subnets of virtual network rules, in lower case; none as an api-version shows it that does
    /// not know such rules.
    pub subnets: BTreeSet<String>,
    /// Whether Azure has lost such rules over a write of ours before. A read does not tell.
    pub loses_subnets: bool,
    /// `properties.provisioningState`.
    pub provisioning_state: String,
    /// `systemData.lastModifiedAt`, where it is shown: a read with an older one than a read before it
    /// is stale.
    pub modified: Option<Timestamp>,
    /// Lower-case: `contosoprod.azurecr.io`.
    pub login_server: String,
    /// Lower-case data endpoints' hosts, if it has dedicated ones.
    pub data_endpoints: Vec<String>,
    /// The entries, in order.
    pub rules: Vec<Rule>,
    /// `networkRuleSet` as read; what we do not know in it is sent back as it was.
    pub rule_set: serde_json::Map<String, Value>,
    /// `tags` as read.
    pub tags: serde_json::Map<String, Value>,
}

/// One firewall entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `value` as Azure shows it: `20.1.2.3` or `20.1.2.0/24`.
    pub text: String,
    /// What it admits; none if that is not an IPv4 network as we know it. Such an entry is carried
    /// along and never touched.
    pub network: Option<Ipv4Net>,
    /// The entry as read.
    pub raw: Value,
}

/// A reply that is not a registry as we know it: nothing is written on its ground.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Azure's description of the registry has no usable `{0}`: nothing is written on such ground"
)]
pub struct Malformed(pub &'static str);

impl Live {
    /// Reads a registry.
    pub fn read(registry: &Value) -> Result<Self, Malformed> {
        let text = |pointer: &'static str| registry.pointer(pointer).and_then(Value::as_str);
        let empty = serde_json::Map::new();
        // A registry below Premium may be shown without a rule set; it admits all.
        let rule_set = match registry.pointer("/properties/networkRuleSet") {
            None | Some(Value::Null) => &empty,
            Some(set) => set
                .as_object()
                .ok_or(Malformed("properties.networkRuleSet"))?,
        };
        let default = rule_set.get("defaultAction").and_then(Value::as_str);
        let virtual_networks = rule_set.get("virtualNetworkRules");
        let state = text("/properties/provisioningState").unwrap_or("Succeeded");
        let hosts = registry
            .pointer("/properties/dataEndpointHostNames")
            .and_then(Value::as_array);
        Ok(Self {
            sku: text("/sku/name").ok_or(Malformed("sku.name"))?.to_owned(),
            public_access: text("/properties/publicNetworkAccess")
                .is_none_or(|value| value.eq_ignore_ascii_case("Enabled")),
            default_deny: default.is_some_and(|action| action.eq_ignore_ascii_case("Deny")),
            subnets: virtual_networks
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(subnet)
                .collect(),
            loses_subnets: false,
            provisioning_state: state.to_owned(),
            modified: text("/systemData/lastModifiedAt").and_then(|at| at.parse().ok()),
            login_server: text("/properties/loginServer")
                .ok_or(Malformed("properties.loginServer"))?
                .to_ascii_lowercase(),
            data_endpoints: hosts
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_ascii_lowercase)
                .collect(),
            rules: rules(rule_set)?,
            rule_set: rule_set.clone(),
            tags: registry
                .get("tags")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        })
    }

    /// The entry that admits `address`, if there is one: the exact one first.
    pub fn covering(&self, address: Ipv4Addr) -> Option<&Rule> {
        let covers = |rule: &&Rule| {
            rule.network
                .is_some_and(|network| network.contains(&address))
        };
        self.exact(address.into())
            .or_else(|| self.rules.iter().find(covers))
    }

    /// The entry for `network`, no wider and no narrower.
    pub fn exact(&self, network: Ipv4Net) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.is_exactly(network))
    }

    /// Whether an operation on the registry is under way.
    pub fn is_being_updated(&self) -> bool {
        !["Succeeded", "Failed", "Canceled"]
            .iter()
            .any(|state| self.provisioning_state.eq_ignore_ascii_case(state))
    }

    /// The entries as Azure shows them.
    pub fn entries(&self) -> Vec<String> {
        self.rules.iter().map(|rule| rule.text.clone()).collect()
    }
}

/// The subnet of a virtual network rule, by either of the names that api-versions have for it.
fn subnet(rule: &Value) -> String {
    let names = ["virtualNetworkSubnetResourceId", "id"];
    let id = names.iter().find_map(|name| rule.get(name)?.as_str());
    id.map_or_else(|| rule.to_string(), str::to_ascii_lowercase)
}

impl Rule {
    /// Whether this entry admits `network` and nothing else; `/32` is the same as the bare address.
    pub fn is_exactly(&self, network: Ipv4Net) -> bool {
        self.network == Some(network)
    }

    /// Whether both admit the same: compared as networks where they are such.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.network, other.network) {
            (Some(one), Some(another)) => one == another,
            (None, None) => self.text == other.text,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

fn rules(rule_set: &serde_json::Map<String, Value>) -> Result<Vec<Rule>, Malformed> {
    let list = match rule_set.get("ipRules") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => list
            .as_array()
            .ok_or(Malformed("properties.networkRuleSet.ipRules"))?,
    };
    list.iter()
        .map(|raw| {
            let value = raw.get("value").and_then(Value::as_str);
            let text = value.ok_or(Malformed("properties.networkRuleSet.ipRules[].value"))?;
            Ok(Rule {
                text: text.to_owned(),
                network: network::parse(text),
                raw: raw.clone(),
            })
        })
        .collect()
}
