//! What else there is to know before somebody opens a firewall: better ways in than an entry. Advice
//! changes no verdict.

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
}

impl Advice {
    /// Every piece of advice.
    pub const ALL: [Self; 6] = [
        Self::AcrTasksSharedAgents,
        Self::AzureDevopsHostedAgent,
        Self::GithubHostedRunner,
        Self::AzureSharedPool,
        Self::ApplicationGateway,
        Self::ImageImport,
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
        }
    }

    /// What to do, for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::AcrTasksSharedAgents => {
                "the address is in the service tag that ACR Tasks' shared agents leave from, and so do the tasks of every other tenant: use a dedicated agent pool behind a NAT gateway, or let tasks bypass the network rules (`networkRuleBypassAllowedForTasks`) as a trusted service, with a system-assigned identity and `--auth-mode None`"
            }
            Self::AzureDevopsHostedAgent => {
                "the address is in Azure DevOps' own pool: a Microsoft-hosted agent has another address next time; use a self-hosted agent or Managed DevOps Pools with an egress of your own"
            }
            Self::GithubHostedRunner => {
                "the address is that of a GitHub-hosted runner, which every tenant shares: use larger runners with static addresses, runners in your own network, or a rule that demands the claims of the job's own token"
            }
            Self::AzureSharedPool => {
                "the address belongs to Azure and may serve another tenant soon: give the caller an egress of your own (a NAT gateway), or reach the registry through a private endpoint"
            }
            Self::ApplicationGateway => {
                "the registry was reached by a name that is not its own, so something such as an Application Gateway stands before it: by a single report from 2023, which Microsoft does not confirm, the registry checks the client's own address as `X-Forwarded-For` tells it; if so, whoever reaches the registry past the gateway can forge that: let the gateway overwrite the header, and come to the registry through a private endpoint"
            }
            Self::ImageImport => {
                "an import between registries was refused: the registry named here is the one that refused, whichever side of the import it is on; the import comes from Azure, not from whoever asked for it, so let trusted services in on that registry (`--allow-trusted-services`) rather than an address"
            }
        }
    }

    /// Microsoft's or GitHub's page about it.
    pub fn link(self) -> &'static str {
        match self {
            Self::AcrTasksSharedAgents => {
                "https://learn.microsoft.com/azure/container-registry/manage-network-bypass-policy-for-tasks"
            }
            Self::AzureDevopsHostedAgent => {
                "https://learn.microsoft.com/azure/devops/pipelines/agents/hosted#networking"
            }
            Self::GithubHostedRunner => {
                "https://docs.github.com/actions/concepts/runners/github-hosted-runners#ip-addresses"
            }
            Self::AzureSharedPool => "https://learn.microsoft.com/azure/nat-gateway/nat-overview",
            Self::ApplicationGateway => {
                "https://learn.microsoft.com/azure/application-gateway/how-application-gateway-works"
            }
            Self::ImageImport => {
                "https://learn.microsoft.com/azure/container-registry/container-registry-import-images"
            }
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
