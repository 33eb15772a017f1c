//! What else there is to know before somebody opens a firewall: better ways in than an entry. Advice
//! changes no verdict.

mod texts;

use serde::{Deserialize, Serialize};

/// A piece of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// The address is in the service tag that ACR Tasks' shared agents leave from.
    AcrTasksSharedAgents,
    /// A Microsoft-hosted agent of Azure DevOps.
    AzureDevopsHostedAgent,
    /// One of GitHub's hosted runners.
    GithubHostedRunner,
    /// Another pool of Azure's own addresses.
    AzureSharedPool,
    /// A host in front of the registry, such as an Application Gateway.
    ApplicationGateway,
    /// An import between registries.
    ImageImport,
    /// The registry does not let ACR Tasks pass by its network rules.
    TasksBypassDisabled,
    /// The registry does not let trusted services pass, and the caller is like one.
    TrustedServicesDisabled,
    /// The registry's endpoints have IPv6 addresses, and the caller came by one.
    DualStackCaller,
    /// The registry takes no tokens for Azure Resource Manager, and the caller is like one that has no other.
    ArmTokensDisabled,
    /// A data endpoint of the registry's own refused.
    DedicatedDataEndpoint,
    /// The registry has a private endpoint, and an address of one's own came by the public one.
    PrivateEndpointBypassed,
}

impl Advice {
    /// Every piece of advice.
    pub const ALL: [Self; 12] = [
        Self::AcrTasksSharedAgents,
        Self::AzureDevopsHostedAgent,
        Self::GithubHostedRunner,
        Self::AzureSharedPool,
        Self::ApplicationGateway,
        Self::ImageImport,
        Self::TasksBypassDisabled,
        Self::TrustedServicesDisabled,
        Self::DualStackCaller,
        Self::ArmTokensDisabled,
        Self::DedicatedDataEndpoint,
        Self::PrivateEndpointBypassed,
    ];

    /// The advice of this code.
    pub fn by_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|advice| advice.code() == code)
    }

    /// For programs; it stays the same.
    pub fn code(self) -> &'static str {
        match self {
            Self::AcrTasksSharedAgents => "acr_tasks_shared_agents",
            Self::AzureDevopsHostedAgent => "azure_devops_hosted_agent",
            Self::GithubHostedRunner => "github_hosted_runner",
            Self::AzureSharedPool => "azure_shared_pool",
            Self::ApplicationGateway => "application_gateway",
            Self::ImageImport => "image_import",
            Self::TasksBypassDisabled => "tasks_bypass_disabled",
            Self::TrustedServicesDisabled => "trusted_services_disabled",
            Self::DualStackCaller => "dual_stack_caller",
            Self::ArmTokensDisabled => "arm_tokens_disabled",
            Self::DedicatedDataEndpoint => "dedicated_data_endpoint",
            Self::PrivateEndpointBypassed => "private_endpoint_bypassed",
        }
    }
}

/// Advice about an address in these service tags and lists (`AzureContainerRegistry.WestEurope`,
/// `github`): the nearest reason, each once.
pub fn of_holders<'a>(holders: impl IntoIterator<Item = &'a str>) -> Vec<Advice> {
    let (mut found, mut azure) = (Vec::new(), false);
    for holder in holders {
        let service = holder.split('.').next().unwrap_or_default();
        let advice = match service.to_ascii_lowercase().as_str() {
            "azurecontainerregistry" => Advice::AcrTasksSharedAgents,
            "azuredevops" => Advice::AzureDevopsHostedAgent,
            "github" => Advice::GithubHostedRunner,
            _ => {
                azure = true;
                continue;
            }
        };
        if !found.contains(&advice) {
            found.push(advice);
        }
    }
    if found.is_empty() && azure {
        found.push(Advice::AzureSharedPool);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_reason_is_named_once() {
        let tags = [
            "AzureCloud",
            "azurecontainerregistry.westeurope",
            "AzureContainerRegistry",
        ];
        assert_eq!(of_holders(tags), [Advice::AcrTasksSharedAgents]);
        let cloud = of_holders(["AzureCloud.westeurope"]);
        assert_eq!(cloud, [Advice::AzureSharedPool]);
        assert_eq!(of_holders([]), []);
    }

    #[test]
    fn advice_says_how_well_it_is_founded() {
        let text = Advice::ApplicationGateway.text();
        assert!(text.contains("a single report"), "{text}");
    }

    #[test]
    fn codes_are_what_the_ledger_holds() {
        for advice in Advice::ALL {
            let written = serde_json::to_value(advice).unwrap();
            assert_eq!(written, advice.code());
            assert_eq!(Advice::by_code(advice.code()), Some(advice));
            assert!(advice.link().starts_with("https://"));
        }
    }
}
