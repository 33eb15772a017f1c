//! A denial: somebody was refused at a firewall, as far as a text or a record can say.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How much a text or record proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The firewall's own message, with the address it refused.
    Denied,
    /// A 403 that may come from the firewall, without its message or without an address.
    /// Reported; opens nothing, but for a status-403 record of a source that is trusted with them.
    Suspected,
}

/// The Azure service whose firewall spoke. Only [`Service::Acr`] has a firewall that doorward writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Azure Container Registry.
    Acr,
    /// Azure Key Vault.
    KeyVault,
    /// Azure Storage.
    Storage,
    /// Azure SQL Database.
    AzureSql,
    /// Azure Database for `MySQL`.
    Mysql,
    /// Azure Database for `PostgreSQL`.
    Postgresql,
    /// Azure Cosmos DB.
    CosmosDb,
    /// Azure AI services and Azure OpenAI.
    CognitiveServices,
    /// Azure Event Hubs and Service Bus, which say the same.
    EventHubs,
    /// Azure Databricks.
    Databricks,
    /// Azure Synapse Analytics.
    Synapse,
    /// Azure App Configuration.
    AppConfiguration,
    /// Azure App Service, its SCM site included.
    AppService,
}

/// How it is known which registry refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// The record's own resource id or login server, the request or image in the very error, or the
    /// source's configured `registry` says so.
    Stated,
    /// Something nearby names it, as a line above does: a guess, on which nothing opens by itself.
    Inferred,
}

impl Attribution {
    /// Every grade by its name.
    pub const NAMES: [(&'static str, Self); 2] =
        [("stated", Self::Stated), ("inferred", Self::Inferred)];

    /// Its name, as policies and messages write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Inferred => "inferred",
        }
    }
}

/// Who was refused, where, asking for what. What the text does not say is `None`.
///
/// Everything in here was chosen by a caller who was refused before authentication, or by whoever
/// wrote the text: it names, it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Denial {
    /// Whether the firewall's message was seen, or only a 403.
    pub kind: Kind,
    /// Whose firewall.
    pub service: Service,
    /// The refused address.
    pub ip: Option<IpAddr>,
    /// The registry's login server, lower-case: `contosoprod.azurecr.io` or a custom domain.
    pub registry: Option<String>,
    /// The repository asked for: `prod/api`.
    pub repository: Option<String>,
    /// Tag or digest asked for: `v1` or `sha256:…`.
    pub reference: Option<String>,
    /// The resource that refused, where it is not a registry (`contosovault`), or the registry's
    /// ARM id, lower-case, where the record names it.
    pub resource: Option<String>,
    /// How it is known that this registry refused; `None` where no registry is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
}

impl Denial {
    /// Whether which registry refused is known, and not guessed.
    pub fn names_registry_surely(&self) -> bool {
        self.attribution == Some(Attribution::Stated)
    }
}
