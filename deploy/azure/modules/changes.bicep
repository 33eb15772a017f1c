// Tells doorward of every change of the registry: Event Grid's events of its resource group, filtered to the one.
// A resource group has one system topic of this kind at most: if there is one, add the subscription to it.

targetScope = 'resourceGroup'

param registryId string

@description('https://doorward.contoso.com/events/changes')
param endpoint string

@description('{ tenantId, objectId, identifierUri } of the application that stands for doorward.')
param application object

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' = {
  name: 'doorward-${uniqueString(resourceGroup().id)}'
  location: 'global'
  properties: {
    source: resourceGroup().id
    topicType: 'Microsoft.Resources.ResourceGroups'
  }

  resource subscription 'eventSubscriptions' = {
    name: 'doorward-${uniqueString(registryId)}'
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: {
        includedEventTypes: [
          'Microsoft.Resources.ResourceWriteSuccess'
        ]
        subjectBeginsWith: registryId
        isSubjectCaseSensitive: false
      }
      destination: {
        endpointType: 'WebHook'
        properties: {
          endpointUrl: endpoint
          azureActiveDirectoryTenantId: application.tenantId
          azureActiveDirectoryApplicationIdOrUri: application.identifierUri
          maxEventsPerBatch: 1
        }
      }
      retryPolicy: {
        maxDeliveryAttempts: 30
        eventTimeToLiveInMinutes: 60
      }
    }
  }
}
