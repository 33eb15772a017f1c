//! What of the flow's errors a caller may know: that the ledger does not take something is one of its own.

use super::HttpError;
use crate::flow::access::api_tokens::ApiTokenError;
use crate::flow::access::sessions::SessionError;
use crate::flow::notify::channels::NotifyError;
use crate::flow::orders::OrderError;
use crate::flow::sets::ConfirmError;
use crate::store::StoreError;

impl From<OrderError> for HttpError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Store(error) => error.into(),
            error => Self::Order(error),
        }
    }
}

impl From<NotifyError> for HttpError {
    fn from(error: NotifyError) -> Self {
        match error {
            NotifyError::Store(error) => error.into(),
            error => Self::Notify(error),
        }
    }
}

impl From<ConfirmError> for HttpError {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::Store(error) => error.into(),
            error => Self::Confirm(error),
        }
    }
}

impl From<ApiTokenError> for HttpError {
    fn from(error: ApiTokenError) -> Self {
        match error {
            ApiTokenError::Store(error) => error.into(),
            error => Self::ApiToken(error),
        }
    }
}

impl From<SessionError> for HttpError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => error.into(),
            SessionError::Random(error) => {
                tracing::error!(%error, "no session could be made");
                Self::Internal
            }
        }
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the ledger cannot be written");
        Self::Unavailable
    }
}
