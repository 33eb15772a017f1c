// doorward as a container app with a system-assigned identity, and the PostgreSQL server that its ledger is in.
// Container Apps have no disk: what they can mount is a network share, on which SQLite does not work.

targetScope = 'resourceGroup'

param location string
param image string
param configuration string
param policy string

@secure()
param linkKey string

@secure()
param databasePassword string

param replicas int

@description('The network that both are in, and their parts of it.')
param addressPrefix string = '10.213.0.0/16'
param appsPrefix string = '10.213.0.0/23'
param databasePrefix string = '10.213.2.0/28'

var databaseHost = 'doorward-${uniqueString(resourceGroup().id)}'

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-doorward'
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'apps'
        properties: {
          addressPrefix: appsPrefix
          delegations: [
            {
              name: 'apps'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'database'
        properties: {
          addressPrefix: databasePrefix
          delegations: [
            {
              name: 'database'
              properties: {
                serviceName: 'Microsoft.DBforPostgreSQL/flexibleServers'
              }
            }
          ]
        }
      }
    ]
  }

  resource apps 'subnets' existing = {
    name: 'apps'
  }
  resource database 'subnets' existing = {
    name: 'database'
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: 'doorward.private.postgres.database.azure.com'
  location: 'global'

  resource link 'virtualNetworkLinks' = {
    name: 'doorward'
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: databaseHost
  location: location
  sku: {
    name: 'Standard_B1ms'
    tier: 'Burstable'
  }
  properties: {
    version: '16'
    createMode: 'Default'
    administratorLogin: 'doorward'
    administratorLoginPassword: databasePassword
    storage: {
      storageSizeGB: 32
      autoGrow: 'Enabled'
    }
    // The ledger says which entries are doorward's: it is worth its backup.
    backup: {
      backupRetentionDays: 14
      geoRedundantBackup: 'Disabled'
    }
    network: {
      delegatedSubnetResourceId: network::database.id
      privateDnsZoneArmResourceId: zone.id
    }
  }
  dependsOn: [
    zone::link
  ]

  resource ledger 'databases' = {
    name: 'doorward'
    properties: {
      charset: 'UTF8'
      collation: 'en_US.utf8'
    }
  }
}

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: 'cae-doorward'
  location: location
  properties: {
    vnetConfiguration: {
      infrastructureSubnetId: network::apps.id
      internal: false
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
  }
}

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: 'doorward'
  location: location
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    environmentId: environment.id
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: 8080
        transport: 'auto'
        allowInsecure: false
      }
      secrets: [
        {
          name: 'configuration'
          value: configuration
        }
        {
          name: 'policy'
          value: policy
        }
        {
          name: 'link-key'
          value: linkKey
        }
        {
          name: 'database-url'
          value: 'postgres://doorward:${uriComponent(databasePassword)}@${database.properties.fullyQualifiedDomainName}/doorward?sslmode=verify-full'
        }
      ]
    }
    template: {
      containers: [
        {
          name: 'doorward'
          image: image
          args: [
            'serve'
            '--config'
            '/etc/doorward/config/doorward.yaml'
          ]
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          probes: [
            {
              type: 'Liveness'
              httpGet: {
                path: '/healthz'
                port: 8080
              }
              periodSeconds: 20
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: 8080
              }
              periodSeconds: 10
            }
          ]
          volumeMounts: [
            {
              volumeName: 'config'
              mountPath: '/etc/doorward/config'
            }
            {
              volumeName: 'policies'
              mountPath: '/etc/doorward/policies'
            }
            {
              volumeName: 'secrets'
              mountPath: '/etc/doorward/secrets'
            }
          ]
        }
      ]
      scale: {
        minReplicas: replicas
        maxReplicas: replicas
      }
      volumes: [
        {
          name: 'config'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'configuration'
              path: 'doorward.yaml'
            }
          ]
        }
        {
          name: 'policies'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'policy'
              path: 'policy.yaml'
            }
          ]
        }
        {
          name: 'secrets'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'link-key'
              path: 'link-key'
            }
            {
              secretRef: 'database-url'
              path: 'database-url'
            }
          ]
        }
      ]
    }
  }
  dependsOn: [
    database::ledger
  ]
}

output principalId string = app.identity.principalId
output url string = 'https://${app.properties.configuration.ingress.fqdn}'
