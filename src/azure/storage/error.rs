//! Why a storage account did not give what it was asked for. Nothing of what it wrote is kept but its code.

use crate::azure::identity::token_error::TokenError;
use azure_core::error::ErrorKind;
use azure_core::http::RawResponse;
use std::time::Duration;

/// An exchange with a storage account that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// There is no such queue, container or blob.
    #[error("not found")]
    Missing,
    /// The key, signature or token is not accepted.
    #[error("the credential is not accepted")]
    CredentialRefused,
    /// The account takes no keys.
    #[error("the account takes no keys")]
    KeysDisabled,
    /// The credential does not have the right.
    #[error("the right is missing")]
    RightMissing,
    /// The account's network rules do not let us in.
    #[error("the account's network rules refuse")]
    Firewall,
    /// The service asks for patience.
    #[error("the service is busy")]
    Throttled(Option<Duration>),
    /// There is no token.
    #[error(transparent)]
    Token(TokenError),
    /// The secret cannot be read, or is not what it should be.
    #[error("the secret cannot be used")]
    SecretUnusable,
    /// Nobody answers.
    #[error("no answer in time")]
    Unreachable,
    /// The answer cannot be used.
    #[error("the answer cannot be used (status {0})")]
    BadReply(u16),
}

impl StorageError {
    /// Reads what the library reports.
    pub(super) fn read(error: &azure_core::Error) -> Self {
        let first: &(dyn std::error::Error + 'static) = error;
        for cause in std::iter::successors(Some(first), |error| error.source()) {
            if let Some(token) = cause.downcast_ref::<TokenError>() {
                return Self::Token(token.clone());
            }
        }
        match error.kind() {
            ErrorKind::HttpResponse {
                status,
                error_code,
                raw_response,
            } => {
                let code = error_code.as_deref().unwrap_or_default();
                refusal(u16::from(*status), code, raw_response.as_deref())
            }
            ErrorKind::Connection | ErrorKind::Io => Self::Unreachable,
            _ => Self::BadReply(200),
        }
    }
}

/// What a status and a code mean
/// (<https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>).
fn refusal(status: u16, code: &str, answer: Option<&RawResponse>) -> StorageError {
    match (status, code) {
        (_, "KeyBasedAuthenticationNotPermitted") => StorageError::KeysDisabled,
        (_, "AuthorizationFailure" | "AuthorizationSourceIPMismatch" | "IpAuthorizationError") => {
            StorageError::Firewall
        }
        (401, _) | (_, "AuthenticationFailed" | "InvalidAuthenticationInfo") => {
            StorageError::CredentialRefused
        }
        (403, _) => StorageError::RightMissing,
        (404, _) | (409, "QueueBeingDeleted" | "ContainerBeingDeleted") => StorageError::Missing,
        (429 | 503, _) | (_, "ServerBusy") => StorageError::Throttled(patience(answer)),
        (408 | 500.., _) => StorageError::Unreachable,
        _ => StorageError::BadReply(status),
    }
}

fn patience(answer: Option<&RawResponse>) -> Option<Duration> {
    let headers = answer?.headers();
    let seconds = headers.get_optional_str(&"retry-after".into())?;
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        for (status, code, error) in [
            (404, "QueueNotFound", StorageError::Missing),
            (403, "AuthenticationFailed", StorageError::CredentialRefused),
            (401, "", StorageError::CredentialRefused),
            (403, "AuthorizationFailure", StorageError::Firewall),
            (
                403,
                "AuthorizationPermissionMismatch",
                StorageError::RightMissing,
            ),
            (
                403,
                "KeyBasedAuthenticationNotPermitted",
                StorageError::KeysDisabled,
            ),
            (503, "ServerBusy", StorageError::Throttled(None)),
            (500, "InternalError", StorageError::Unreachable),
            (
                400,
                "InvalidQueryParameterValue",
                StorageError::BadReply(400),
            ),
        ] {
            assert_eq!(refusal(status, code, None), error, "{status} {code}");
        }
    }
}
