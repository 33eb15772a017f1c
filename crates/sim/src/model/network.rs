//! Resources of Microsoft.Network: NAT gateways, public IP addresses and prefixes, subnets, and the
//! service tags.

use super::Model;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Model {
    /// Adds a public IP address and says its id. Without an address it is dynamic and unattached.
    pub fn add_public_ip_address(&mut self, name: &str, address: Option<&str>) -> String {
        let mut properties = json!({
            "provisioningState": "Succeeded",
            "publicIPAddressVersion": if address.is_some_and(|a| a.contains(':')) { "IPv6" } else { "IPv4" },
            "publicIPAllocationMethod": if address.is_some() { "Static" } else { "Dynamic" },
            "idleTimeoutInMinutes": 4,
        });
        if let (Some(address), Some(properties)) = (address, properties.as_object_mut()) {
            properties.insert("ipAddress".to_owned(), address.into());
        }
        self.add_resource("publicIPAddresses", name, &properties)
    }

    /// Adds a public IP prefix (`20.60.0.0/30`) and says its id.
    pub fn add_public_ip_prefix(&mut self, name: &str, prefix: &str) -> String {
        let length = prefix
            .split_once('/')
            .and_then(|(_, length)| length.parse::<u8>().ok());
        let version = if prefix.contains(':') { "IPv6" } else { "IPv4" };
        let properties = json!({
            "provisioningState": "Succeeded", "ipPrefix": prefix, "prefixLength": length,
            "publicIPAddressVersion": version, "publicIPAddresses": [],
        });
        self.add_resource("publicIPPrefixes", name, &properties)
    }

    /// Adds a NAT gateway with public IP addresses and prefixes of its own, and says its id.
    pub fn add_nat_gateway(&mut self, name: &str, addresses: &[&str], prefixes: &[&str]) -> String {
        let (mut v4, mut v6, mut v4_prefixes, mut v6_prefixes) = (vec![], vec![], vec![], vec![]);
        for (index, address) in addresses.iter().enumerate() {
            let id = self.add_public_ip_address(&format!("{name}-ip-{index}"), Some(address));
            let into = if address.contains(':') {
                &mut v6
            } else {
                &mut v4
            };
            into.push(json!({ "id": id }));
        }
        for (index, prefix) in prefixes.iter().enumerate() {
            let id = self.add_public_ip_prefix(&format!("{name}-prefix-{index}"), prefix);
            let into = if prefix.contains(':') {
                &mut v6_prefixes
            } else {
                &mut v4_prefixes
            };
            into.push(json!({ "id": id }));
        }
        let mut properties =
            json!({ "provisioningState": "Succeeded", "idleTimeoutInMinutes": 5, "subnets": [] });
        let lists = [
            ("publicIpAddresses", v4),
            ("publicIpAddressesV6", v6),
            ("publicIpPrefixes", v4_prefixes),
            ("publicIpPrefixesV6", v6_prefixes),
        ];
        if let Some(properties) = properties.as_object_mut() {
            for (key, ids) in lists.into_iter().filter(|(_, ids)| !ids.is_empty()) {
                properties.insert(key.to_owned(), Value::Array(ids));
            }
        }
        self.add_resource("natGateways", name, &properties)
    }

    /// Adds a subnet of a virtual network and says its id.
    pub fn add_subnet(&mut self, network: &str, name: &str, nat_gateway: Option<&str>) -> String {
        let mut properties = json!({ "provisioningState": "Succeeded", "addressPrefix": "10.1.0.0/24", "defaultOutboundAccess": nat_gateway.is_none() });
        if let (Some(gateway), Some(properties)) = (nat_gateway, properties.as_object_mut()) {
            properties.insert("natGateway".to_owned(), json!({ "id": gateway }));
        }
        self.add_resource(
            "virtualNetworks",
            &format!("{network}/subnets/{name}"),
            &properties,
        )
    }

    /// Adds a resource of Microsoft.Network with these properties, and says its id.
    pub fn add_resource(&mut self, kind: &str, name: &str, properties: &Value) -> String {
        self.add_resource_of(&format!("Microsoft.Network/{kind}"), name, properties)
    }

    /// Deletes a resource.
    pub fn remove_resource(&mut self, id: &str) {
        self.resources.remove(&id.to_ascii_lowercase());
    }

    /// Adds a service tag, or gives it other prefixes: `AzureDevOps`,
    /// `AzureContainerRegistry.WestEurope`. The list's `changeNumber` grows.
    pub fn add_service_tag(&mut self, name: &str, prefixes: &[&str]) {
        let (system, region) = name.split_once('.').unwrap_or((name, ""));
        let is_it = |tag: &Value| tag.get("name").and_then(Value::as_str) == Some(name);
        self.service_tags.retain(|tag| !is_it(tag));
        self.tags_changed = self.tags_changed.saturating_add(1);
        self.service_tags.push(json!({
            "name": name, "id": name, "serviceTagChangeNumber": "7",
            "properties": {
                "changeNumber": "7", "region": region.to_ascii_lowercase(), "state": "GA",
                "networkFeatures": ["API", "NSG", "UDR", "FW"], "systemService": system, "addressPrefixes": prefixes,
            },
        }));
    }

    /// Which edition the list of service tags is, as Azure writes it: a text.
    pub(crate) fn change_number(&self) -> String {
        self.tags_changed.saturating_add(62).to_string()
    }

    pub(crate) fn resource(&self, id: &str) -> Option<&Value> {
        self.resources.get(id)
    }

    /// The resources that the path of a list, lower-case, names: of a subscription, of a resource group, or of a
    /// parent. A virtual network is made up from its subnets.
    pub(crate) fn resources_below(&self, list: &str) -> Vec<Value> {
        let (scope, kind) = list.split_once("/providers/").unwrap_or((list, ""));
        let whole = |id: &str| {
            let (of, rest) = id.split_once("/providers/")?;
            let below =
                of == scope || (!scope.contains("/resourcegroups/") && of.starts_with(scope));
            let rest = rest.strip_prefix(kind)?.strip_prefix('/')?;
            below.then(|| rest.to_owned())
        };
        if kind == "microsoft.network/virtualnetworks" {
            return self.virtual_networks(whole);
        }
        let all = self.resources.iter();
        let listed = all.filter(|(id, _)| whole(id).is_some_and(|rest| !rest.contains('/')));
        listed.map(|(_, resource)| resource.clone()).collect()
    }

    fn virtual_networks(&self, below: impl Fn(&str) -> Option<String>) -> Vec<Value> {
        let mut networks: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for (id, subnet) in &self.resources {
            let own = subnet.get("id").and_then(Value::as_str).unwrap_or_default();
            if let (Some(_), Some((network, _))) = (below(id), own.rsplit_once("/subnets/")) {
                networks.entry(network.to_owned()).or_default().push(subnet);
            }
        }
        let networks = networks.into_iter().map(|(id, subnets)| {
            let name = id.rsplit('/').next().unwrap_or_default();
            json!({
                "id": id, "name": name, "type": "Microsoft.Network/virtualNetworks", "location": "westeurope",
                "properties": {
                    "provisioningState": "Succeeded", "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] },
                    "subnets": subnets,
                },
            })
        });
        networks.collect()
    }

    /// A page of the service tags, and where the next one starts.
    pub(crate) fn service_tags(&self, from: usize, count: usize) -> (&[Value], Option<usize>) {
        let rest = self.service_tags.get(from..).unwrap_or_default();
        match rest.split_at_checked(count) {
            Some((page, more)) if !more.is_empty() => (page, Some(from.saturating_add(count))),
            _ => (rest, None),
        }
    }
}
