# feed = alert: a log alert on the registry's denials, and an action group that posts it with a token of Entra ID.

resource "azurerm_monitor_action_group" "doorward" {
  count               = var.feed == "alert" ? 1 : 0
  name                = "ag-doorward-${local.registry_name}"
  resource_group_name = var.resource_group_name
  short_name          = "doorward"

  webhook_receiver {
    name                    = "doorward"
    service_uri             = "${local.url}/events/alerts"
    use_common_alert_schema = true

    # A token, not a key that whoever reads this group could read.
    aad_auth {
      object_id      = azuread_application.doorward[0].object_id
      identifier_uri = azuread_application_identifier_uri.doorward[0].identifier_uri
      tenant_id      = data.azurerm_client_config.current.tenant_id
    }
  }
}

# Alerts of this kind do not send the rows they found. What doorward needs to know must be a dimension.
resource "azurerm_monitor_scheduled_query_rules_alert_v2" "denials" {
  count                   = var.feed == "alert" ? 1 : 0
  name                    = "doorward-denials-${local.registry_name}"
  display_name            = "Callers refused by ${local.registry_name}"
  description             = "A login at the registry ended in 403: its firewall, or a missing role. doorward decides what to do."
  location                = local.location
  resource_group_name     = var.resource_group_name
  scopes                  = [var.workspace_id]
  severity                = 4
  evaluation_frequency    = "PT5M"
  window_duration         = "PT15M" # rows arrive late: the window is longer than the period, and doorward recognises repeats
  auto_mitigation_enabled = false
  skip_query_validation   = true # the table may not be there before the first row

  criteria {
    query                   = "ContainerRegistryLoginEvents | where ResultDescription == \"403\" | where _ResourceId =~ \"${var.registry_id}\""
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0

    dynamic "dimension" {
      for_each = ["CallerIpAddress", "LoginServer", "_ResourceId"]
      content {
        name     = dimension.value
        operator = "Include"
        values   = ["*"]
      }
    }

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.doorward[0].id]
  }
}

# feed = event_hub: the registry's logs go there, and doorward may read it.

resource "azurerm_eventhub_namespace" "doorward" {
  count               = var.feed == "event_hub" ? 1 : 0
  name                = "doorward-${substr(sha256(var.registry_id), 0, 12)}"
  location            = local.location
  resource_group_name = var.resource_group_name
  sku                 = "Standard" # not Basic: a consumer group of its own, and the Kafka endpoint
  capacity            = 1
  minimum_tls_version = "1.2"
}

resource "azurerm_eventhub" "registry" {
  count             = var.feed == "event_hub" ? 1 : 0
  name              = "registry"
  namespace_id      = azurerm_eventhub_namespace.doorward[0].id
  partition_count   = 2
  message_retention = 1
}

resource "azurerm_eventhub_consumer_group" "doorward" {
  count               = var.feed == "event_hub" ? 1 : 0
  name                = "doorward"
  namespace_name      = azurerm_eventhub_namespace.doorward[0].name
  eventhub_name       = azurerm_eventhub.registry[0].name
  resource_group_name = var.resource_group_name
}

# A diagnostic setting asks for all three rights, of the namespace.
resource "azurerm_eventhub_namespace_authorization_rule" "diagnostics" {
  count               = var.feed == "event_hub" ? 1 : 0
  name                = "diagnostics"
  namespace_name      = azurerm_eventhub_namespace.doorward[0].name
  resource_group_name = var.resource_group_name
  listen              = true
  send                = true
  manage              = true
}

resource "azurerm_role_assignment" "event_hub" {
  count                = var.feed == "event_hub" ? 1 : 0
  scope                = azurerm_eventhub_namespace.doorward[0].id
  role_definition_name = "Azure Event Hubs Data Receiver"
  principal_id         = local.principal_id
  principal_type       = "ServicePrincipal"
}

# resource_changes: Event Grid tells doorward of every change of the registry. A resource group has one system topic of
# this kind at most.

resource "azurerm_eventgrid_system_topic" "changes" {
  count                  = var.resource_changes ? 1 : 0
  name                   = "doorward-${substr(sha256(var.registry_id), 0, 12)}"
  location               = "Global"
  resource_group_name    = basename(local.registry_resource_group)
  source_arm_resource_id = local.registry_resource_group
  topic_type             = "Microsoft.Resources.ResourceGroups"
}

resource "azurerm_eventgrid_system_topic_event_subscription" "changes" {
  count                 = var.resource_changes ? 1 : 0
  name                  = "doorward"
  system_topic          = azurerm_eventgrid_system_topic.changes[0].name
  resource_group_name   = basename(local.registry_resource_group)
  event_delivery_schema = "CloudEventSchemaV1_0"
  included_event_types  = ["Microsoft.Resources.ResourceWriteSuccess"]

  subject_filter {
    subject_begins_with = var.registry_id
    case_sensitive      = false
  }

  webhook_endpoint {
    url                            = "${local.url}/events/changes"
    active_directory_tenant_id     = data.azurerm_client_config.current.tenant_id
    active_directory_app_id_or_uri = azuread_application_identifier_uri.doorward[0].identifier_uri
    max_events_per_batch           = 1
  }

  retry_policy {
    max_delivery_attempts = 30
    event_time_to_live    = 60
  }
}
