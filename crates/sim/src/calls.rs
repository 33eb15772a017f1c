//! Which of Azure's calls a request is, from its listener, method and path.

use super::wire::{Incoming, Listener};
use axum::http::Method;

/// A call, as faults, holds and the record of requests name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// GET of one registry.
    GetRegistry,
    /// PATCH of one registry.
    PatchRegistry,
    /// GET of all registries of a subscription or resource group, or of resources of any kind.
    ListRegistries,
    /// GET of a registry's `listUsages`.
    ListUsages,
    /// GET of what the caller may do on a registry.
    Permissions,
    /// GET of a registry's diagnostic settings.
    DiagnosticSettings,
    /// GET of an asynchronous operation's status.
    GetOperation,
    /// GET of another resource: a NAT gateway, public IP address, subnet, agent pool, cluster, app, …
    GetResource,
    /// POST of a query about a registry's log.
    LogQuery,
    /// POST of a query to Azure Resource Graph.
    ResourceGraph,
    /// GET of the service tags.
    ServiceTags,
    /// GET of subscriptions or tenants.
    Subscriptions,
    /// GET of `metadata/endpoints`, which `az cloud register` asks for.
    CloudMetadata,
    /// POST to the authority's token endpoint.
    Token,
    /// GET of an `OpenID` configuration or the authority's instance discovery.
    OpenIdConfiguration,
    /// GET of the authority's key set.
    KeySet,
    /// GET of the managed identity endpoint.
    Identity,
    /// Anything of a registry's data plane.
    DataPlane,
    /// GET of a page that stands in for some site on the web.
    WebPage,
    /// Anything else.
    Other,
}

/// Which requests a fault or a hold is meant for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    call: Option<Call>,
    part: Option<String>,
}

impl Target {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    pub(super) fn meets(&self, call: Call, path: &str) -> bool {
        self.call.is_none_or(|wanted| wanted == call)
            && self
                .part
                .as_ref()
                .is_none_or(|part| path.to_ascii_lowercase().contains(part))
    }
}

impl From<Call> for Target {
    fn from(call: Call) -> Self {
        Self {
            call: Some(call),
            part: None,
        }
    }
}

impl From<(Call, &str)> for Target {
    /// The call, where the path contains this (a registry's name), whatever its case.
    fn from((call, part): (Call, &str)) -> Self {
        Self {
            call: Some(call),
            part: Some(part.to_ascii_lowercase()),
        }
    }
}

/// Where a request leads. Resource Manager's names are lower-case here, since it ignores case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Subscriptions,
    Subscription(String),
    Tenants,
    CloudMetadata,
    Registries {
        subscription: String,
        group: Option<String>,
    },
    /// All resources of a subscription.
    Resources(String),
    Registry(RegistryPath),
    Usages(RegistryPath),
    Permissions(RegistryPath),
    DiagnosticSettings(RegistryPath),
    /// One of them, by its name.
    DiagnosticSetting(RegistryPath, String),
    Operation(RegistryPath, String),
    /// A query about a registry's log, through Resource Manager or to the service itself.
    Logs {
        registry: RegistryPath,
        direct: bool,
    },
    /// A resource other than a registry, by its whole id.
    Resource(String),
    ResourceGraph,
    ServiceTags {
        subscription: String,
        location: String,
    },
    UnknownResource,
    Token(String),
    OpenId {
        tenant: String,
        v2: bool,
    },
    InstanceDiscovery,
    KeySet(String),
    Identity,
    /// What follows the host, as path segments.
    DataPlane(Vec<String>),
    /// A page of the web, by its path as it was written.
    WebPage(String),
    Nothing,
}

/// What a registry's path names, lower-case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegistryPath {
    pub(super) subscription: String,
    pub(super) group: String,
    pub(super) name: String,
}

impl Route {
    /// Where the request leads, by its listener and path; the method is the handler's matter.
    pub(super) fn of(request: &Incoming) -> Self {
        let path = request.path.trim_matches('/');
        let kept: Vec<&str> = path.split('/').collect();
        let lower = path.to_ascii_lowercase();
        let segments: Vec<&str> = lower.split('/').collect();
        match request.door {
            Listener::Authority => Self::of_authority(&segments),
            Listener::Plain | Listener::ResourceManager => match segments.as_slice() {
                ["msi", "token"] => Self::Identity,
                ["v1", "", resource @ .., "query"] | ["v1", resource @ .., "query"] => {
                    match Self::of_resource_manager(resource, "") {
                        Self::Registry(registry) => Self::Logs {
                            registry,
                            direct: true,
                        },
                        _ => Self::UnknownResource,
                    }
                }
                ["web", ..] => Self::WebPage(format!("/{path}")),
                ["v2" | "oauth2", ..] => {
                    Self::DataPlane(kept.into_iter().map(str::to_owned).collect())
                }
                _ => Self::of_resource_manager(&segments, &lower),
            },
        }
    }

    fn of_authority(segments: &[&str]) -> Self {
        let tenant = |tenant: &str| tenant.to_owned();
        match *segments {
            ["common", "discovery", "instance"] => Self::InstanceDiscovery,
            [of, "oauth2", "v2.0", "token"] => Self::Token(tenant(of)),
            [of, "v2.0", ".well-known", "openid-configuration"] => Self::OpenId {
                tenant: tenant(of),
                v2: true,
            },
            [of, ".well-known", "openid-configuration"] => Self::OpenId {
                tenant: tenant(of),
                v2: false,
            },
            [of, "discovery", "v2.0", "keys"] | [of, "discovery", "keys"] => {
                Self::KeySet(tenant(of))
            }
            _ => Self::Nothing,
        }
    }

