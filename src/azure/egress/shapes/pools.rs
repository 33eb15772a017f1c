//! Pools of machines: of ACR Tasks, of Azure DevOps, of AKS.

use super::{Reader, address, known, list, of_type, parse, text};
use crate::azure::egress::Egress;
use crate::azure::error::{ArmError, clean};
use doorward_core::net::resource_id::{PUBLIC_IP_ADDRESS, PUBLIC_IP_PREFIX, ResourceId, SUBNET};
use serde_json::Value;

impl Reader<'_> {
    /// <https://learn.microsoft.com/azure/container-registry/tasks-agent-pools>
    pub(super) fn agent_pool(&mut self, id: &ResourceId) -> Result<Egress, ArmError> {
        let Some(properties) = self.properties(id)? else {
            return Ok(known(Vec::new(), None));
        };
        match text(properties, "virtualNetworkSubnetResourceId") {
            Some(subnet) => {
                let subnet = of_type(parse(subnet, id)?, SUBNET, id)?;
                self.subnets(&[subnet])
            }
            None => Ok(Egress::Unknowable(format!(
                "the agent pool {id} is in no subnet of yours, so that its agents send from addresses that Azure chooses: create it with `--subnet-id`, and give that subnet a NAT gateway"
            ))),
        }
    }

    /// Its static addresses; in a network of one's own, that network's NAT gateway
    /// (<https://learn.microsoft.com/azure/devops/managed-devops-pools/configure-networking>).
    pub(super) fn devops_pool(&mut self, id: &ResourceId) -> Result<Egress, ArmError> {
        let Some(properties) = self.properties(id)? else {
            return Ok(known(Vec::new(), None));
        };
        let profiles = ["/networkProfile", "/fabricProfile/networkProfile"];
        for profile in profiles
            .map(|profile| properties.pointer(profile))
            .into_iter()
            .flatten()
        {
            if let Some(subnet) = text(profile, "subnetId") {
                let subnet = of_type(parse(subnet, id)?, SUBNET, id)?;
                return self.subnets(&[subnet]);
            }
            let mut networks = Vec::new();
            for entry in list(profile, "/ipAddresses", id)? {
                let text = entry.as_str().unwrap_or_default();
                networks.extend(address(text, id, "networkProfile.ipAddresses")?);
            }
            if !networks.is_empty() {
                return Ok(known(networks, None));
            }
        }
        Ok(Egress::Unknowable(format!(
            "the pool {id} has no static addresses, so that its agents send from addresses that Azure chooses: set `staticIpAddressCount` in its network profile, or put it into a subnet with a NAT gateway"
        )))
    }

    /// What a cluster's outbound type says
    /// (<https://learn.microsoft.com/azure/aks/egress-outboundtype>).
    pub(super) fn cluster(&mut self, id: &ResourceId) -> Result<Egress, ArmError> {
        let Some(properties) = self.properties(id)? else {
            return Ok(known(Vec::new(), None));
        };
        let outbound = properties.pointer("/networkProfile/outboundType");
        // It was a load balancer before there was a choice.
        let outbound = outbound.and_then(Value::as_str).unwrap_or("loadBalancer");
        let profile = match outbound {
            "loadBalancer" => "/networkProfile/loadBalancerProfile/effectiveOutboundIPs",
            "managedNATGateway" | "managedNATGatewayV2" => {
                "/networkProfile/natGatewayProfile/effectiveOutboundIPs"
            }
            "userAssignedNATGateway" => {
                let mut subnets = Vec::new();
                for pool in list(properties, "/agentPoolProfiles", id)? {
                    if let Some(subnet) = text(pool, "vnetSubnetID") {
                        subnets.push(of_type(parse(subnet, id)?, SUBNET, id)?);
                    }
                }
                if subnets.is_empty() {
                    return Ok(unknowable(id, "its node pools name no subnet"));
                }
                subnets.sort();
                subnets.dedup();
                return self.subnets(&subnets);
            }
            "userDefinedRouting" => {
                return Ok(unknowable(
                    id,
                    "its outbound type is userDefinedRouting, so that a route table decides: name the firewall that it leads to (`azure_firewall`), or its `cidrs`",
                ));
            }
            other => {
                let why = format!("its outbound type is {}", clean(other));
                return Ok(unknowable(id, &why));
            }
        };
        let links = list(properties, profile, id)?;
        if links.is_empty() {
            return Ok(unknowable(
                id,
                "it names no outbound addresses (a Basic load balancer has none of its own)",
            ));
        }
        let mut networks = Vec::new();
        for link in links {
            let link = parse(text(link, "id").unwrap_or_default(), id)?;
            networks.extend(if link.is_type(PUBLIC_IP_PREFIX) {
                self.public_ip_prefix(&link)?
            } else {
                self.public_ip(&of_type(link, PUBLIC_IP_ADDRESS, id)?)?
            });
        }
        Ok(known(networks, gateway_pools(properties)))
    }
}

/// Pods that are annotated for a static egress gateway leave by a prefix that the cluster does not name
/// (<https://learn.microsoft.com/azure/aks/configure-static-egress-gateway>).
fn gateway_pools(properties: &Value) -> Option<String> {
    let pools = properties.get("agentPoolProfiles")?.as_array()?;
    let is_gateway =
        |pool: &Value| text(pool, "mode").is_some_and(|mode| mode.eq_ignore_ascii_case("Gateway"));
    pools.iter().any(is_gateway).then(|| {
        "the cluster has a static egress gateway, by which annotated pods leave: name its public IP prefix, in the node resource group, as a set of its own (`public_ip_prefix`)".to_owned()
    })
}

fn unknowable(id: &ResourceId, why: &str) -> Egress {
    Egress::Unknowable(format!(
        "the cluster {id} cannot be known by its addresses: {why}"
    ))
}
