//! Why there is no token, said so that the reader can do something about it.

use azure_core::error::ErrorKind;
use azure_core::http::RawResponse;

use crate::azure::error::clean;

/// No token could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Whoever gives tokens said no, or the credential is not set up: trying again will not help.
    #[error("no token from the credential `{kind}`: {why}; {}", hint(.kind))]
    Refused {
        /// The credential's kind as the configuration writes it.
        kind: &'static str,
        /// What was said, bounded.
        why: String,
    },
    /// Whoever gives tokens could not be reached or is out of order: later it may work.
    #[error("no token from the credential `{kind}` for now: {why}")]
    Unavailable {
        /// The credential's kind as the configuration writes it.
        kind: &'static str,
        /// What happened, bounded.
        why: String,
    },
}

/// What to look at first.
pub(in crate::azure) fn hint(kind: &str) -> &'static str {
    match kind {
        "managed_identity" => "check that the machine, app or container has this identity assigned",
        "workload_identity" => {
            "check the service account's annotations and the federated credential's subject and issuer"
        }
        "azure_cli" => "run `az login` as the user that doorward runs as",
        "client_secret" => "check the tenant, the client id and whether the secret has expired",
        _ => "set a fresh token (`az account get-access-token --query accessToken -o tsv`)",
    }
}

impl TokenError {
    /// Whether a later attempt may succeed with nothing changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Reads what `azure_identity` reports, without any raw answer in it.
    pub(in crate::azure) fn read(kind: &'static str, error: &azure_core::Error) -> Self {
        let first: &(dyn std::error::Error + 'static) = error;
        let chain = std::iter::successors(Some(first), |error| error.source());
        let known = chain.filter_map(|error| error.downcast_ref::<azure_core::Error>());
        for error in known {
            match error.kind() {
                ErrorKind::HttpResponse {
                    status,
                    error_code,
                    raw_response,
                } => {
                    let said = raw_response.as_deref().and_then(description);
                    let status = u16::from(*status);
                    let code = error_code.as_deref().map(|code| format!("AADSTS{code}"));
                    let why = match said.or(code) {
                        Some(said) => format!("status {status}, {said}"),
                        None => format!("status {status}"),
                    };
                    return match status {
                        408 | 410 | 429 | 500.. => Self::Unavailable { kind, why },
                        _ => Self::Refused { kind, why },
                    };
                }
                ErrorKind::Connection | ErrorKind::Io => {
                    return Self::Unavailable {
                        kind,
                        why: clean(&error.to_string()),
                    };
                }
                ErrorKind::DataConversion => {
                    return Self::Unavailable {
                        kind,
                        why: "the answer does not have a token's form".to_owned(),
                    };
                }
                _ => {}
            }
        }
        Self::Refused {
            kind,
            why: clean(&error.to_string()),
        }
    }
}

/// What Entra, or an identity endpoint, says is wrong; without the trace ids that follow.
fn description(answer: &RawResponse) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(answer.body().as_ref()).ok()?;
    let said = ["error_description", "message", "error"]
        .iter()
        .find_map(|field| body.get(field)?.as_str())?;
    let said = said.split("Trace ID:").next().unwrap_or_default();
    Some(clean(said))
}
