//! Where each kind of resource says what it sends from. Every function either finds all that it needs
//! among what was read, or notes what is missing.

mod pools;

use super::super::error::{ArmError, clean};
use super::{Egress, Found};
use doorward_core::net::resource_id::{
    NAT_GATEWAY, PUBLIC_IP_ADDRESS, PUBLIC_IP_PREFIX, ResourceId,
};
use doorward_core::sets::AzureKind;
use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;
use std::net::IpAddr;

/// More than a resource can link: a NAT gateway has 16 addresses, a load balancer or firewall 250 at
/// most.
const MOST_LINKED: usize = 1000;

/// The api-version that a resource is read with.
pub(super) fn api_version(id: &ResourceId) -> &'static str {
    let (provider, _) = id.provider_type().split_once('/').unwrap_or_default();
    match provider.to_ascii_lowercase().as_str() {
        // Agent pools have been a preview since.
        "microsoft.containerregistry" => "2019-06-01-preview",
        // The first that shows static addresses.
        "microsoft.devopsinfrastructure" => "2025-09-20",
        "microsoft.web" => "2023-12-01",
        "microsoft.app" => "2024-03-01",
        // Microsoft.Network and Microsoft.ContainerService both have this one.
        _ => "2024-05-01",
    }
}

/// Looks among what was read.
pub(super) struct Reader<'a> {
    found: &'a Found,
    /// What must be read before there is an answer.
    pub(super) missing: Vec<ResourceId>,
    /// Whether a resource has addresses of version 6 beside those that were read.
    version_6: bool,
}

/// What is left out, for people.
const VERSION_6: &str =
    "its addresses of version 6 are left out: the registry's IP rules know version 4 only";

/// Networks so far; what is missing stands in the reader.
type Networks = Result<Vec<Ipv4Net>, ArmError>;

impl<'a> Reader<'a> {
    pub(super) fn new(found: &'a Found) -> Self {
        Self {
            found,
            missing: Vec::new(),
            version_6: false,
        }
    }

    /// What `id` sends from. It counts only once nothing is missing.
    pub(super) fn egress(&mut self, kind: AzureKind, id: &ResourceId) -> Result<Egress, ArmError> {
        let egress = self.of_kind(kind, id)?;
        Ok(match egress {
            Egress::Known {
                networks,
                note: None,
            } if self.version_6 => Egress::Known {
                networks,
                note: Some(VERSION_6.to_owned()),
            },
            other => other,
        })
    }

    fn of_kind(&mut self, kind: AzureKind, id: &ResourceId) -> Result<Egress, ArmError> {
        let networks = match kind {
            AzureKind::NatGateway => self.nat_gateway(id)?,
            AzureKind::PublicIp => self.public_ip(id)?,
            AzureKind::PublicIpPrefix => self.public_ip_prefix(id)?,
            AzureKind::AzureFirewall => self.firewall(id)?,
            AzureKind::Subnet => return self.subnets(std::slice::from_ref(id)),
            AzureKind::AgentPool => return self.agent_pool(id),
            AzureKind::DevopsPool => return self.devops_pool(id),
            AzureKind::AksEgress => return self.cluster(id),
            AzureKind::AppServiceEgress => return self.app(id),
            AzureKind::ContainerAppEgress => return self.container_app(id),
        };
        Ok(known(networks, None))
    }

