# doorward for one registry: its roles, and the way by which denials arrive. Where it runs: app.tf.

data "azurerm_resource_group" "doorward" {
  name = var.resource_group_name
}

data "azurerm_client_config" "current" {}

locals {
  here                    = var.host == "container_app"
  location                = data.azurerm_resource_group.doorward.location
  registry_name           = element(split("/", var.registry_id), 8)
  registry_resource_group = join("/", slice(split("/", var.registry_id), 0, 5))
  principal_id            = local.here ? azapi_resource.app[0].identity[0].principal_id : azurerm_user_assigned_identity.doorward[0].principal_id
  url                     = var.doorward_url != "" ? var.doorward_url : local.here ? "https://${azapi_resource.app[0].output.properties.configuration.ingress.fqdn}" : ""

  # Each is used by something: see ../azure/README.md. Not among them: listCredentials, deletion, images.
  write_actions = [
    "Microsoft.ContainerRegistry/registries/read",
    "Microsoft.ContainerRegistry/registries/write",
    "Microsoft.ContainerRegistry/registries/operationStatuses/read",
    "Microsoft.ContainerRegistry/registries/listUsages/read",
  ]
  log_actions = [
    "Microsoft.Insights/logs/ContainerRegistryLoginEvents/read",
    "Microsoft.Insights/logs/ContainerRegistryRepositoryEvents/read",
  ]

  addresses = ["Microsoft.Network/publicIPAddresses/read", "Microsoft.Network/publicIPPrefixes/read"]
  gateway   = concat(local.addresses, ["Microsoft.Network/natGateways/read"])
  subnet    = concat(local.gateway, ["Microsoft.Network/virtualNetworks/subnets/read"])
  set_actions = {
    public_ip            = local.addresses
    nat_gateway          = local.gateway
    subnet               = local.subnet
    agent_pool           = concat(local.subnet, ["Microsoft.ContainerRegistry/registries/agentPools/read"])
    azure_firewall       = concat(local.addresses, ["Microsoft.Network/azureFirewalls/read"])
    aks_egress           = concat(local.subnet, ["Microsoft.ContainerService/managedClusters/read"])
    app_service_egress   = ["Microsoft.Web/sites/read"]
    container_app_egress = ["Microsoft.App/containerApps/read", "Microsoft.App/jobs/read"]
    service_tag          = [] # of the subscription: below
  }
}

resource "azurerm_user_assigned_identity" "doorward" {
  count               = local.here ? 0 : 1
  name                = "id-doorward"
  location            = local.location
  resource_group_name = var.resource_group_name
}

resource "azurerm_role_definition" "registry" {
  name              = "doorward firewall writer (${local.registry_name})"
  description       = "Read a registry, its usage and its operations, and write it. Azure has no action for firewall entries alone."
  scope             = local.registry_resource_group
  assignable_scopes = [local.registry_resource_group]

  permissions {
    actions = var.feed == "azure_logs" ? concat(local.write_actions, local.log_actions) : local.write_actions
  }
}

# Narrower than the role can be: on this one registry.
resource "azurerm_role_assignment" "registry" {
  scope              = var.registry_id
  role_definition_id = azurerm_role_definition.registry.role_definition_resource_id
  principal_id       = local.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_definition" "sets" {
  for_each          = length(setsubtract(var.sets, ["service_tag"])) > 0 ? var.set_resource_group_ids : []
  name              = "doorward set reader (${basename(each.value)})"
  description       = "Read the resources that doorward's address sets are made of."
  scope             = each.value
  assignable_scopes = [each.value]

  permissions {
    actions = distinct(flatten([for kind in var.sets : local.set_actions[kind]]))
  }
}

resource "azurerm_role_assignment" "sets" {
  for_each           = azurerm_role_definition.sets
  scope              = each.key
  role_definition_id = each.value.role_definition_resource_id
  principal_id       = local.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_definition" "service_tags" {
  count             = contains(var.sets, "service_tag") ? 1 : 0
  name              = "doorward service tag reader"
  description       = "Read the list of service tags, which is the same for everybody."
  scope             = "/subscriptions/${data.azurerm_client_config.current.subscription_id}"
  assignable_scopes = ["/subscriptions/${data.azurerm_client_config.current.subscription_id}"]

  permissions {
    actions = ["Microsoft.Network/locations/serviceTags/read"]
  }
}

resource "azurerm_role_assignment" "service_tags" {
  count              = contains(var.sets, "service_tag") ? 1 : 0
  scope              = "/subscriptions/${data.azurerm_client_config.current.subscription_id}"
  role_definition_id = azurerm_role_definition.service_tags[0].role_definition_resource_id
  principal_id       = local.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_monitor_diagnostic_setting" "registry" {
  count                          = var.create_diagnostic_setting ? 1 : 0
  name                           = "doorward"
  target_resource_id             = var.registry_id
  log_analytics_workspace_id     = var.feed == "event_hub" ? null : var.workspace_id
  eventhub_authorization_rule_id = var.feed == "event_hub" ? azurerm_eventhub_namespace_authorization_rule.diagnostics[0].id : null
  eventhub_name                  = var.feed == "event_hub" ? azurerm_eventhub.registry[0].name : null

  enabled_log {
    category = "ContainerRegistryLoginEvents"
  }
  enabled_log {
    category = "ContainerRegistryRepositoryEvents"
  }
}
