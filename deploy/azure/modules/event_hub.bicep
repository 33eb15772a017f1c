// An event hub that the registry's logs go to, and doorward's right to read it.

targetScope = 'resourceGroup'

param location string

@description('Object id of doorward\'s identity.')
param principalId string

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: 'doorward-${uniqueString(resourceGroup().id)}'
  location: location
  // Standard, not Basic: a consumer group of its own, and the Kafka endpoint.
  sku: {
    name: 'Standard'
    tier: 'Standard'
    capacity: 1
  }
  properties: {
    minimumTlsVersion: '1.2'
    // A diagnostic setting sends by a rule with a key, so keys cannot be turned off.
    disableLocalAuth: false
  }

  resource hub 'eventhubs' = {
    name: 'registry'
    properties: {
      partitionCount: 2
      messageRetentionInDays: 1
    }

    resource consumers 'consumergroups' = {
      name: 'doorward'
      properties: {}
    }
  }

  // A diagnostic setting asks for all three rights, of the namespace.
  resource sender 'authorizationRules' = {
    name: 'diagnostics'
    properties: {
      rights: [
        'Listen'
        'Manage'
        'Send'
      ]
    }
  }
}

// Azure Event Hubs Data Receiver.
resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(namespace.id, principalId, 'receiver')
  scope: namespace
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde')
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

output sendRuleId string = namespace::sender.id
