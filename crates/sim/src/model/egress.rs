//! Resources that send from addresses of their own: agent pools, firewalls, clusters, apps. And pages of
//! the web, which stand in for sites that publish addresses.

use super::super::{RESOURCE_GROUP, SUBSCRIPTION};
use super::Model;
use serde_json::{Value, json};

/// The type of a subnet, and of what it is in.
const SUBNET: &str = "Microsoft.Network/virtualNetworks/subnets";
const NETWORK: &str = "Microsoft.Network/virtualNetworks";

impl Model {
    /// Adds a dedicated agent pool of a registry, in a subnet or in none, and says its id.
    pub fn add_agent_pool(&mut self, registry: &str, name: &str, subnet: Option<&str>) -> String {
        let properties = json!({
            "count": 1, "tier": "S1", "os": "Linux", "provisioningState": "Succeeded",
            "virtualNetworkSubnetResourceId": subnet,
        });
        let kind = "Microsoft.ContainerRegistry/registries/agentPools";
        self.add_resource_of(kind, &format!("{registry}/agentPools/{name}"), &properties)
    }

    /// Adds an Azure Firewall of a virtual network with public IP addresses of its own, and says its id.
    pub fn add_azure_firewall(&mut self, name: &str, addresses: &[&str]) -> String {
        let mut configurations = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let id = self.add_public_ip_address(&format!("{name}-ip-{index}"), Some(address));
            configurations.push(json!({
                "name": format!("configuration-{index}"),
                "properties": { "publicIPAddress": { "id": id }, "provisioningState": "Succeeded" },
            }));
        }
        let properties = json!({
            "provisioningState": "Succeeded", "ipConfigurations": configurations,
            "sku": { "name": "AZFW_VNet", "tier": "Standard" }, "threatIntelMode": "Alert",
        });
        self.add_resource("azureFirewalls", name, &properties)
    }

    /// Adds an Azure Firewall of a virtual hub, which names its addresses itself, and says its id.
    pub fn add_hub_firewall(&mut self, name: &str, addresses: &[&str]) -> String {
        let addresses: Vec<Value> = addresses.iter().map(|a| json!({ "address": a })).collect();
        let properties = json!({
            "provisioningState": "Succeeded", "sku": { "name": "AZFW_Hub", "tier": "Standard" },
            "hubIPAddresses": {
                "privateIPAddress": "10.0.0.4",
                "publicIPs": { "count": addresses.len(), "addresses": addresses },
            },
        });
        self.add_resource("azureFirewalls", name, &properties)
    }

    /// Adds a cluster of AKS with this outbound type, and says its id. A load balancer and a managed
    /// NAT gateway have these public IP addresses; other types ignore them. Its nodes are in `subnet`.
    pub fn add_cluster(
        &mut self,
        name: &str,
        outbound: &str,
        addresses: &[&str],
        subnet: Option<&str>,
    ) -> String {
        let mut ids = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let id = self.add_public_ip_address(&format!("{name}-ip-{index}"), Some(address));
            ids.push(json!({ "id": id }));
        }
        let mut network = json!({
            "networkPlugin": "azure", "outboundType": outbound, "loadBalancerSku": "standard",
        });
        let profile = match outbound {
            "loadBalancer" => Some("loadBalancerProfile"),
            "managedNATGateway" => Some("natGatewayProfile"),
            _ => None,
        };
        if let (Some(profile), Some(network)) = (profile, network.as_object_mut()) {
            let ids = json!({ "effectiveOutboundIPs": ids });
            network.insert(profile.to_owned(), ids);
        }
        let properties = json!({
            "provisioningState": "Succeeded", "powerState": { "code": "Running" },
            "networkProfile": network,
            "agentPoolProfiles": [{ "name": "system", "count": 1, "vnetSubnetID": subnet }],
        });
        self.add_resource_of(
            "Microsoft.ContainerService/managedClusters",
            name,
            &properties,
        )
    }

    /// Adds an app of App Service with the addresses that it uses and those that it may use, and says
    /// its id.
    pub fn add_web_app(&mut self, name: &str, uses: &[&str], may_use: &[&str]) -> String {
        let properties = json!({
            "state": "Running", "outboundIpAddresses": uses.join(","),
            "possibleOutboundIpAddresses": may_use.join(","),
        });
        self.add_resource_of("Microsoft.Web/sites", name, &properties)
    }

    /// Adds a container app with its outbound addresses, and says its id.
    pub fn add_container_app(&mut self, name: &str, addresses: &[&str]) -> String {
        let properties = json!({
            "provisioningState": "Succeeded", "runningStatus": "Running",
            "outboundIpAddresses": addresses,
        });
        self.add_resource_of("Microsoft.App/containerApps", name, &properties)
    }

    /// Adds a resource of this provider and type with these properties, and says its id. The name of a
    /// child is the rest of its id: `contosoprod/agentPools/build`.
    pub fn add_resource_of(&mut self, kind: &str, name: &str, properties: &Value) -> String {
        // The id has the parent's type; the resource its own.
        let above = match name.split('/').count() {
            1 => kind,
            _ => kind.rsplit_once('/').map_or(kind, |(above, _)| above),
        };
        let subnet = name.contains("/subnets/");
        let kind = if subnet { SUBNET } else { kind };
        let above = if subnet { NETWORK } else { above };
        let id = format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/{above}/{name}"
        );
        let own = name.rsplit('/').next().unwrap_or(name);
        let resource = json!({
            "id": id, "name": own, "type": kind,
            "location": "westeurope", "sku": { "name": "Standard", "tier": "Regional" }, "properties": properties,
        });
        self.resources.insert(id.to_ascii_lowercase(), resource);
        id
    }

    /// Resource Graph lags behind: it does not have this resource yet.
    pub fn unnoticed_by_graph(&mut self, id: &str) {
        self.unnoticed.insert(id.to_ascii_lowercase());
    }

    /// What Resource Graph has, in the order of its ids. Children are not listed.
    pub(crate) fn graph(&self) -> impl Iterator<Item = (&String, &Value)> {
        let listed = |(id, _): &(&String, &Value)| {
            // `/subscriptions/{}/resourcegroups/{}/providers/{}/{}/{}` has nine parts.
            id.split('/').count() == 9 && !self.unnoticed.contains(*id)
        };
        self.resources.iter().filter(listed)
    }

    /// Publishes a page on the web.
    pub(crate) fn publish(&mut self, path: &str, text: &str) {
        self.pages.insert(path.to_owned(), text.to_owned());
    }

    /// A page of the web.
    pub(crate) fn page(&self, path: &str) -> Option<&str> {
        self.pages.get(path).map(String::as_str)
    }
}
