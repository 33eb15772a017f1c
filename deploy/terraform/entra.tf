# The application that stands for doorward, and the roles by which Azure's senders may ask for its tokens. Needs
# somebody who may register applications. Only for feed = alert and for resource_changes.

locals {
  application = var.feed == "alert" || var.resource_changes ? 1 : 0
  senders = {
    ActionGroupsSecureWebhook = {
      role   = "6f1b7c1e-3a55-4a0e-9a52-0f4e6a6f0d01"
      sender = "461e8683-5575-4561-ac7f-899cc907d62a" # action groups
    }
    AzureEventGridSecureWebhookSubscriber = {
      role   = "6f1b7c1e-3a55-4a0e-9a52-0f4e6a6f0d02"
      sender = "4962773b-9cdb-44cf-a8bf-237846a00ab7" # Event Grid
    }
  }
}

resource "azuread_application" "doorward" {
  count            = local.application
  display_name     = "doorward"
  sign_in_audience = "AzureADMyOrg"

  dynamic "app_role" {
    for_each = local.senders
    content {
      id                   = app_role.value.role
      value                = app_role.key
      display_name         = app_role.key
      description          = "May post to doorward."
      allowed_member_types = ["Application"]
    }
  }

  lifecycle {
    ignore_changes = [identifier_uris] # below: its name has its own id in it
  }
}

resource "azuread_application_identifier_uri" "doorward" {
  count          = local.application
  application_id = azuread_application.doorward[0].id
  identifier_uri = "api://${azuread_application.doorward[0].client_id}"
}

resource "azuread_service_principal" "doorward" {
  count     = local.application
  client_id = azuread_application.doorward[0].client_id
}

resource "azuread_service_principal" "sender" {
  for_each     = local.application == 1 ? local.senders : {}
  client_id    = each.value.sender
  use_existing = true
}

resource "azuread_app_role_assignment" "sender" {
  for_each            = local.application == 1 ? local.senders : {}
  app_role_id         = each.value.role
  principal_object_id = azuread_service_principal.sender[each.key].object_id
  resource_object_id  = azuread_service_principal.doorward[0].object_id
}
