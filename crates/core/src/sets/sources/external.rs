//! Where the addresses of a set come from when the policy does not say them itself.

use super::geo::Wanted;
use super::web_url::WebUrl;
use crate::net::resource_id::{
    AGENT_POOL, AZURE_FIREWALL, CONTAINER_APP, CONTAINER_APP_JOB, DEVOPS_POOL, MANAGED_CLUSTER,
    NAT_GATEWAY, PUBLIC_IP_ADDRESS, PUBLIC_IP_PREFIX, ResourceId, SUBNET, WEB_APP,
};
use std::fmt;
use std::time::Duration;

/// Where addresses come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum External {
    /// What a resource in Azure sends from, through Azure Resource Manager.
    Azure(AzureKind, ResourceId),
    /// A file with one CIDR or address a line, relative to the policy folder.
    CidrsFile(String),
    /// A service tag of Azure.
    ServiceTag {
        /// Which list of tags.
        from: TagsFrom,
        /// The tag as the policy names it; compared without regard to case.
        tag: String,
    },
    /// Countries or autonomous systems of a database in MaxMind's format.
    Geo {
        /// The file, relative to the policy folder.
        file: String,
        /// Which of it.
        wanted: Wanted,
    },
    /// The addresses that GitHub publishes.
    GithubMeta {
        /// Where its answer is read.
        from: MetaFrom,
        /// The list in it: `actions`.
        key: String,
    },
    /// A list of one CIDR a line, from a web server.
    Http(WebUrl),
}

/// Resources of Azure whose outgoing addresses are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AzureKind {
    /// A NAT gateway: its public IP addresses and prefixes.
    NatGateway,
    /// A public IP address.
    PublicIp,
    /// A public IP prefix.
    PublicIpPrefix,
    /// A subnet: its NAT gateway.
    Subnet,
    /// A dedicated agent pool of ACR Tasks: the NAT gateway of its subnet.
    AgentPool,
    /// A Managed DevOps Pool: its static addresses, or the NAT gateway of its subnet.
    DevopsPool,
    /// An Azure Firewall: its public IP addresses.
    AzureFirewall,
    /// A cluster of AKS: what its outbound type says.
    AksEgress,
    /// An app of App Service or Functions: addresses of its scale unit.
    AppServiceEgress,
    /// A container app or job: addresses that its environment shares.
    ContainerAppEgress,
}

/// Which list of service tags. One never stands in for the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagsFrom {
    /// Microsoft's weekly file, relative to the policy folder.
    File(String),
    /// Azure Resource Manager
    /// (<https://learn.microsoft.com/rest/api/virtualnetwork/service-tags/list>).
    Arm {
        /// The subscription that is asked.
        subscription: String,
        /// The region that is asked: it says which version of the list, and filters nothing.
        location: String,
    },
}

/// Where GitHub's list is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetaFrom {
    /// A file, relative to the policy folder.
    File(String),
    /// GitHub itself, or a mirror.
    Web(WebUrl),
}

impl AzureKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::NatGateway,
        Self::PublicIp,
        Self::PublicIpPrefix,
        Self::Subnet,
        Self::AgentPool,
        Self::DevopsPool,
        Self::AzureFirewall,
        Self::AksEgress,
        Self::AppServiceEgress,
        Self::ContainerAppEgress,
    ];

    /// Its name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::NatGateway => "nat_gateway",
            Self::PublicIp => "public_ip",
            Self::PublicIpPrefix => "public_ip_prefix",
            Self::Subnet => "subnet",
            Self::AgentPool => "agent_pool",
            Self::DevopsPool => "devops_pool",
            Self::AzureFirewall => "azure_firewall",
            Self::AksEgress => "aks_egress",
            Self::AppServiceEgress => "app_service_egress",
            Self::ContainerAppEgress => "container_app_egress",
        }
    }

    /// The provider and type of the resources that it takes; the usual one first.
    pub fn types(self) -> &'static [&'static str] {
        match self {
            Self::NatGateway => &[NAT_GATEWAY],
            Self::PublicIp => &[PUBLIC_IP_ADDRESS],
            Self::PublicIpPrefix => &[PUBLIC_IP_PREFIX],
            Self::Subnet => &[SUBNET],
            Self::AgentPool => &[AGENT_POOL],
            Self::DevopsPool => &[DEVOPS_POOL],
            Self::AzureFirewall => &[AZURE_FIREWALL],
            Self::AksEgress => &[MANAGED_CLUSTER],
            Self::AppServiceEgress => &[WEB_APP],
            Self::ContainerAppEgress => &[CONTAINER_APP, CONTAINER_APP_JOB],
        }
    }

    /// Whether nobody but the owner of the resource sends from there.
    pub fn is_owned(self) -> bool {
        !matches!(self, Self::AppServiceEgress | Self::ContainerAppEgress)
    }
}

