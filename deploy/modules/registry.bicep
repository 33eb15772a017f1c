// The registry's side: who may write its firewall, and where its logs go.

targetScope = 'resourceGroup'

@description('Name of the registry, in this resource group.')
param registryName string

@description('Object id of doorward\'s identity.')
param principalId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Whether to send the registry\'s logs there.')
param createDiagnosticSetting bool

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: registryName
}

// A role can be made assignable in a resource group at the narrowest. The assignment below is
// narrower: it holds for this one registry.
resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'doorward', registryName)
  properties: {
    roleName: 'doorward firewall writer (${registryName})'
    description: 'Read a registry, its usage and its operations, and write it. Azure has no action for firewall entries alone.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.ContainerRegistry/registries/read'
          'Microsoft.ContainerRegistry/registries/write'
          'Microsoft.ContainerRegistry/registries/operationStatuses/read'
          'Microsoft.ContainerRegistry/registries/listUsages/read'
          'Microsoft.Insights/logs/ContainerRegistryLoginEvents/read'
          'Microsoft.Insights/logs/ContainerRegistryRepositoryEvents/read'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [
      resourceGroup().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, principalId, role.name)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.name)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (createDiagnosticSetting) {
  name: 'doorward'
  scope: registry
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'ContainerRegistryLoginEvents'
        enabled: true
      }
      {
        category: 'ContainerRegistryRepositoryEvents'
        enabled: true
      }
    ]
  }
}
