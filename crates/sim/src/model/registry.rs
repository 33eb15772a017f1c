//! A container registry: what Resource Manager shows of it, and what its firewall lets through.

use super::super::{RESOURCE_GROUP, SUBSCRIPTION};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The service tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sku {
    /// Without a firewall.
    Basic,
    /// Without a firewall.
    Standard,
    /// With a firewall.
    Premium,
}

impl Sku {
    /// As the wire has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Standard => "Standard",
            Self::Premium => "Premium",
        }
    }
}

/// What happens to callers that no rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// They get in.
    Allow,
    /// They are refused.
    Deny,
}

impl DefaultAction {
    /// As the wire has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// An entry of the firewall.
#[derive(Clone, Debug, PartialEq)]
pub struct IpRule {
    /// An IPv4 address, or a range in CIDR form; never with `/32`.
    pub value: String,
    /// Fields that the simulator knows nothing of: kept if sent back, lost if not.
    pub extra: Map<String, Value>,
}

/// A rule for a subnet with a service endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualNetworkRule {
    /// The subnet's resource id.
    pub subnet: String,
    /// Fields that the simulator knows nothing of.
    pub extra: Map<String, Value>,
}

/// `properties.networkRuleSet`.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkRuleSet {
    /// For callers that no rule names.
    pub default_action: DefaultAction,
    /// `ipRules`.
    pub ip_rules: Vec<IpRule>,
    /// `virtualNetworkRules`, which only some api-versions show.
    pub virtual_network_rules: Vec<VirtualNetworkRule>,
    /// Fields that the simulator knows nothing of: kept if sent back, lost if not.
    pub extra: Map<String, Value>,
}

/// A container registry.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are flags of their own on the wire"
)]
pub struct Registry {
    /// Its name, as it was given.
    pub name: String,
    /// Its subscription's id.
    pub subscription: String,
    /// Its resource group.
    pub resource_group: String,
    /// Its home region.
    pub location: String,
    /// Its tier.
    pub sku: Sku,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its firewall.
    pub network_rules: NetworkRuleSet,
    /// Whether `publicNetworkAccess` is Enabled. If not, no rule helps.
    pub public_network_access: bool,
    /// `networkRuleBypassOptions`: `AzureServices` or `None`.
    pub bypass: String,
    /// Its login server.
    pub login_server: String,
    /// Its dedicated data endpoints; none unless they are enabled.
    pub data_endpoints: Vec<String>,
    /// Whether anybody whom the firewall lets through may pull.
    pub anonymous_pull: bool,
    /// Whether the admin user is enabled.
    pub admin_user: bool,
    /// User name and password that `/oauth2/token` takes.
    pub login: (String, String),
    /// `networkRuleBypassAllowedForTasks`.
    pub bypass_for_tasks: bool,
    /// The workspace that its diagnostic setting exports login events to, if it has one.
    pub logs_to: Option<String>,
    /// The quota of IP rules.
    pub ip_rule_limit: usize,
    /// `provisioningState` as long as no operation is under way.
    pub provisioning_state: String,
    /// When it was created; `systemData` and `creationDate` say so.
    pub created_at: Timestamp,
    /// Who changed it last.
    pub last_modified_by: String,
    /// When.
    pub last_modified_at: Timestamp,
}

impl Registry {
    /// A Premium registry at "selected networks" without a rule: nobody gets in.
    pub fn new(name: &str) -> Self {
        let created = "2024-05-06T07:08:09Z".parse().unwrap_or_default();
        Self {
            name: name.to_owned(),
            subscription: SUBSCRIPTION.to_owned(),
            resource_group: RESOURCE_GROUP.to_owned(),
            location: "westeurope".to_owned(),
            sku: Sku::Premium,
            tags: BTreeMap::new(),
            network_rules: NetworkRuleSet {
                default_action: DefaultAction::Deny,
                ip_rules: Vec::new(),
                virtual_network_rules: Vec::new(),
                extra: Map::new(),
            },
            public_network_access: true,
            bypass: "AzureServices".to_owned(),
            login_server: format!("{}.azurecr.io", name.to_ascii_lowercase()),
            data_endpoints: Vec::new(),
            bypass_for_tasks: false,
            logs_to: None,
            anonymous_pull: false,
            admin_user: false,
            login: ("puller".to_owned(), "simulated-password".to_owned()),
            ip_rule_limit: 200,
            provisioning_state: "Succeeded".to_owned(),
            created_at: created,
            last_modified_by: "owner@contoso.com".to_owned(),
            last_modified_at: created,
        }
    }

    /// The same registry with a further entry in its firewall.
    #[must_use]
    pub fn with_entry(mut self, value: &str) -> Self {
        self.allow(value);
        self
    }

    /// Its resource id.
    pub fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerRegistry/registries/{}",
            self.subscription, self.resource_group, self.name
        )
    }

    /// Appends an entry as somebody else would; `/32` is dropped, as Azure does.
    pub fn allow(&mut self, value: &str) {
        self.network_rules.ip_rules.push(IpRule {
            value: bare(value).to_owned(),
            extra: Map::new(),
        });
    }

    /// Takes every entry with this value away.
    pub fn disallow(&mut self, value: &str) {
        self.network_rules
            .ip_rules
            .retain(|rule| rule.value != bare(value));
    }

    /// The values of its IP rules, in order.
    pub fn entries(&self) -> Vec<&str> {
        let rules = self.network_rules.ip_rules.iter();
        rules.map(|rule| rule.value.as_str()).collect()
    }

    /// What the data plane goes by.
    pub(crate) fn firewall(&self) -> Firewall {
        Firewall {
            public: self.public_network_access,
            default_action: self.network_rules.default_action,
            networks: self
                .network_rules
                .ip_rules
                .iter()
                .filter_map(|rule| network(&rule.value))
                .collect(),
        }
    }
}

/// The firewall's state, as the data plane knows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Firewall {
    public: bool,
    default_action: DefaultAction,
    networks: Vec<Ipv4Net>,
}

impl Firewall {
    /// Whether a caller from here gets through.
    pub(crate) fn admits(&self, caller: IpAddr) -> bool {
        let listed = match caller.to_canonical() {
            IpAddr::V4(caller) => self.networks.iter().any(|net| net.contains(&caller)),
            IpAddr::V6(_) => false,
        };
        self.public && (listed || self.default_action == DefaultAction::Allow)
    }
}

/// The value without a `/32`.
pub(crate) fn bare(value: &str) -> &str {
    value.strip_suffix("/32").unwrap_or(value)
}

/// The network that an entry's value stands for; none if it is not IPv4 or has bits below its mask.
pub(crate) fn network(value: &str) -> Option<Ipv4Net> {
    let network = match value.parse::<Ipv4Addr>() {
        Ok(address) => Ipv4Net::from(address),
        Err(_) => value.parse::<Ipv4Net>().ok()?,
    };
    (network.trunc() == network).then_some(network)
}
