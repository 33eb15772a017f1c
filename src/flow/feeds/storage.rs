//! What a storage account's refusal means for a feed.

use super::Polled;
use super::progress::Part;
use crate::azure::{StorageAccess, StorageAccount, StorageError, TokenError};
use crate::config::Feed;
use crate::flow::app::{App, Source};
use doorward_core::intake::feed::{FeedFailure, FeedStatus, ServiceFailure, Store};
use jiff::Timestamp;

/// What is read of an account: what kind, and by what name.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) account: &'a StorageAccount,
    pub(super) store: Store,
    pub(super) name: &'a str,
}

impl Read<'_> {
    /// What a refusal means.
    pub(super) fn refused(&self, app: &App, source: &Source, error: &StorageError) -> Polled {
        let service = FeedFailure::Service;
        let failure = match error {
            StorageError::Missing => {
                service(ServiceFailure::Missing(self.store, self.name.to_owned()))
            }
            StorageError::CredentialRefused => {
                service(ServiceFailure::CredentialRefused(self.store))
            }
            StorageError::KeysDisabled => service(ServiceFailure::KeysDisabled),
            StorageError::SecretUnusable => service(ServiceFailure::SecretUnusable),
            StorageError::RightMissing => service(ServiceFailure::RightMissing(self.store)),
            StorageError::Firewall => service(ServiceFailure::AccountFirewall),
            StorageError::Throttled(_) => FeedFailure::Throttled,
            StorageError::Token(TokenError::Refused { .. }) => FeedFailure::AuthFailed,
            StorageError::Token(TokenError::Unavailable { .. }) | StorageError::Unreachable => {
                FeedFailure::Unreachable
            }
            StorageError::BadReply(_) => FeedFailure::BadAnswer,
        };
        if *error == StorageError::CredentialRefused
            && self.account.access == StorageAccess::Identity
        {
            app.arm.forget_storage_token();
        }
        tracing::debug!(source = source.name, name = self.name, %error, "a storage account refused");
        Polled {
            patience: match error {
                StorageError::Throttled(patience) => *patience,
                _ => None,
            },
            ..Polled::of(FeedStatus::Failing(failure))
        }
    }
}

/// How a part fares that was read to its end: silent, if nothing came for longer than was to be expected.
pub(super) fn read_to_end(app: &App, feed: &Feed, part: &Part) -> FeedStatus {
    let now = app.clock.now();
    let (newest, first_read) = app.feeds(|feeds| {
        let part = feeds.part(part);
        (part.newest, part.first_read)
    });
    let silent = feed.expect_every.filter(|expected| {
        let since = newest.max(first_read);
        since.is_some_and(|since| clock::add(since, *expected) < now)
    });
    match silent {
        Some(expected) => FeedStatus::Failing(FeedFailure::Silent(expected)),
        None => FeedStatus::Reading,
    }
}

/// Records of any kind came.
pub(super) fn came(app: &App, part: &Part) {
    let now: Timestamp = app.clock.now();
    app.feeds(|feeds| feeds.part(part).newest = Some(now));
}
