// Lets doorward read Azure's own list of service tags, for sets with `service_tag` and `source: arm`.

targetScope = 'subscription'

@description('Object id of doorward\'s identity.')
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, 'doorward', 'service tags')
  properties: {
    roleName: 'doorward service tag reader'
    description: 'Read the list of service tags, which is the same for everybody.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Network/locations/serviceTags/read'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, role.name)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.name)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
