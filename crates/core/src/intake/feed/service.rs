//! What keeps a queue or a container from being read, each with its fix. Nothing that a service
//! wrote stands in here.

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A queue of Azure Storage.
    Queue,
    /// A container of Azure Storage.
    Container,
}

/// What keeps it from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceFailure {
    /// There is none by this name.
    Missing(Store, String),
    /// The key, SAS or token is not accepted.
    CredentialRefused(Store),
    /// The account takes no keys.
    KeysDisabled,
    /// The secret cannot be read or is malformed.
    SecretUnusable,
    /// Whoever asks may not read it.
    RightMissing(Store),
    /// The account's firewall refused.
    AccountFirewall,
    /// More is there than is looked through each time.
    TooMany,
    /// Messages were taken in and cannot be deleted.
    NotDeleted,
}

impl ServiceFailure {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing(Store::Queue, _) => "queue_not_found",
            Self::Missing(Store::Container, _) => "container_not_found",
            Self::CredentialRefused(_) => "credential_refused",
            Self::KeysDisabled => "keys_disabled",
            Self::SecretUnusable => "secret_unusable",
            Self::RightMissing(_) => "right_missing",
            Self::AccountFirewall => "account_firewall",
            Self::TooMany => "too_many_blobs",
            Self::NotDeleted => "not_deleted",
        }
    }

    /// What is so, and what helps.
    pub fn text(&self) -> String {
        let plain = match self {
            Self::Missing(store, name) => return missing(*store, name),
            Self::CredentialRefused(_) => {
                "The storage account refused the credential: check that `key` or `sas` is current, of this account, and not expired; an identity \
                 needs a token of the account's tenant."
            }
            Self::KeysDisabled => {
                "The storage account takes no keys (`allowSharedKeyAccess: false`): leave `key` out and give doorward's identity a role."
            }
            Self::SecretUnusable => {
                "The feed's secret cannot be read, or is not what it should be: a `key` is base64, a `sas` begins with `sv=` or holds `sig=`."
            }
            Self::RightMissing(store) => return right_missing(*store).to_owned(),
            Self::AccountFirewall => {
                "The storage account refused by its network rules: add doorward's outbound address or subnet to its firewall, or use a private \
                 endpoint."
            }
            Self::TooMany => {
                "More blobs begin with `prefix` than are looked through each time: name a longer `prefix`, or delete old blobs with a lifecycle \
                 rule."
            }
            Self::NotDeleted => {
                "Messages were taken in but cannot be deleted from the queue, so that no more are fetched: give the right to process messages \
                 (role `Storage Queue Data Message Processor`; SAS permission `p`)."
            }
        };
        plain.to_owned()
    }
}

fn missing(store: Store, name: &str) -> String {
    match store {
        Store::Queue => format!(
            "The storage account has no queue `{name}`: correct `queue`, or create it with `az storage queue create --name {name}`."
        ),
        Store::Container => format!(
            "The storage account has no container `{name}`: correct `container`. Azure makes it with the first record that the diagnostic setting \
             archives."
        ),
    }
}

fn right_missing(store: Store) -> &'static str {
    match store {
        Store::Queue => {
            "doorward may not read the queue: give its identity the role `Storage Queue Data Message Processor` on the queue, or a SAS with \
             the permission `p`."
        }
        Store::Container => {
            "doorward may not read the container: give its identity the role `Storage Blob Data Reader` on the container, or a SAS with the \
             permissions `r` and `l`."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_names_its_fix() {
        for (failure, name, fix) in [
            (
                ServiceFailure::Missing(Store::Queue, "denials".to_owned()),
                "queue_not_found",
                "az storage queue create --name denials",
            ),
            (
                ServiceFailure::Missing(Store::Container, "logs".to_owned()),
                "container_not_found",
                "`container`",
            ),
            (
                ServiceFailure::CredentialRefused(Store::Queue),
                "credential_refused",
                "`sas`",
            ),
            (ServiceFailure::KeysDisabled, "keys_disabled", "`key`"),
            (ServiceFailure::SecretUnusable, "secret_unusable", "base64"),
            (
                ServiceFailure::RightMissing(Store::Queue),
                "right_missing",
                "Storage Queue Data Message Processor",
            ),
            (
                ServiceFailure::RightMissing(Store::Container),
                "right_missing",
                "Storage Blob Data Reader",
            ),
            (
                ServiceFailure::AccountFirewall,
                "account_firewall",
                "firewall",
            ),
            (ServiceFailure::TooMany, "too_many_blobs", "`prefix`"),
            (ServiceFailure::NotDeleted, "not_deleted", "`p`"),
        ] {
            assert_eq!(failure.name(), name);
            assert!(failure.text().contains(fix), "{}", failure.text());
        }
    }
}
