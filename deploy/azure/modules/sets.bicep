// Lets doorward read what the address sets of its policy are made of, in this resource group. Each kind brings the
// reads that docs/azure.md lists for it.

targetScope = 'resourceGroup'

@description('Object id of doorward\'s identity.')
param principalId string

@description('The kinds of sets.')
param sets array

var addresses = [
  'Microsoft.Network/publicIPAddresses/read'
  'Microsoft.Network/publicIPPrefixes/read'
]
var gateway = concat(addresses, [
  'Microsoft.Network/natGateways/read'
])
var subnet = concat(gateway, [
  'Microsoft.Network/virtualNetworks/subnets/read'
])
var agentPool = concat(subnet, [
  'Microsoft.ContainerRegistry/registries/agentPools/read'
])
var firewall = concat(addresses, [
  'Microsoft.Network/azureFirewalls/read'
])
var cluster = concat(subnet, [
  'Microsoft.ContainerService/managedClusters/read'
])
var site = [
  'Microsoft.Web/sites/read'
]
var containerApp = [
  'Microsoft.App/containerApps/read'
  'Microsoft.App/jobs/read'
]
// `service_tag` is of the subscription: see service_tags.bicep.
var needed = union(
  contains(sets, 'public_ip') ? addresses : [],
  contains(sets, 'nat_gateway') ? gateway : [],
  contains(sets, 'subnet') ? subnet : [],
  contains(sets, 'agent_pool') ? agentPool : [],
  contains(sets, 'azure_firewall') ? firewall : [],
  contains(sets, 'aks_egress') ? cluster : [],
  contains(sets, 'app_service_egress') ? site : [],
  contains(sets, 'container_app_egress') ? containerApp : []
)

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'doorward', 'sets')
  properties: {
    roleName: 'doorward set reader (${uniqueString(resourceGroup().id)})'
    description: 'Read the resources that doorward\'s address sets are made of.'
    type: 'CustomRole'
    permissions: [
      {
        actions: needed
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
