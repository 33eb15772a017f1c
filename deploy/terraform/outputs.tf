output "registry_id" {
  value       = var.registry_id
  description = "For `registries[].id` in doorward's configuration."
}

output "url" {
  value       = local.url
  description = "For `public_url`."
}

output "principal_id" {
  value       = local.principal_id
  description = "Who doorward is in the activity log (`Caller`)."
}

output "identity_client_id" {
  value       = local.here ? "" : azurerm_user_assigned_identity.doorward[0].client_id
  description = "For `azure.credential: { kind: managed_identity, client_id: … }` where doorward runs elsewhere."
}

output "application" {
  value       = local.application == 1 ? { tenant_id = data.azurerm_client_config.current.tenant_id, audience = azuread_application.doorward[0].client_id } : null
  description = "For `auth: { kind: entra_token, … }` of the sources `alerts` (app_id: action_group) and `changes` (app_id: event_grid)."
}
