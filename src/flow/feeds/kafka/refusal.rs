//! What a broker's refusal means.

use super::Turn;
use crate::azure::TokenError;
use crate::flow::feeds::Polled;
use crate::flow::feeds::progress::Part;
use crate::kafka::KafkaError;
use doorward_core::intake::feed::{FeedFailure, FeedStatus, ServiceFailure, Store};

impl Turn<'_> {
    pub(super) fn all_refused(&self, mine: &[(i32, Part)], error: &KafkaError) -> Polled {
        let polled = self.refused(error);
        for (_, part) in mine {
            self.note(part, &Polled::of(polled.status.clone()));
        }
        polled
    }

    /// What a refusal means. The next turn connects anew.
    pub(super) fn refused(&self, error: &KafkaError) -> Polled {
        let name = &self.source.name;
        self.app.feeds(|feeds| feeds.connected(name, None));
        let service = FeedFailure::Service;
        let failure = match error {
            KafkaError::Missing => service(ServiceFailure::Missing(
                Store::Topic,
                self.kind.topic.clone(),
            )),
            KafkaError::CredentialRefused => {
                service(ServiceFailure::CredentialRefused(Store::Topic))
            }
            KafkaError::RightMissing => service(ServiceFailure::RightMissing(Store::Topic)),
            KafkaError::Token(TokenError::Refused { .. }) => FeedFailure::AuthFailed,
            KafkaError::SecretUnusable => service(ServiceFailure::SecretUnusable),
            KafkaError::Tls => service(ServiceFailure::Tls),
            KafkaError::Throttled => FeedFailure::Throttled,
            KafkaError::Undecodable => service(ServiceFailure::Undecodable),
            KafkaError::Token(TokenError::Unavailable { .. }) | KafkaError::Unreachable => {
                FeedFailure::Unreachable
            }
            KafkaError::OutOfRange | KafkaError::BadReply => FeedFailure::BadAnswer,
        };
        tracing::debug!(source = name, %error, "a broker refused");
        Polled::of(FeedStatus::Failing(failure))
    }
}
