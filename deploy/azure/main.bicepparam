using './main.bicep'

param registryName = 'contosoprod'
param registryResourceGroup = 'registries'
param feed = 'azure_logs'
param workspaceId = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/contoso'
param image = 'ghcr.io/contoso/doorward@sha256:0000000000000000000000000000000000000000000000000000000000000000'
param configuration = loadTextContent('doorward.yaml')
param policy = loadTextContent('policy.yaml')
param sets = [
  'nat_gateway'
]
param setResourceGroups = [
  'build-network'
]

// Never in a file: export DOORWARD_LINK_KEY=$(openssl rand -base64 32) DOORWARD_DATABASE_PASSWORD=$(openssl rand -hex 24)
param linkKey = readEnvironmentVariable('DOORWARD_LINK_KEY')
param databasePassword = readEnvironmentVariable('DOORWARD_DATABASE_PASSWORD')
