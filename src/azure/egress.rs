//! From which addresses a NAT gateway speaks: its public IP addresses and prefixes.

use super::arm::Arm;
use super::call::Call;
use super::error::{ArmError, clean};
use crate::domain::resource_id::{PUBLIC_IP_ADDRESS, PUBLIC_IP_PREFIX, ResourceId};
use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;
use std::net::IpAddr;

/// The api-version that network resources are read with.
const API_VERSION: &str = "2024-05-01";

/// More addresses and prefixes than a gateway can have (16 addresses each).
const MAX_LINKED: usize = 100;

impl Arm {
    /// The IPv4 networks that a NAT gateway's callers come from, sorted, each once. Addresses of
    /// version 6 are left out: ACR's IP rules cannot express them.
    ///
    /// Either all that the gateway names is known or there is an error: half an answer would
    /// look like a caller from elsewhere.
    pub async fn nat_gateway_egress(
        &self,
        id: &ResourceId,
        call: &Call,
    ) -> Result<Vec<Ipv4Net>, ArmError> {
        let gateway = self.get(self.url(id.as_str(), API_VERSION), call).await?;
        let addresses = linked(&gateway, "publicIpAddresses", PUBLIC_IP_ADDRESS, id)?;
        let prefixes = linked(&gateway, "publicIpPrefixes", PUBLIC_IP_PREFIX, id)?;
        let mut networks = Vec::new();
        for address in &addresses {
            networks.extend(self.public_ip(address, call).await?);
        }
        for prefix in &prefixes {
            networks.extend(self.public_ip_prefix(prefix, call).await?);
        }
        networks.sort_unstable();
        networks.dedup();
        Ok(networks)
    }

    /// A public IP address as a network of one; `None` if it is of version 6, or dynamic and not
    /// in use, when it has no address.
    pub async fn public_ip(
        &self,
        id: &ResourceId,
        call: &Call,
    ) -> Result<Option<Ipv4Net>, ArmError> {
        let resource = self.get(self.url(id.as_str(), API_VERSION), call).await?;
        let Some(text) = property(&resource, "ipAddress") else {
            tracing::warn!(%id, "the public IP address has no address now: it is passed over");
            return Ok(None);
        };
        match text.parse() {
            Ok(IpAddr::V4(address)) => Ok(Some(address.into())),
            Ok(IpAddr::V6(_)) => Ok(None),
            Err(_) => Err(unreadable(id, "ipAddress", text)),
        }
    }

    /// The network of a public IP prefix; `None` if it is of version 6.
    pub async fn public_ip_prefix(
        &self,
        id: &ResourceId,
        call: &Call,
    ) -> Result<Option<Ipv4Net>, ArmError> {
        let resource = self.get(self.url(id.as_str(), API_VERSION), call).await?;
        let Some(text) = property(&resource, "ipPrefix") else {
            tracing::warn!(%id, "the public IP prefix has no network now: it is passed over");
            return Ok(None);
        };
        match text.parse() {
            Ok(IpNet::V4(network)) => Ok(Some(network.trunc())),
            Ok(IpNet::V6(_)) => Ok(None),
            Err(_) => Err(unreadable(id, "ipPrefix", text)),
        }
    }
}

fn property<'a>(resource: &'a Value, name: &str) -> Option<&'a str> {
    resource.get("properties")?.get(name)?.as_str()
}

fn unreadable(id: &ResourceId, field: &str, text: &str) -> ArmError {
    ArmError::bad_reply(
        id.as_str(),
        format!("`properties.{field}` is `{}`", clean(text)),
    )
}

/// The resources that a gateway links under `properties.{field}[].id`.
fn linked(
    gateway: &Value,
    field: &str,
    kind: &'static str,
    id: &ResourceId,
) -> Result<Vec<ResourceId>, ArmError> {
    let bad = |why: String| ArmError::bad_reply(id.as_str(), why);
    let Some(properties) = gateway.get("properties") else {
        return Err(bad("it has no `properties`".to_owned()));
    };
    let links = match properties.get(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(links)) if links.len() <= MAX_LINKED => links,
        Some(_) => return Err(bad(format!("`properties.{field}` is no short list"))),
    };
    let read = |link: &Value| {
        let text = link.get("id").and_then(Value::as_str).unwrap_or_default();
        let id: ResourceId = text.parse().map_err(|error| bad(format!("{error}")))?;
        id.of_type(kind).map_err(|error| bad(error.to_string()))
    };
    links.iter().map(read).collect()
}
