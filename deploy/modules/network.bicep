// Lets doorward find out from which addresses a NAT gateway of this resource group speaks.

targetScope = 'resourceGroup'

@description('Object id of doorward\'s identity.')
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'doorward', 'egress')
  properties: {
    roleName: 'doorward egress reader (${uniqueString(resourceGroup().id)})'
    description: 'Read NAT gateways and their public IP addresses and prefixes.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Network/natGateways/read'
          'Microsoft.Network/publicIPAddresses/read'
          'Microsoft.Network/publicIPPrefixes/read'
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
  name: guid(resourceGroup().id, principalId, role.name)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.name)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