    /// The resource's `properties`, if it was read.
    fn properties(&mut self, id: &ResourceId) -> Result<Option<&'a Value>, ArmError> {
        match self.found.get(id) {
            None => {
                self.missing.push(id.clone());
                Ok(None)
            }
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(body)) => match body.get("properties") {
                Some(properties) => Ok(Some(properties)),
                None => Err(ArmError::bad_reply(id.as_str(), "it has no `properties`")),
            },
        }
    }

    /// <https://learn.microsoft.com/rest/api/virtualnetwork/nat-gateways/get>
    fn nat_gateway(&mut self, id: &ResourceId) -> Networks {
        let Some(gateway) = self.properties(id)? else {
            return Ok(Vec::new());
        };
        let mut networks = Vec::new();
        for address in linked(gateway, "publicIpAddresses", id)? {
            networks.extend(self.public_ip(&of_type(address, PUBLIC_IP_ADDRESS, id)?)?);
        }
        for prefix in linked(gateway, "publicIpPrefixes", id)? {
            networks.extend(self.public_ip_prefix(&of_type(prefix, PUBLIC_IP_PREFIX, id)?)?);
        }
        // Those of StandardV2.
        for field in ["publicIpAddressesV6", "publicIpPrefixesV6"] {
            self.version_6 |= gateway.get(field).is_some_and(is_filled);
        }
        Ok(networks)
    }

    /// One that is of version 6, or dynamic and not in use, when it has no address, is passed over
    /// (<https://learn.microsoft.com/rest/api/virtualnetwork/public-ip-addresses/get>).
    fn public_ip(&mut self, id: &ResourceId) -> Networks {
        let Some(properties) = self.properties(id)? else {
            return Ok(Vec::new());
        };
        let Some(text) = text(properties, "ipAddress") else {
            tracing::debug!(%id, "the public IP address has no address now: it is passed over");
            return Ok(Vec::new());
        };
        Ok(address(text, id, "ipAddress")?.into_iter().collect())
    }

    /// <https://learn.microsoft.com/rest/api/virtualnetwork/public-ip-prefixes/get>
    fn public_ip_prefix(&mut self, id: &ResourceId) -> Networks {
        let Some(properties) = self.properties(id)? else {
            return Ok(Vec::new());
        };
        let Some(text) = text(properties, "ipPrefix") else {
            tracing::debug!(%id, "the public IP prefix has no network now: it is passed over");
            return Ok(Vec::new());
        };
        match text.parse() {
            Ok(IpNet::V4(network)) => Ok(vec![network.trunc()]),
            Ok(IpNet::V6(_)) => Ok(Vec::new()),
            Err(_) => Err(unreadable(id, "ipPrefix", text)),
        }
    }

    /// One in a virtual network links its addresses, one in a hub names them
    /// (<https://learn.microsoft.com/rest/api/firewall/azure-firewalls/get>).
    fn firewall(&mut self, id: &ResourceId) -> Networks {
        let Some(properties) = self.properties(id)? else {
            return Ok(Vec::new());
        };
        let mut networks = Vec::new();
        for configuration in list(properties, "/ipConfigurations", id)? {
            let link = configuration.pointer("/properties/publicIPAddress/id");
            if let Some(link) = link.and_then(Value::as_str) {
                let link = of_type(parse(link, id)?, PUBLIC_IP_ADDRESS, id)?;
                networks.extend(self.public_ip(&link)?);
            }
        }
        let hub = "/hubIPAddresses/publicIPs/addresses";
        for of_hub in list(properties, hub, id)? {
            let text = text(of_hub, "address").unwrap_or_default();
            networks.extend(address(text, id, "hubIPAddresses")?);
        }
        Ok(networks)
    }

    /// What the NAT gateways of these subnets send from
    /// (<https://learn.microsoft.com/rest/api/virtualnetwork/subnets/get>).
    fn subnets(&mut self, ids: &[ResourceId]) -> Result<Egress, ArmError> {
        let mut networks = Vec::new();
        for id in ids {
            let Some(properties) = self.properties(id)? else {
                continue;
            };
            let Some(link) = properties.pointer("/natGateway/id").and_then(Value::as_str) else {
                let route = if properties.get("routeTable").is_some_and(Value::is_object) {
                    "; its route table says where its traffic leaves: name that firewall (`azure_firewall`) or its `cidrs` instead"
                } else {
                    "; give it one, or name what its traffic leaves by"
                };
                return Ok(Egress::Unknowable(format!(
                    "the subnet {id} has no NAT gateway{route}"
                )));
            };
            let gateway = of_type(parse(link, id)?, NAT_GATEWAY, id)?;
            networks.extend(self.nat_gateway(&gateway)?);
        }
        Ok(known(networks, None))
    }

    /// All that the app may use, now or after it moves within its scale unit; texts with commas
    /// (<https://learn.microsoft.com/azure/app-service/overview-inbound-outbound-ips>).
    fn app(&mut self, id: &ResourceId) -> Result<Egress, ArmError> {
        let Some(properties) = self.properties(id)? else {
            return Ok(known(Vec::new(), None));
        };
        let mut networks = Vec::new();
        for field in ["outboundIpAddresses", "possibleOutboundIpAddresses"] {
            let listed = text(properties, field).unwrap_or_default();
            for text in listed
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty())
            {
                networks.extend(address(text, id, field)?);
            }
        }
        let integrated = text(properties, "virtualNetworkSubnetId").map(|subnet| {
            format!(
                "the app is in the subnet {}: where all its traffic is routed there, name that (`subnet`) instead",
                clean(subnet)
            )
        });
        Ok(known(networks, integrated))
    }

    /// <https://learn.microsoft.com/rest/api/resource-manager/containerapps/container-apps/get>
    fn container_app(&mut self, id: &ResourceId) -> Result<Egress, ArmError> {
        let Some(properties) = self.properties(id)? else {
            return Ok(known(Vec::new(), None));
        };
        let mut networks = Vec::new();
        for entry in list(properties, "/outboundIpAddresses", id)? {
            let text = entry.as_str().unwrap_or_default();
            networks.extend(address(text, id, "outboundIpAddresses")?);
        }
        let note = networks.is_empty().then(|| {
            "the app names no outbound addresses: in a network of yours it sends by that network's NAT gateway or firewall".to_owned()
        });
        Ok(known(networks, note))
    }
}

