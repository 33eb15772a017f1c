//! Why a registry cannot be read, in words of our own that anybody may see.

use super::error::ArmError;
use super::identity::token_error::{TokenError, hint};
use std::fmt;

/// The action that reading a registry needs.
const READ: &str = "Microsoft.ContainerRegistry/registries/read";

/// Why a registry cannot be read, and what would help. It holds nothing that Azure wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What it is.
    pub reason: Reason,
    text: String,
}

/// What keeps a registry from being read. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no token, or it is not accepted.
    AuthFailed,
    /// The identity may not read it.
    Forbidden,
    /// There is no such registry, or none that may be seen.
    NotFound,
    /// Nobody answers.
    Unreachable,
    /// Azure asks for patience.
    Throttled,
    /// The answer is not a registry's.
    BadAnswer,
}

impl Reason {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthFailed => "auth_failed",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Unreachable => "unreachable",
            Self::Throttled => "throttled",
            Self::BadAnswer => "bad_answer",
        }
    }
}

impl Unreadable {
    /// No answer came in time.
    pub fn silent() -> Self {
        let text = "Azure Resource Manager does not answer in time: check the network and `azure.resource_manager`";
        Self::new(Reason::Unreachable, text)
    }

    /// The answer cannot be used.
    pub fn malformed() -> Self {
        let text = "what Azure answers is not a registry: the log says more";
        Self::new(Reason::BadAnswer, text)
    }

    /// What an error means that came of asking with a credential of this kind.
    pub fn of(error: &ArmError, credential: &str) -> Self {
        let (reason, text) = match error {
            ArmError::Token(TokenError::Refused { kind, .. }) => (
                Reason::AuthFailed,
                format!(
                    "there is no token from the credential `{kind}`: {}",
                    hint(kind)
                ),
            ),
            ArmError::Token(TokenError::Unavailable { kind, .. }) => (
                Reason::Unreachable,
                format!("whoever gives tokens for the credential `{kind}` cannot be had"),
            ),
            ArmError::Unauthorized { .. } => (
                Reason::AuthFailed,
                format!(
                    "Azure does not accept the token of the credential `{credential}`: {}",
                    hint(credential)
                ),
            ),
            ArmError::Refused { status: 403, .. } => (
                Reason::Forbidden,
                format!(
                    "the identity of the credential `{credential}` may not read it: it needs the action `{READ}`"
                ),
            ),
            ArmError::NotFound { .. } => (
                Reason::NotFound,
                "Azure knows no such registry, or does not show it: check its `id` in `registries`"
                    .to_owned(),
            ),
            ArmError::Refused { status, .. } => (
                Reason::BadAnswer,
                format!("Azure refuses with status {status}: the log says more"),
            ),
            ArmError::Throttled { .. } => (
                Reason::Throttled,
                "Azure asks for patience (429)".to_owned(),
            ),
            ArmError::Unavailable { .. } => (
                Reason::Unreachable,
                "Azure Resource Manager cannot be reached or is out of order: check the network and `azure.resource_manager`"
                    .to_owned(),
            ),
            ArmError::BadReply { .. } => return Self::malformed(),
        };
        Self { reason, text }
    }

    fn new(reason: Reason, text: &str) -> Self {
        Self {
            reason,
            text: text.to_owned(),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_the_credential_or_the_action_and_nothing_that_azure_wrote() {
        let said = || "secret words of Azure".to_owned();
        let token = TokenError::Refused {
            kind: "client_secret",
            why: said(),
        };
        let forbidden = ArmError::Refused {
            status: 403,
            code: said(),
            message: said(),
            retry_after: None,
        };
        for (error, reason, named) in [
            (token.into(), "auth_failed", "`client_secret`"),
            (
                ArmError::Unauthorized {
                    code: said(),
                    message: said(),
                },
                "auth_failed",
                "`managed_identity`",
            ),
            (forbidden, "forbidden", READ),
            (
                ArmError::NotFound {
                    id: said(),
                    code: said(),
                    message: said(),
                },
                "not_found",
                "`registries`",
            ),
            (
                ArmError::Unavailable {
                    why: said(),
                    retry_after: None,
                },
                "unreachable",
                "network",
            ),
        ] {
            let unreadable = Unreadable::of(&error, "managed_identity");
            assert_eq!(unreadable.reason.name(), reason);
            let text = unreadable.to_string();
            assert!(
                text.contains(named) && !text.contains("secret words"),
                "{text}"
            );
        }
    }
}
