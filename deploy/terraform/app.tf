# doorward as a container app with a system-assigned identity, and the PostgreSQL server that its ledger is in.
# Container Apps have no disk: what they can mount is a network share, on which SQLite does not work.

resource "azurerm_virtual_network" "doorward" {
  count               = local.here ? 1 : 0
  name                = "vnet-doorward"
  location            = local.location
  resource_group_name = var.resource_group_name
  address_space       = ["10.213.0.0/16"]
}

resource "azurerm_subnet" "apps" {
  count                = local.here ? 1 : 0
  name                 = "apps"
  resource_group_name  = var.resource_group_name
  virtual_network_name = azurerm_virtual_network.doorward[0].name
  address_prefixes     = ["10.213.0.0/23"]

  delegation {
    name = "apps"
    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "database" {
  count                = local.here ? 1 : 0
  name                 = "database"
  resource_group_name  = var.resource_group_name
  virtual_network_name = azurerm_virtual_network.doorward[0].name
  address_prefixes     = ["10.213.2.0/28"]

  delegation {
    name = "database"
    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_private_dns_zone" "database" {
  count               = local.here ? 1 : 0
  name                = "doorward.private.postgres.database.azure.com"
  resource_group_name = var.resource_group_name
}

resource "azurerm_private_dns_zone_virtual_network_link" "database" {
  count                 = local.here ? 1 : 0
  name                  = "doorward"
  private_dns_zone_name = azurerm_private_dns_zone.database[0].name
  resource_group_name   = var.resource_group_name
  virtual_network_id    = azurerm_virtual_network.doorward[0].id
}

resource "azurerm_postgresql_flexible_server" "doorward" {
  count                         = local.here ? 1 : 0
  name                          = "doorward-${substr(sha256(var.registry_id), 0, 12)}"
  location                      = local.location
  resource_group_name           = var.resource_group_name
  version                       = "16"
  sku_name                      = "B_Standard_B1ms"
  storage_mb                    = 32768
  auto_grow_enabled             = true
  backup_retention_days         = 14 # the ledger says which entries are doorward's: it is worth its backup
  administrator_login           = "doorward"
  administrator_password        = var.database_password
  delegated_subnet_id           = azurerm_subnet.database[0].id
  private_dns_zone_id           = azurerm_private_dns_zone.database[0].id
  public_network_access_enabled = false

  lifecycle {
    ignore_changes  = [zone]
    prevent_destroy = true
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.database]
}

resource "azurerm_postgresql_flexible_server_database" "ledger" {
  count     = local.here ? 1 : 0
  name      = "doorward"
  server_id = azurerm_postgresql_flexible_server.doorward[0].id
  charset   = "UTF8"
  collation = "en_US.utf8"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_container_app_environment" "doorward" {
  count                    = local.here ? 1 : 0
  name                     = "cae-doorward"
  location                 = local.location
  resource_group_name      = var.resource_group_name
  infrastructure_subnet_id = azurerm_subnet.apps[0].id

  workload_profile {
    name                  = "Consumption"
    workload_profile_type = "Consumption"
  }
}

locals {
  # Folder, file, secret.
  files = [
    ["config", "doorward.yaml", "configuration"],
    ["policies", "policy.yaml", "policy"],
    ["secrets", "link-key", "link-key"],
    ["secrets", "database-url", "database-url"],
  ]
  folders = distinct([for file in local.files : file[0]])
  secrets = local.here ? {
    configuration = var.configuration
    policy        = var.policy
    link-key      = var.link_key
    database-url  = "postgres://doorward:${urlencode(var.database_password)}@${azurerm_postgresql_flexible_server.doorward[0].fqdn}/doorward?sslmode=verify-full"
  } : {}
}

resource "azapi_resource" "app" {
  count                  = local.here ? 1 : 0
  type                   = "Microsoft.App/containerApps@2024-03-01"
  name                   = "doorward"
  parent_id              = data.azurerm_resource_group.doorward.id
  location               = local.location
  response_export_values = ["properties.configuration.ingress.fqdn"]

  identity {
    type = "SystemAssigned"
  }

  body = {
    properties = {
      environmentId = azurerm_container_app_environment.doorward[0].id
      configuration = {
        activeRevisionsMode = "Single"
        ingress             = { external = true, targetPort = 8080, transport = "auto", allowInsecure = false }
      }
      template = {
        containers = [{
          name      = "doorward"
          image     = var.image
          args      = ["serve", "--config", "/etc/doorward/config/doorward.yaml"]
          resources = { cpu = 0.25, memory = "0.5Gi" }
          probes = [
            { type = "Liveness", httpGet = { path = "/healthz", port = 8080 }, periodSeconds = 20 },
            { type = "Readiness", httpGet = { path = "/readyz", port = 8080 }, periodSeconds = 10 },
          ]
          volumeMounts = [for folder in local.folders : { volumeName = folder, mountPath = "/etc/doorward/${folder}" }]
        }]
        scale = { minReplicas = var.replicas, maxReplicas = var.replicas }
        volumes = [for folder in local.folders : {
          name        = folder
          storageType = "Secret"
          secrets     = [for file in local.files : { secretRef = file[2], path = file[1] } if file[0] == folder]
        }]
      }
    }
  }

  sensitive_body = {
    properties = {
      configuration = {
        secrets = [for name, value in local.secrets : { name = name, value = value }]
      }
    }
  }

  depends_on = [azurerm_postgresql_flexible_server_database.ledger]
}
