//! The commands that are left to whoever may give rights in Azure, and the next steps.

use super::{Answers, Credential, Ours, Route};
use doorward_core::net::resource_id::ResourceId;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// What doorward does on a registry; Azure has no narrower action for its firewall. The last two are read by
/// `doorward doctor` alone.
const REGISTRY: [&str; 6] = [
    "Microsoft.ContainerRegistry/registries/read",
    "Microsoft.ContainerRegistry/registries/write",
    "Microsoft.ContainerRegistry/registries/operationStatuses/read",
    "Microsoft.ContainerRegistry/registries/listUsages/read",
    "Microsoft.Authorization/permissions/read",
    "Microsoft.Insights/diagnosticSettings/read",
];

/// What it reads of a registry's own log.
const LOGS: [&str; 2] = [
    "Microsoft.Insights/logs/ContainerRegistryLoginEvents/read",
    "Microsoft.Insights/logs/ContainerRegistryRepositoryEvents/read",
];

/// What it reads of a NAT gateway.
const NETWORK: [&str; 3] = [
    "Microsoft.Network/natGateways/read",
    "Microsoft.Network/publicIPAddresses/read",
    "Microsoft.Network/publicIPPrefixes/read",
];

/// What to do next.
pub(super) fn next(answers: &Answers, dir: &Path) -> String {
    let (config, policies) = (dir.join("doorward.yaml"), dir.join("policies"));
    let (config, policies) = (config.display(), policies.display());
    let mut parts = vec![format!("{}\n", principal(answers.credential))];
    let logs = LOGS.iter().filter(|_| answers.from == Route::Logs);
    let actions: Vec<&str> = REGISTRY.iter().chain(logs).copied().collect();
    parts.push(role(
        "doorward firewall writer",
        &actions,
        &answers.registries,
        answers.credential,
    ));
    if let Some(Ours::NatGateway(id)) = &answers.ours {
        parts.push(role(
            "doorward network reader",
            &NETWORK,
            std::slice::from_ref(id),
            answers.credential,
        ));
    }
    parts.extend(diagnostics(answers));
    parts.push(format!(
        "# Then:\ndoorward config check --config {config}\ndoorward policy test {policies}\ndoorward doctor --config {config}\ndoorward serve --config {config}\n"
    ));
    parts.concat()
}

/// The diagnostic setting that sends the registry's log to a workspace, where the log is read.
fn diagnostics(answers: &Answers) -> Option<String> {
    let (why, categories) = match answers.from {
        Route::Logs => (
            "# The registry's log, which doorward reads:\n",
            &[
                "ContainerRegistryLoginEvents",
                "ContainerRegistryRepositoryEvents",
            ][..],
        ),
        Route::Alert => (
            "# The registry's log, and the alert on it (deploy/azure makes alert rule and action group):\n",
            &["ContainerRegistryLoginEvents"][..],
        ),
        Route::Github | Route::Gitlab | Route::AzureDevops | Route::Forwarder => return None,
    };
    let logs = categories
        .iter()
        .map(|category| json!({ "category": category, "enabled": true }));
    let logs = json!(logs.collect::<Vec<_>>());
    let setting = |id: &ResourceId| {
        format!(
            "az monitor diagnostic-settings create --name doorward --resource {id} \\\n  --workspace <id of a Log Analytics workspace> \\\n  --logs '{logs}'\n"
        )
    };
    let settings: String = answers.registries.iter().map(setting).collect();
    Some(format!("{why}{settings}\n"))
}

fn principal(credential: Credential) -> &'static str {
    match credential {
        Credential::ManagedIdentity => {
            "# Whoever may assign roles on the registries runs this. The identity of where doorward runs:\nPRINCIPAL_ID=$(az identity show --name <identity> --resource-group <group> --query principalId -o tsv)"
        }
        Credential::WorkloadIdentity => {
            "# Whoever may assign roles on the registries runs this. The identity that the service account stands for:\nPRINCIPAL_ID=$(az identity show --name <identity> --resource-group <group> --query principalId -o tsv)"
        }
        Credential::AzureCli => {
            "# Whoever may assign roles on the registries runs this, for yourself:\nPRINCIPAL_ID=$(az ad signed-in-user show --query id -o tsv)"
        }
    }
}

/// A role, assignable in the groups of these resources, and assigned on each of them alone.
fn role(name: &str, actions: &[&str], on: &[ResourceId], credential: Credential) -> String {
    let group = |id: &ResourceId| {
        let parts: Vec<&str> = id.as_str().split('/').take(5).collect();
        parts.join("/")
    };
    let scopes: BTreeSet<String> = on.iter().map(group).collect();
    let role = json!({
        "Name": name, "Description": "Exactly what doorward does.", "Actions": actions, "AssignableScopes": scopes,
    });
    let kind = if credential == Credential::AzureCli {
        "User"
    } else {
        "ServicePrincipal"
    };
    let mut parts = vec![format!(
        "az role definition create --role-definition '{role}'\n"
    )];
    for id in on {
        parts.push(format!(
            "az role assignment create --role '{name}' --assignee-object-id \"$PRINCIPAL_ID\" \\\n  --assignee-principal-type {kind} --scope {id}\n"
        ));
    }
    parts.push("\n".to_owned());
    parts.concat()
}