impl External {
    /// Whether it stands in a file of the policy folder, where a person put it; the rest comes over
    /// the network.
    pub fn in_file(&self) -> bool {
        match self {
            Self::CidrsFile(_)
            | Self::Geo { .. }
            | Self::ServiceTag {
                from: TagsFrom::File(_),
                ..
            }
            | Self::GithubMeta {
                from: MetaFrom::File(_),
                ..
            } => true,
            Self::Azure(..) | Self::ServiceTag { .. } | Self::GithubMeta { .. } | Self::Http(_) => {
                false
            }
        }
    }

    /// Whether nobody but its owner sends from there; others are shared by many tenants.
    pub fn is_owned(&self) -> bool {
        match self {
            Self::Azure(kind, _) => kind.is_owned(),
            Self::CidrsFile(_) => true,
            Self::ServiceTag { .. }
            | Self::Geo { .. }
            | Self::GithubMeta { .. }
            | Self::Http(_) => false,
        }
    }

    /// Its name in a policy: `nat_gateway`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Azure(kind, _) => kind.name(),
            Self::CidrsFile(_) => "cidrs_file",
            Self::ServiceTag { .. } => "service_tag",
            Self::Geo {
                wanted: Wanted::Countries(_),
                ..
            } => "country",
            Self::Geo {
                wanted: Wanted::Systems(_),
                ..
            } => "asn",
            Self::GithubMeta { .. } => "github_meta",
            Self::Http(_) => "http",
        }
    }

    /// How often it is loaded anew, unless the policy says otherwise: as often as it changes, and as
    /// its source bears. GitHub takes 60 questions an hour from an address that it does not know;
    /// Azure's list of tags is megabytes, and changes once a week.
    pub fn usual_refresh(&self) -> Duration {
        match self {
            Self::ServiceTag {
                from: TagsFrom::Arm { .. },
                ..
            }
            | Self::GithubMeta {
                from: MetaFrom::Web(_),
                ..
            } => Duration::from_hours(6),
            Self::Http(_) => Duration::from_hours(1),
            Self::Azure(..)
            | Self::CidrsFile(_)
            | Self::Geo { .. }
            | Self::ServiceTag { .. }
            | Self::GithubMeta { .. } => Duration::from_mins(10),
        }
    }

    /// What is asked for it: the same for all tags of one list, so that they are loaded together.
    pub fn origin(&self) -> String {
        match self {
            Self::ServiceTag { from, .. } => from.to_string(),
            Self::GithubMeta { from, .. } => from.to_string(),
            Self::Azure(..) | Self::CidrsFile(_) | Self::Geo { .. } | Self::Http(_) => {
                self.to_string()
            }
        }
    }
}

impl fmt::Display for TagsFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.write_str(file),
            Self::Arm {
                subscription,
                location,
            } => write!(f, "Azure ({location}, subscription {subscription})"),
        }
    }
}

impl fmt::Display for MetaFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.write_str(file),
            Self::Web(url) => url.fmt(f),
        }
    }
}

/// What it is called in logs, in the ledger and on the operator's side. Of an URL, which may hold a
/// secret, only the host is told.
impl fmt::Display for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Azure(kind, id) => write!(f, "{} {id}", kind.name()),
            Self::CidrsFile(path) => write!(f, "cidrs_file {path}"),
            Self::ServiceTag { from, tag } => write!(f, "service_tag {tag} of {from}"),
            Self::Geo { file, wanted } => match wanted {
                Wanted::Countries(codes) => {
                    write!(f, "country {} of {file}", codes.join(", "))
                }
                Wanted::Systems(numbers) => {
                    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                    write!(f, "asn {} of {file}", numbers.join(", "))
                }
            },
            Self::GithubMeta { from, key } => write!(f, "github_meta {key} of {from}"),
            Self::Http(url) => write!(f, "http {url}"),
        }
    }
}
