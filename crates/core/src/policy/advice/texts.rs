//! What advice says, and the page about it.

use super::Advice;

impl Advice {
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
            Self::TasksBypassDisabled | Self::TrustedServicesDisabled => self.text_of_bypass(),
            Self::DualStackCaller => {
                "the registry's endpoints have IPv6 addresses too (`endpointProtocol: IPv4AndIPv6`), and its IP rules know IPv4 only: have this caller come by IPv4, use a private endpoint, or set `endpointProtocol: 'IPv4'`"
            }
            Self::ArmTokensDisabled => {
                "the registry takes no tokens for Azure Resource Manager (`azureADAuthenticationAsArmPolicy` is disabled), which agents hosted by Microsoft Foundry sign in with: enable it (`az acr config authentication-as-arm update --registry NAME --status enabled`; Bicep `policies: { azureADAuthenticationAsArmPolicy: { status: 'enabled' } }`), else their pulls fail without a line in the log"
            }
            Self::DedicatedDataEndpoint => {
                "a dedicated data endpoint refused: the registry's one list of entries guards it too, so the same entry lets the caller in there; a firewall on the caller's side must let out both the login server and every `*.data.azurecr.io` host that `az acr show-endpoints` lists"
            }
            Self::PrivateEndpointBypassed => {
                "the registry has an approved private endpoint, and this caller of your own came by the public address: its DNS resolves publicly, so link the private DNS zone `privatelink.azurecr.io` to the caller's network, or have its resolver forward the zone"
            }
        }
    }

    /// Microsoft's or GitHub's page about it.
    pub fn link(self) -> &'static str {
        match self {
            Self::AcrTasksSharedAgents | Self::TasksBypassDisabled => {
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
            Self::TrustedServicesDisabled => {
                "https://learn.microsoft.com/azure/container-registry/allow-access-trusted-services"
            }
            Self::DualStackCaller => {
                "https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks"
            }
            Self::ArmTokensDisabled => {
                "https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm"
            }
            Self::DedicatedDataEndpoint => {
                "https://learn.microsoft.com/azure/container-registry/container-registry-dedicated-data-endpoints"
            }
            Self::PrivateEndpointBypassed => {
                "https://learn.microsoft.com/azure/container-registry/container-registry-private-link"
            }
        }
    }

    fn text_of_bypass(self) -> &'static str {
        if self == Self::TasksBypassDisabled {
            "the registry does not let ACR Tasks pass by its network rules, which is the default since June 2025; if these are tasks of your own with a system-assigned identity, allow it: `az resource update --namespace Microsoft.ContainerRegistry --resource-type registries --name NAME --resource-group GROUP --api-version 2025-06-01-preview --set properties.networkRuleBypassAllowedForTasks=true`, in Bicep `networkRuleBypassAllowedForTasks: true`, with azurerm 4.81 or later `network_rule_bypass_for_tasks_enabled = true`"
        } else {
            "the registry does not let trusted services pass by its network rules, and this caller looks like one (artifact cache, Container Instances, Machine Learning, Defender or an import): allow them (`az acr update --name NAME --allow-trusted-services true`, in Bicep `networkRuleBypassOptions: 'AzureServices'`, with azurerm `network_rule_bypass_option = \"AzureServices\"`) rather than an address that Azure may change"
        }
    }
}
