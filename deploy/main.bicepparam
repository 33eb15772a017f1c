using './main.bicep'

param registryName = 'contosoprod'
param registryResourceGroup = 'registries'
param workspaceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/contoso'
param doorwardUrl = 'https://doorward.contoso.com'
param networkResourceGroups = [
  'build-network'
]

// The same value as DOORWARD_ALERTS_KEY of doorward itself: `openssl rand -hex 32`.
param sourceKey = readEnvironmentVariable('DOORWARD_ALERTS_KEY')
