//! What else there is to know before somebody opens a firewall: better ways in than an entry.

use serde::Serialize;

/// A piece of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// For programs; it stays the same.
    pub code: &'static str,
    /// What to do, for people.
    pub text: &'static str,
    /// Microsoft's or GitHub's page about it.
    pub link: &'static str,
}

const ACR_TASKS: Advice = Advice {
    code: "acr_tasks_shared_agents",
    text: "the address is in the service tag that ACR Tasks' shared agents leave from, and so do the tasks of every other tenant: use a dedicated agent pool behind a NAT gateway, or let tasks bypass the network rules (networkRuleBypassAllowedForTasks) with a system-assigned identity",
    link: "https://learn.microsoft.com/azure/container-registry/tasks-agent-pools",
};

const DEVOPS: Advice = Advice {
    code: "azure_devops_hosted_agent",
    text: "the address is in Azure DevOps' own pool: a Microsoft-hosted agent has another address next time; use a self-hosted agent or Managed DevOps Pools with an egress of your own",
    link: "https://learn.microsoft.com/azure/devops/pipelines/agents/hosted#networking",
};

const GITHUB: Advice = Advice {
    code: "github_hosted_runner",
    text: "the address is one of GitHub's hosted runners, which every tenant shares: use larger runners with static addresses, runners in your own network, or a rule that demands the job's own token",
    link: "https://docs.github.com/actions/concepts/runners/github-hosted-runners#ip-addresses",
};

const AZURE_POOL: Advice = Advice {
    code: "azure_shared_pool",
    text: "the address belongs to Azure and may serve another tenant soon: give the caller an egress of your own (a NAT gateway), or reach the registry through a private endpoint",
    link: "https://learn.microsoft.com/azure/nat-gateway/nat-overview",
};

/// Advice about an address in these service tags and lists (`AzureContainerRegistry.WestEurope`,
/// `github_meta actions`). `owned` says that a set of one's own holds it: then there is none.
pub fn about<'a>(holders: impl IntoIterator<Item = &'a str>, owned: bool) -> Vec<Advice> {
    if owned {
        return Vec::new();
    }
    let (mut found, mut azure) = (Vec::new(), false);
    for holder in holders {
        let service = holder.split('.').next().unwrap_or_default();
        let advice = match service.to_ascii_lowercase().as_str() {
            "azurecontainerregistry" => ACR_TASKS,
            "azuredevops" => DEVOPS,
            "github" => GITHUB,
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
        found.push(AZURE_POOL);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(holders: &[&str], owned: bool) -> Vec<&'static str> {
        let advice = about(holders.iter().copied(), owned);
        advice.iter().map(|advice| advice.code).collect()
    }

    #[test]
    fn the_nearest_reason_is_named_once() {
        let tags = [
            "AzureCloud",
            "azurecontainerregistry.westeurope",
            "AzureContainerRegistry",
        ];
        assert_eq!(codes(&tags, false), ["acr_tasks_shared_agents"]);
        assert_eq!(
            codes(&["AzureCloud.westeurope"], false),
            ["azure_shared_pool"]
        );
        assert_eq!(codes(&tags, true), [""; 0]);
        assert_eq!(codes(&[], false), [""; 0]);
    }
}