    fn of_resource_manager(segments: &[&str], path: &str) -> Self {
        match *segments {
            ["subscriptions"] => Self::Subscriptions,
            ["tenants"] => Self::Tenants,
            ["metadata", "endpoints"] => Self::CloudMetadata,
            ["subscriptions", subscription] => Self::Subscription(subscription.to_owned()),
            ["subscriptions", subscription, "resources"] => {
                Self::Resources(subscription.to_owned())
            }
            [
                "subscriptions",
                subscription,
                "providers",
                "microsoft.network",
                "locations",
                location,
                "servicetags",
            ] => Self::ServiceTags {
                subscription: subscription.to_owned(),
                location: location.to_owned(),
            },
            [
                "subscriptions",
                subscription,
                "providers",
                "microsoft.containerregistry",
                "registries",
            ] => Self::Registries {
                subscription: subscription.to_owned(),
                group: None,
            },
            [
                "subscriptions",
                subscription,
                "resourcegroups",
                group,
                "providers",
                "microsoft.containerregistry",
                "registries",
                ref rest @ ..,
            ] => match rest {
                [_, "agentpools"] | [_, "agentpools", _] => Self::Resource(format!("/{path}")),
                _ => Self::of_registry(subscription, group, rest),
            },
            _ if is_resource(segments) => Self::Resource(format!("/{path}")),
            ["providers", "microsoft.resourcegraph", "resources"] => Self::ResourceGraph,
            ["subscriptions" | "providers", ..] => Self::UnknownResource,
            _ => Self::Nothing,
        }
    }

    fn of_registry(subscription: &str, group: &str, rest: &[&str]) -> Self {
        let path = |name: &str| RegistryPath {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            name: name.to_owned(),
        };
        match *rest {
            [] => Self::Registries {
                subscription: subscription.to_owned(),
                group: Some(group.to_owned()),
            },
            [name] => Self::Registry(path(name)),
            [name, "listusages"] => Self::Usages(path(name)),
            [name, "providers", "microsoft.insights", "logs"] => Self::Logs {
                registry: path(name),
                direct: false,
            },
            [name, "providers", "microsoft.authorization", "permissions"] => {
                Self::Permissions(path(name))
            }
            [
                name,
                "providers",
                "microsoft.insights",
                "diagnosticsettings",
            ] => Self::DiagnosticSettings(path(name)),
            [
                name,
                "providers",
                "microsoft.insights",
                "diagnosticsettings",
                setting,
            ] => Self::DiagnosticSetting(path(name), setting.to_owned()),
            [name, "operationstatuses", operation] => {
                Self::Operation(path(name), operation.to_owned())
            }
            _ => Self::UnknownResource,
        }
    }

    /// The call's name.
    pub(super) fn call(&self, method: &Method) -> Call {
        match self {
            Self::Registry(_) if method == Method::GET => Call::GetRegistry,
            Self::Registry(_) if method == Method::PATCH => Call::PatchRegistry,
            Self::Registries { .. } | Self::Resources(_) => Call::ListRegistries,
            Self::Usages(_) => Call::ListUsages,
            Self::Permissions(_) => Call::Permissions,
            Self::DiagnosticSettings(_) | Self::DiagnosticSetting(..) => Call::DiagnosticSettings,
            Self::Operation(..) => Call::GetOperation,
            Self::Resource(_) => Call::GetResource,
            Self::Logs { .. } => Call::LogQuery,
            Self::ResourceGraph => Call::ResourceGraph,
            Self::WebPage(_) => Call::WebPage,
            Self::ServiceTags { .. } => Call::ServiceTags,
            Self::Subscriptions | Self::Subscription(_) | Self::Tenants => Call::Subscriptions,
            Self::CloudMetadata => Call::CloudMetadata,
            Self::Token(_) => Call::Token,
            Self::OpenId { .. } | Self::InstanceDiscovery => Call::OpenIdConfiguration,
            Self::KeySet(_) => Call::KeySet,
            Self::Identity => Call::Identity,
            Self::DataPlane(_) => Call::DataPlane,
            Self::Registry(_) | Self::UnknownResource | Self::Nothing => Call::Other,
        }
    }

    /// Whether this is Resource Manager's, which wants a bearer token.
    pub(super) fn is_resource_manager(&self) -> bool {
        !matches!(
            self,
            Self::Token(_)
                | Self::OpenId { .. }
                | Self::InstanceDiscovery
                | Self::KeySet(_)
                | Self::Identity
                | Self::CloudMetadata
                | Self::DataPlane(_)
                | Self::WebPage(_)
                | Self::Nothing
        )
    }
}

/// Whether a path leads to what addresses come from: one resource, a group's list or a subscription's.
fn is_resource(segments: &[&str]) -> bool {
    match *segments {
        ["subscriptions", _, "providers", "microsoft.network", kind] => matches!(
            kind,
            "natgateways" | "publicipaddresses" | "publicipprefixes" | "virtualnetworks"
        ),
        [
            "subscriptions",
            _,
            "resourcegroups",
            _,
            "providers",
            provider,
            ..,
        ] => matches!(
            provider,
            "microsoft.network"
                | "microsoft.containerservice"
                | "microsoft.devopsinfrastructure"
                | "microsoft.web"
                | "microsoft.app"
        ),
        _ => false,
    }
}
