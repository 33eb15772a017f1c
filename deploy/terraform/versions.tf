terraform {
  required_version = ">= 1.5"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.30"
    }
    azuread = {
      source  = "hashicorp/azuread"
      version = "~> 3.1"
    }
    # The container app: azurerm mounts all secrets into one folder, and doorward wants its policies in one of their own.
    azapi = {
      source  = "Azure/azapi"
      version = "~> 2.3"
    }
  }
}
