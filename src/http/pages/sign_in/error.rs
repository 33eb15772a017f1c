//! Why nobody is signed in, in words for the person.

use crate::auth::ProviderError;
use axum::http::StatusCode;
use doorward_core::auth::sign_in::NotSignedIn;

/// Why nobody is signed in, for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// There is nothing to sign in at.
    #[error("Sign-in is not configured here (`sign_in` in doorward's configuration).")]
    NotConfigured,
    /// This page is for people who are signed in.
    #[error("Sign in first.")]
    Needed,
    /// The answer belongs to no sign-in of this browser.
    #[error(
        "This sign-in was not started in this browser, or took longer than ten minutes, or was used already. Open the page \
         that you came from and sign in again."
    )]
    NotStarted,
    /// Too many people sign in at once.
    #[error("Too many sign-ins at once. Try again in a moment.")]
    Busy,
    /// The provider cannot be asked.
    #[error(
        "The identity provider does not answer at the moment, so nobody can sign in. Everything else works on. Try again in a moment."
    )]
    Unavailable,
    /// The provider refused, or its answer proves nothing.
    #[error(
        "The identity provider did not sign you in. Try again; if it persists, doorward's log says why."
    )]
    Refused,
    /// The person may not sign in here.
    #[error("{0}.")]
    NotAuthorised(String),
    /// A form that was not shown to this person.
    #[error("This form is out of date. Reload the page and try again.")]
    StaleForm,
}

impl SignInError {
    /// The status that it is answered with.
    pub(in crate::http) fn status(&self) -> StatusCode {
        match self {
            Self::NotConfigured => StatusCode::NOT_FOUND,
            Self::NotStarted => StatusCode::BAD_REQUEST,
            Self::Needed | Self::Refused | Self::NotAuthorised(_) | Self::StaleForm => {
                StatusCode::FORBIDDEN
            }
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// After how many seconds it is worth trying again.
    pub(in crate::http) fn retry_after(&self) -> Option<u64> {
        matches!(self, Self::Busy | Self::Unavailable).then_some(5)
    }
}

impl From<ProviderError> for SignInError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::NotSignedIn(
                error @ (NotSignedIn::TooManyGroups | NotSignedIn::NotAuthorised),
            ) => {
                let text = error.to_string();
                let mut letters = text.chars();
                let first = letters.next().map(|first| first.to_uppercase().to_string());
                Self::NotAuthorised(first.unwrap_or_default() + letters.as_str())
            }
            ProviderError::Unavailable(_) => Self::Unavailable,
            ProviderError::Refused(_) | ProviderError::NotSignedIn(_) => Self::Refused,
        }
    }
}
