//! Why a broker did not give what it was asked for. Nothing of what it wrote is kept.

use crate::azure::TokenError;
use krafka::KrafkaError;
use krafka::error::ErrorCode;
use std::time::Duration;

/// How long anything may take; the library's own limits are below that.
const WITHIN: Duration = Duration::from_secs(40);

/// An exchange with a broker that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// There is no such topic, or it is not shown.
    #[error("there is no such topic")]
    Missing,
    /// User, password or token are not accepted.
    #[error("the credential is not accepted")]
    CredentialRefused,
    /// The right to read is missing.
    #[error("the right is missing")]
    RightMissing,
    /// There is no token.
    #[error(transparent)]
    Token(TokenError),
    /// The secret cannot be read, or is not what it should be.
    #[error("the secret cannot be used")]
    SecretUnusable,
    /// No TLS connection comes about.
    #[error("no TLS connection comes about")]
    Tls,
    /// The broker asks for patience.
    #[error("the broker is busy")]
    Throttled,
    /// Records cannot be decoded.
    #[error("records cannot be decoded")]
    Undecodable,
    /// The offset is not there any more, or not yet.
    #[error("the offset is out of range")]
    OutOfRange,
    /// Nobody answers.
    #[error("no answer in time")]
    Unreachable,
    /// The answer cannot be used.
    #[error("the answer cannot be used")]
    BadReply,
}

impl From<KrafkaError> for KafkaError {
    fn from(error: KrafkaError) -> Self {
        if is_tls(&error) {
            return Self::Tls;
        }
        match &error {
            KrafkaError::Auth { .. } => Self::CredentialRefused,
            KrafkaError::UnknownTopic { .. } => Self::Missing,
            KrafkaError::NoOffset { .. } => Self::OutOfRange,
            KrafkaError::Compression { .. } | KrafkaError::RecordDeserialization { .. } => {
                Self::Undecodable
            }
            KrafkaError::Network(_) | KrafkaError::Timeout { .. } => Self::Unreachable,
            KrafkaError::Config { .. } => Self::SecretUnusable,
            KrafkaError::Broker { code, .. } => refusal(*code),
            _ => Self::BadReply,
        }
    }
}

fn refusal(code: ErrorCode) -> KafkaError {
    match code {
        ErrorCode::UnknownTopicOrPartition | ErrorCode::InvalidTopic => KafkaError::Missing,
        ErrorCode::TopicAuthorizationFailed | ErrorCode::ClusterAuthorizationFailed => {
            KafkaError::RightMissing
        }
        ErrorCode::SaslAuthenticationFailed | ErrorCode::UnsupportedSaslMechanism => {
            KafkaError::CredentialRefused
        }
        ErrorCode::OffsetOutOfRange => KafkaError::OutOfRange,
        ErrorCode::ThrottlingQuotaExceeded => KafkaError::Throttled,
        ErrorCode::CorruptMessage | ErrorCode::UnsupportedCompressionType => {
            KafkaError::Undecodable
        }
        code if code.is_retriable() => KafkaError::Unreachable,
        _ => KafkaError::BadReply,
    }
}

/// Whether it is about the certificate, or about what is no TLS.
fn is_tls(error: &KrafkaError) -> bool {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source()).any(|error| {
        let io = error.downcast_ref::<std::io::Error>();
        let inner = io.and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        error.is::<rustls::Error>() || inner.is_some()
    })
}

/// Waits for an exchange, and reads what went wrong.
pub(super) async fn within<T>(
    exchange: impl Future<Output = krafka::Result<T>>,
) -> Result<T, KafkaError> {
    let ended = tokio::time::timeout(WITHIN, exchange).await;
    let ended = ended.map_err(|_| KafkaError::Unreachable)?;
    ended.map_err(|error| {
        tracing::debug!("a broker did not give what it was asked for: {error}");
        KafkaError::from(error)
    })
}
