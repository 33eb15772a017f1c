//! An ARM resource id: which Azure resource is meant.
//!
//! Shape: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The provider and type of an Azure container registry.
pub const REGISTRY: &str = "Microsoft.ContainerRegistry/registries";
/// The provider and type of a NAT gateway.
pub const NAT_GATEWAY: &str = "Microsoft.Network/natGateways";
/// The provider and type of a public IP address.
pub const PUBLIC_IP_ADDRESS: &str = "Microsoft.Network/publicIPAddresses";
/// The provider and type of a public IP prefix.
pub const PUBLIC_IP_PREFIX: &str = "Microsoft.Network/publicIPPrefixes";
/// The provider and type of a subnet.
pub const SUBNET: &str = "Microsoft.Network/virtualNetworks/subnets";
/// The provider and type of an Azure Firewall.
pub const AZURE_FIREWALL: &str = "Microsoft.Network/azureFirewalls";
/// The provider and type of a dedicated agent pool of ACR Tasks.
pub const AGENT_POOL: &str = "Microsoft.ContainerRegistry/registries/agentPools";
/// The provider and type of a Managed DevOps Pool.
pub const DEVOPS_POOL: &str = "Microsoft.DevOpsInfrastructure/pools";
/// The provider and type of a cluster of AKS.
pub const MANAGED_CLUSTER: &str = "Microsoft.ContainerService/managedClusters";
/// The provider and type of an app of App Service or Functions.
pub const WEB_APP: &str = "Microsoft.Web/sites";
/// The provider and type of a container app.
pub const CONTAINER_APP: &str = "Microsoft.App/containerApps";
/// The provider and type of a job of Container Apps.
pub const CONTAINER_APP_JOB: &str = "Microsoft.App/jobs";

/// Longer than any id Azure hands out.
const MAX_LENGTH: usize = 1024;

/// `/subscriptions/{id}/resourceGroups/{group}/providers/{provider}/{type}/{name}`, child types
/// (`…/{type}/{name}`) included.
///
/// Azure compares ids without regard to case, and so does this; it shows what it was given. Every
/// part is made of letters, digits and `-_.()`, so an id never changes the meaning of an URL.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId {
    text: String,
    lower: String,
    kind: String,
}

/// A text that is no resource id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not the id of an Azure resource: {why}; an id reads `/subscriptions/<id>/resourceGroups/<group>/providers/<provider>/<type>/<name>`, copy it from the resource's properties page or `az resource show --query id`"
)]
pub struct NotAResourceId {
    /// What was given, cut short if long.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// An id of another type than the one needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` names a `{found}`, but a `{wanted}` is needed here: copy the id of that one")]
pub struct WrongType {
    /// The id given.
    pub id: String,
    /// Its provider and type.
    pub found: String,
    /// The provider and type needed.
    pub wanted: &'static str,
}

impl ResourceId {
    /// The subscription's id.
    pub fn subscription(&self) -> &str {
        self.part(1)
    }

    /// The resource group's name.
    pub fn resource_group(&self) -> &str {
        self.part(3)
    }

    /// Provider and type, child types included: `Microsoft.ContainerRegistry/registries`.
    pub fn provider_type(&self) -> &str {
        &self.kind
    }

    /// The resource's own name: the last part.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id in lower case: equal ids have equal keys.
    pub fn key(&self) -> &str {
        &self.lower
    }

    /// Passes the id on if it is of this provider and type ([`REGISTRY`] and the like).
    pub fn of_type(self, wanted: &'static str) -> Result<Self, WrongType> {
        if self.is_type(wanted) {
            Ok(self)
        } else {
            Err(WrongType {
                found: self.kind,
                id: self.text,
                wanted,
            })
        }
    }

    /// Whether the id is of this provider and type, without regard to case.
    pub fn is_type(&self, wanted: &str) -> bool {
        self.kind.eq_ignore_ascii_case(wanted)
    }

    fn part(&self, index: usize) -> &str {
        self.text.split('/').skip(1).nth(index).unwrap_or_default()
    }
}

impl FromStr for ResourceId {
    type Err = NotAResourceId;

    fn from_str(text: &str) -> Result<Self, NotAResourceId> {
        let refuse = |why: String| NotAResourceId {
            text: text.chars().take(200).filter(|c| !c.is_control()).collect(),
            why,
        };
        if text.len() > MAX_LENGTH {
            return Err(refuse(format!("it is longer than {MAX_LENGTH} bytes")));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(refuse("it does not start with `/`".to_owned()));
        };
        let parts: Vec<&str> = rest.split('/').collect();
        if let Some(part) = parts.iter().find(|part| !is_plain(part)) {
            return Err(refuse(if part.is_empty() {
                "it has an empty part".to_owned()
            } else {
                "a part holds a character that names do not have, or is `.` or `..`".to_owned()
            }));
        }
        let kind = kind(&parts).map_err(refuse)?;
        Ok(Self {
            lower: text.to_lowercase(),
            text: text.to_owned(),
            kind,
        })
    }
}

/// Provider and types of an id's parts, or what is missing.
fn kind(parts: &[&str]) -> Result<String, String> {
    let keyword = |index: usize, word: &str| match parts.get(index) {
        Some(part) if part.eq_ignore_ascii_case(word) => Ok(()),
        Some(_) => Err(format!("part {} is not `{word}`", index.saturating_add(1))),
        None => Err(format!("it ends before `{word}`")),
    };
    keyword(0, "subscriptions")?;
    keyword(2, "resourceGroups")?;
    keyword(4, "providers")?;
    let (Some(provider), Some(below)) = (parts.get(5), parts.get(6..)) else {
        return Err("it ends before the provider".to_owned());
    };
    let (pairs, left_over) = below.as_chunks::<2>();
    if pairs.is_empty() || !left_over.is_empty() {
        return Err("it does not end with a type and a name".to_owned());
    }
    let types = pairs.iter().map(|[kind, _]| *kind);
    Ok(std::iter::once(*provider)
        .chain(types)
        .collect::<Vec<_>>()
        .join("/"))
}

fn is_plain(part: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '(' | ')');
    !part.is_empty() && part.chars().all(plain) && part.chars().any(|c| c != '.')
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.lower == other.lower
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lower.hash(state);
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lower.cmp(&other.lower)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for ResourceId {
    type Error = NotAResourceId;

    fn try_from(text: String) -> Result<Self, NotAResourceId> {
        text.parse()
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.text
    }
}

#[cfg(test)]
mod tests;
