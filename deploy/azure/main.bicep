// doorward for one registry: the identity and its roles, the way by which denials arrive, and where it runs.
//
//   az deployment group create --resource-group <doorward's> --parameters deploy/azure/main.bicepparam
//
// For a further registry deploy again with its name and `host: none`, `principalId` set to the first one's.

targetScope = 'resourceGroup'

@description('Name of the registry. It must be Premium: no other has a firewall.')
@minLength(5)
@maxLength(50)
param registryName string

@description('Resource group of the registry.')
param registryResourceGroup string = resourceGroup().name

@description('Subscription of the registry.')
param registrySubscriptionId string = subscription().subscriptionId

@description('Region of what is made here.')
param location string = resourceGroup().location

@description('How denials arrive. azure_logs: doorward reads the workspace through the registry, nothing else is made. alert: a log alert posts to doorward. event_hub: the registry sends to an event hub. In every case what CI jobs and others post themselves arrives, too.')
@allowed([
  'azure_logs'
  'alert'
  'event_hub'
])
param feed string = 'azure_logs'

@description('Resource id of the Log Analytics workspace that holds, or is to hold, the registry\'s logs. Not needed for event_hub.')
param workspaceId string = ''

@description('Send the registry\'s logs there. Set to false where a diagnostic setting does so already: the same category cannot go to the same workspace twice.')
param createDiagnosticSetting bool = true

@description('Where doorward runs. container_app: here, with PostgreSQL, since Container Apps have no disk that SQLite works on. none: elsewhere (Kubernetes, a machine); an identity is made for it.')
@allowed([
  'container_app'
  'none'
])
param host string = 'container_app'

@description('Object id of the identity that doorward runs as, where there is one already. Only with host none.')
param principalId string = ''

@description('The image, by digest: ghcr.io/contoso/doorward@sha256:... Not in the registry that doorward guards: it could not be pulled when it is needed.')
param image string = ''

@description('doorward.yaml, without secrets: loadTextContent(\'doorward.yaml\').')
param configuration string = ''

@description('The policy: loadTextContent(\'policy.yaml\').')
param policy string = 'version: 1\ndefault: ask\n'

@description('Signs approval links: openssl rand -base64 32')
@secure()
param linkKey string = ''

@description('Password of doorward\'s role in PostgreSQL, of letters and digits: openssl rand -hex 24')
@secure()
param databasePassword string = ''

@description('How many replicas. They share the database.')
@minValue(1)
@maxValue(5)
param replicas int = 2

@description('Where senders and people reach doorward, without a slash at the end. Empty: the container app\'s own address.')
param doorwardUrl string = ''

@description('The Entra application that action groups and Event Grid get tokens for, as entra.sh prints it: { tenantId, objectId, identifierUri }. Needed for feed alert and for resourceChanges.')
param application object = {}

@description('Name of the source in doorward\'s configuration that alerts post to.')
param alertSource string = 'alerts'

@description('Tell doorward when somebody changes the registry, by Event Grid. Only once doorward answers at its address: Event Grid asks it first.')
param resourceChanges bool = false

@description('Name of the source in doorward\'s configuration that changes are posted to.')
param changesSource string = 'changes'

@description('The kinds of address sets that policies name: nat_gateway, public_ip, subnet, agent_pool, azure_firewall, aks_egress, app_service_egress, container_app_egress, service_tag. Each brings the reads it needs, and no others.')
param sets array = []

@description('Resource groups of this subscription that hold the resources of these sets.')
param setResourceGroups array = []

var registryId = resourceId(
  registrySubscriptionId,
  registryResourceGroup,
  'Microsoft.ContainerRegistry/registries',
  registryName
)
var here = host == 'container_app'
var url = empty(doorwardUrl) && here ? app.outputs.url : doorwardUrl
var who = here ? app.outputs.principalId : (empty(principalId) ? identity.properties.principalId : principalId)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = if (!here && empty(principalId)) {
  name: 'id-doorward'
  location: location
}

module app 'modules/container_app.bicep' = if (here) {
  name: 'doorward-app'
  params: {
    location: location
    image: image
    configuration: configuration
    policy: policy
    linkKey: linkKey
    databasePassword: databasePassword
    replicas: replicas
  }
}

module hub 'modules/event_hub.bicep' = if (feed == 'event_hub') {
  name: 'doorward-hub'
  params: {
    location: location
    principalId: who
  }
}

module registry 'modules/registry.bicep' = {
  name: 'doorward-registry-${uniqueString(registryId)}'
  scope: resourceGroup(registrySubscriptionId, registryResourceGroup)
  params: {
    registryName: registryName
    principalId: who
    readLogs: feed == 'azure_logs'
    workspaceId: feed == 'event_hub' ? '' : workspaceId
    eventHubRuleId: feed == 'event_hub' ? hub.outputs.sendRuleId : ''
    createDiagnosticSetting: createDiagnosticSetting
  }
}

module reads 'modules/sets.bicep' = [for group in setResourceGroups: if (!empty(sets)) {
  name: 'doorward-sets-${uniqueString(group, registryId)}'
  scope: resourceGroup(group)
  params: {
    principalId: who
    sets: sets
  }
}]

module tags 'modules/service_tags.bicep' = if (contains(sets, 'service_tag')) {
  name: 'doorward-tags-${uniqueString(registryId)}'
  scope: subscription()
  params: {
    principalId: who
  }
}

module alert 'modules/alert.bicep' = if (feed == 'alert') {
  name: 'doorward-alert-${uniqueString(registryId)}'
  params: {
    location: location
    registryName: registryName
    registryId: registryId
    workspaceId: workspaceId
    endpoint: '${url}/events/${alertSource}'
    application: application
  }
  dependsOn: [
    registry
  ]
}

module changes 'modules/changes.bicep' = if (resourceChanges) {
  name: 'doorward-changes-${uniqueString(registryId)}'
  scope: resourceGroup(registrySubscriptionId, registryResourceGroup)
  params: {
    registryId: registryId
    endpoint: '${url}/events/${changesSource}'
    application: application
  }
}

@description('For `registries[].id` in doorward\'s configuration.')
output registryId string = registryId

@description('For `public_url`.')
output url string = url

@description('Who doorward is in the activity log (`Caller`).')
output principalId string = who

@description('For `azure.credential: { kind: managed_identity, client_id: … }` where doorward runs elsewhere.')
output identityClientId string = !here && empty(principalId) ? identity.properties.clientId : ''
