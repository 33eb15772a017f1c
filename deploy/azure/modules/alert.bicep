// A log alert on the registry's denials, and an action group that posts it to doorward with a token of Entra ID.

targetScope = 'resourceGroup'

param location string
param registryName string
param registryId string
param workspaceId string

@description('https://doorward.contoso.com/events/alerts')
param endpoint string

@description('{ tenantId, objectId, identifierUri } of the application that stands for doorward.')
param application object

@description('How often the logs are searched. More often costs more.')
@allowed([
  'PT1M'
  'PT5M'
  'PT10M'
  'PT15M'
])
param evaluationFrequency string = 'PT5M'

@description('How far back each search looks. A row whose way into the workspace takes longer than this is never found; a longer window reports the same row more often.')
@allowed([
  'PT5M'
  'PT10M'
  'PT15M'
  'PT30M'
  'PT1H'
])
param windowSize string = 'PT15M'

// Log alerts of this kind do not send the rows they found. What doorward needs to know must be a dimension.
var dimensions = [for name in ['CallerIpAddress', 'LoginServer', '_ResourceId']: {
  name: name
  operator: 'Include'
  values: [
    '*'
  ]
}]

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-doorward-${registryName}'
  location: 'Global'
  properties: {
    groupShortName: 'doorward'
    enabled: true
    webhookReceivers: [
      {
        name: 'doorward'
        serviceUri: endpoint
        useCommonAlertSchema: true
        // The receiver is proven to by a token, not by a key that whoever reads this group could read.
        useAadAuth: true
        objectId: application.objectId
        identifierUri: application.identifierUri
        tenantId: application.tenantId
      }
    ]
  }
}

resource denials 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'doorward-denials-${registryName}'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: 'Callers refused by ${registryName}'
    description: 'A login at the registry ended in 403: its firewall, or a missing role. doorward decides what to do.'
    severity: 4
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: evaluationFrequency
    windowSize: windowSize
    // Reported by every search that finds it: doorward recognises repeats, and a delivery that got lost is made up for.
    autoMitigate: false
    // The table may not be there before the registry has sent its first row.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: 'ContainerRegistryLoginEvents | where ResultDescription == "403" | where _ResourceId =~ "${registryId}"'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: dimensions
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        actionGroup.id
      ]
    }
  }
}
