//! A registry as Azure Resource Manager shows it.
//!
//! Shape: `GET …/Microsoft.ContainerRegistry/registries/{name}`
//! (<https://learn.microsoft.com/rest/api/containerregistry/registries/get>).

use super::raw_json::{RawJson, RawObject};
use super::settings::RegistrySettings;
use crate::net::network;
use ipnet::Ipv4Net;
use jiff::Timestamp;
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
    /// What explains a refusal beside the entries.
    pub settings: RegistrySettings,
    /// The entries, in order.
    pub rules: Vec<Rule>,
    /// `networkRuleSet` as read; what we do not know in it is sent back as it was.
    pub rule_set: RawObject,
    /// `tags` as read.
    pub tags: RawObject,
    /// When it was asked for, and when the read before it was, if this process made one. A read does not
    /// tell.
    pub asked: Option<(Option<Timestamp>, Timestamp)>,
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
    pub raw: RawJson,
}

/// A reply that is not a registry as we know it: nothing is written on its ground.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Azure's description of the registry has no usable `{0}`: nothing is written on such ground"
)]
pub struct Malformed(pub &'static str);

impl Live {
    /// Reads a registry.
    pub fn read(registry: &RawJson) -> Result<Self, Malformed> {
        let registry = registry.object().unwrap_or_default();
        let properties = part(&registry, "properties");
        // A registry below Premium may be shown without a rule set; it admits all.
        let rule_set = match properties.get("networkRuleSet") {
            None => RawObject::default(),
            Some(set) if set.is_null() => RawObject::default(),
            Some(set) => set.object().ok_or(Malformed("properties.networkRuleSet"))?,
        };
        let default = text(&rule_set, "defaultAction");
        let virtual_networks = list(&rule_set, "virtualNetworkRules");
        let state = text(&properties, "provisioningState");
        let hosts = list(&properties, "dataEndpointHostNames");
        let modified = text(&part(&registry, "systemData"), "lastModifiedAt");
        Ok(Self {
            sku: text(&part(&registry, "sku"), "name").ok_or(Malformed("sku.name"))?,
            public_access: text(&properties, "publicNetworkAccess")
                .is_none_or(|value| value.eq_ignore_ascii_case("Enabled")),
            default_deny: default.is_some_and(|action| action.eq_ignore_ascii_case("Deny")),
            subnets: virtual_networks.iter().map(subnet).collect(),
            loses_subnets: false,
            provisioning_state: state.unwrap_or_else(|| "Succeeded".to_owned()),
            modified: modified.and_then(|at| at.parse().ok()),
            login_server: text(&properties, "loginServer")
                .ok_or(Malformed("properties.loginServer"))?
                .to_ascii_lowercase(),
            data_endpoints: hosts
                .iter()
                .filter_map(RawJson::text)
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            settings: RegistrySettings::read(&properties),
            rules: rules(&rule_set)?,
            rule_set,
            tags: part(&registry, "tags"),
            asked: None,
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

/// A member that is an object; one without members if it is none.
fn part(object: &RawObject, name: &str) -> RawObject {
    let part = object.get(name).and_then(RawJson::object);
    part.unwrap_or_default()
}

fn text(object: &RawObject, name: &str) -> Option<String> {
    object.get(name)?.text()
}

fn list(object: &RawObject, name: &str) -> Vec<RawJson> {
    let list = object.get(name).and_then(RawJson::elements);
    list.unwrap_or_default()
}

/// The subnet of a virtual network rule, by either of the names that api-versions have for it.
fn subnet(rule: &RawJson) -> String {
    let fields = rule.object().unwrap_or_default();
    let names = ["virtualNetworkSubnetResourceId", "id"];
    let id = names.iter().find_map(|name| text(&fields, name));
    id.map_or_else(|| rule.to_string(), |id| id.to_ascii_lowercase())
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

fn rules(rule_set: &RawObject) -> Result<Vec<Rule>, Malformed> {
    let list = match rule_set.get("ipRules") {
        None => return Ok(Vec::new()),
        Some(list) if list.is_null() => return Ok(Vec::new()),
        Some(list) => list
            .elements()
            .ok_or(Malformed("properties.networkRuleSet.ipRules"))?,
    };
    let rules = list.into_iter().map(|raw| {
        let value = raw.object().and_then(|entry| text(&entry, "value"));
        let text = value.ok_or(Malformed("properties.networkRuleSet.ipRules[].value"))?;
        Ok(Rule {
            network: network::parse(&text),
            text,
            raw,
        })
    });
    rules.collect()
}
