//! Storage accounts: a queue's messages, a container's blobs. One exchange each, never tried again here.

mod blob;
mod error;
mod queue;
mod sas;

pub use blob::Container;
pub use error::StorageError;
pub use queue::{Message, Queue};

use super::arm::Arm;
use super::cloud::Cloud;
use super::http::Http;
use super::identity::audience::Audiences;
use crate::secret::SecretRef;
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use clock::Clock;
use reqwest::Url;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;

/// The version of the service's protocol: one that every cloud offers.
const VERSION: &str = "2025-05-05";

/// What a token for storage is asked for, in every cloud
/// (<https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory>).
pub(super) const SCOPE: &str = "https://storage.azure.com/.default";

/// How long an exchange may take.
const WITHIN: Duration = Duration::from_secs(20);

/// A storage account, and as whom it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageAccount {
    /// Its name.
    pub name: String,
    /// The service's own URL, where it is not the cloud's usual one.
    pub endpoint: Option<Url>,
    /// As whom.
    pub access: StorageAccess,
}

/// As whom a storage account is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageAccess {
    /// As doorward's identity.
    Identity,
    /// With one of the account's keys.
    Key(SecretRef),
    /// With a shared access signature.
    Sas(SecretRef),
}

/// The services of an account.
#[derive(Clone, Copy, Debug)]
enum Service {
    Queue,
    Blob,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Blob => "blob",
        }
    }
}

/// Where something in an account is read, and with what.
struct Reach {
    /// Its URL. It may hold a signature: it is never shown.
    url: Url,
    credential: Option<Arc<dyn TokenCredential>>,
    options: ClientOptions,
}

impl Arm {
    /// A queue of an account. Reads the secret that it is read with, and asks nobody.
    pub fn queue(&self, account: &StorageAccount, name: &str) -> Result<Queue, StorageError> {
        Queue::new(self.reach(account, Service::Queue, name)?)
    }

    /// A container of an account. Reads the secret that it is read with, and asks nobody.
    pub fn container(
        &self,
        account: &StorageAccount,
        name: &str,
    ) -> Result<Container, StorageError> {
        Container::new(self.reach(account, Service::Blob, name)?)
    }

    /// Has the next request get a new token for storage.
    pub fn forget_storage_token(&self) {
        self.audiences().forget(SCOPE);
    }

    fn reach(
        &self,
        account: &StorageAccount,
        service: Service,
        name: &str,
    ) -> Result<Reach, StorageError> {
        let mut url = account.url(service, self.cloud())?;
        url.path_segments_mut()
            .map_err(|()| StorageError::SecretUnusable)?
            .pop_if_empty()
            .push(name);
        let audiences: &Audiences = self.audiences();
        let mut credential: Option<Arc<dyn TokenCredential>> = None;
        match &account.access {
            StorageAccess::Identity => credential = Some(Arc::new(audiences.of(SCOPE))),
            StorageAccess::Key(key) => {
                let key = key.read().map_err(|_| StorageError::SecretUnusable)?;
                let now = Clock::system().now();
                let sas = sas::sign((&account.name, service), key.expose_secret(), now)?;
                url.set_query(Some(&sas));
            }
            StorageAccess::Sas(sas) => {
                let sas = sas.read().map_err(|_| StorageError::SecretUnusable)?;
                let sas = sas.expose_secret().trim().trim_start_matches('?');
                if !sas.contains("sig=") || sas.contains(char::is_whitespace) {
                    return Err(StorageError::SecretUnusable);
                }
                url.set_query(Some(sas));
            }
        }
        Ok(Reach {
            url,
            credential,
            options: options(audiences.http()),
        })
    }
}

fn options(http: &Http) -> ClientOptions {
    ClientOptions {
        transport: Some(Transport::new(Arc::new(http.pooled()))),
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    }
}

impl StorageAccount {
    fn url(&self, service: Service, cloud: Cloud) -> Result<Url, StorageError> {
        let usual = || {
            let (name, service, suffix) = (&self.name, service.name(), cloud.storage_suffix());
            Url::parse(&format!("https://{name}.{service}.{suffix}/"))
        };
        let url = self.endpoint.clone().map_or_else(usual, Ok);
        url.map_err(|_| StorageError::SecretUnusable)
    }
}

/// Waits for an exchange, and reads what went wrong.
async fn within<T>(
    exchange: impl Future<Output = azure_core::Result<T>>,
) -> Result<T, StorageError> {
    let ended = tokio::time::timeout(WITHIN, exchange).await;
    let ended = ended.map_err(|_| StorageError::Unreachable)?;
    ended.map_err(|error| StorageError::read(&error))
}

/// A time that the service names.
fn time(at: azure_core::time::OffsetDateTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(at.unix_timestamp()).ok()
}
