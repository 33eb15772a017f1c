// What doorward needs in Azure for one registry: an identity that may write the registry's firewall,
// and the path by which the registry's denials reach doorward. Not doorward itself: see README.md.
//
//   az deployment group create --resource-group <doorward's> --parameters main.bicepparam
//
// For a further registry deploy again with its name; the identity and the action group stay the same.

targetScope = 'resourceGroup'

@description('Name of the registry. It must be Premium: no other has a firewall.')
@minLength(5)
@maxLength(50)
param registryName string

@description('Resource group of the registry.')
param registryResourceGroup string = resourceGroup().name

@description('Subscription of the registry.')
param registrySubscriptionId string = subscription().subscriptionId

@description('Resource id of the Log Analytics workspace that holds, or is to hold, the registry\'s logs.')
param workspaceId string

@description('Send the registry\'s logs to the workspace. Set to false where a diagnostic setting does so already: the same category cannot go to the same workspace twice.')
param createDiagnosticSetting bool = true

@description('Region of the identity and of the alert rule: best the workspace\'s.')
param location string = resourceGroup().location

@description('Name of the identity that doorward runs as.')
param identityName string = 'id-doorward'

@description('Where Azure Monitor reaches doorward, without a slash at the end: https://doorward.contoso.com')
param doorwardUrl string

@description('Name of the source in doorward\'s configuration that the alert posts to.')
param sourceName string = 'alerts'

@description('The key of that source. It becomes part of the webhook\'s address, where everybody who may read the action group can see it.')
@minLength(32)
@secure()
param sourceKey string

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

@description('Report a denied address once until it has been quiet for a while. Off, it is reported by every search that finds it: doorward recognises repeats, and a delivery that got lost is made up for by the next.')
param reportOnceUntilResolved bool = false

@description('Resource groups of this subscription whose NAT gateways and public IP addresses policies name. doorward may read those there, nothing else.')
param networkResourceGroups array = []

var registryId = resourceId(
  registrySubscriptionId,
  registryResourceGroup,
  'Microsoft.ContainerRegistry/registries',
  registryName
)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: identityName
  location: location
}

module registry 'modules/registry.bicep' = {
  name: 'doorward-registry-${uniqueString(registryId)}'
  scope: resourceGroup(registrySubscriptionId, registryResourceGroup)
  params: {
    registryName: registryName
    principalId: identity.properties.principalId
    workspaceId: workspaceId
    createDiagnosticSetting: createDiagnosticSetting
  }
}

module network 'modules/network.bicep' = [for group in networkResourceGroups: {
  name: 'doorward-network-${uniqueString(group, identity.id)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.properties.principalId
  }
}]

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-doorward-${sourceName}'
  location: 'Global'
  properties: {
    groupShortName: 'doorward'
    enabled: true
    webhookReceivers: [
      {
        name: 'doorward'
        // An action group sends no headers of our own, so the key is in the query.
        serviceUri: '${doorwardUrl}/events/${sourceName}?key=${uriComponent(sourceKey)}'
        useCommonAlertSchema: true
      }
    ]
  }
}

// Log Alerts V2 do not send the rows they found. What doorward needs to know must be a dimension.
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
    autoMitigate: reportOnceUntilResolved
    // The table may not be there before the registry has sent its first row.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: 'ContainerRegistryLoginEvents | where ResultDescription == "403" | where _ResourceId =~ "${registryId}"'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'CallerIpAddress'
              operator: 'Include'
              values: [
                '*'
              ]
            }
            {
              name: 'LoginServer'
              operator: 'Include'
              values: [
                '*'
              ]
            }
            {
              name: '_ResourceId'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
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
  dependsOn: [
    registry
  ]
}

@description('For `registries[].id` in doorward\'s configuration.')
output registryId string = registryId

@description('For `azure.credential: { kind: managed_identity, client_id: … }`.')
output identityClientId string = identity.properties.clientId

@description('The identity to attach to whatever runs doorward.')
output identityId string = identity.id

@description('Who doorward is in the activity log (`Caller`).')
output identityPrincipalId string = identity.properties.principalId