/// Whether a list has something in it.
fn is_filled(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
}

fn known(mut networks: Vec<Ipv4Net>, note: Option<String>) -> Egress {
    networks.sort_unstable();
    networks.dedup();
    Egress::Known { networks, note }
}

/// A text that is there and not empty.
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    let text = value.get(name)?.as_str()?;
    (!text.trim().is_empty()).then_some(text)
}

/// A single address of version 4; none for version 6.
fn address(text: &str, id: &ResourceId, field: &str) -> Result<Option<Ipv4Net>, ArmError> {
    match text.parse() {
        Ok(IpAddr::V4(address)) => Ok(Some(address.into())),
        Ok(IpAddr::V6(_)) => Ok(None),
        Err(_) => Err(unreadable(id, field, text)),
    }
}

fn unreadable(id: &ResourceId, field: &str, text: &str) -> ArmError {
    let why = format!("`properties.{field}` is `{}`", clean(text));
    ArmError::bad_reply(id.as_str(), why)
}

/// A list that need not be there.
fn list<'a>(value: &'a Value, pointer: &str, id: &ResourceId) -> Result<&'a [Value], ArmError> {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) if entries.len() <= MOST_LINKED => Ok(entries),
        Some(_) => {
            let why = format!("`properties{}` is no short list", pointer.replace('/', "."));
            Err(ArmError::bad_reply(id.as_str(), why))
        }
    }
}

/// The resources that are linked under `{field}[].id`.
fn linked(properties: &Value, field: &str, id: &ResourceId) -> Result<Vec<ResourceId>, ArmError> {
    let links = list(properties, &format!("/{field}"), id)?.iter();
    links
        .map(|link| parse(text(link, "id").unwrap_or_default(), id))
        .collect()
}

fn parse(link: &str, id: &ResourceId) -> Result<ResourceId, ArmError> {
    link.parse()
        .map_err(|error| ArmError::bad_reply(id.as_str(), format!("{error}")))
}

fn of_type(link: ResourceId, kind: &'static str, id: &ResourceId) -> Result<ResourceId, ArmError> {
    link.of_type(kind)
        .map_err(|error| ArmError::bad_reply(id.as_str(), error.to_string()))
}
