//! Secrets stand in the configuration by reference only.

use secrecy::SecretString;
use serde::Deserialize;
use std::path::PathBuf;

/// Where a secret is to be read from: `{ env: NAME }` or `{ file: /run/secrets/name }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; one trailing line break is not part of the secret.
    File(PathBuf),
}

/// A secret that is not there.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or empty, or not UTF-8.
    #[error("the environment variable `{0}` is not set or empty: set it to the secret")]
    Env(String),
    /// The file cannot be read, or is empty.
    #[error("the secret file `{path}` cannot be used: {why}")]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}

impl SecretRef {
    /// Reads the secret now.
    #[expect(clippy::disallowed_methods, reason = "settings are read here")]
    pub fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(value.into()),
                _ => Err(SecretError::Env(name.clone())),
            },
            Self::File(path) => {
                let refuse = |why: String| SecretError::File {
                    path: path.clone(),
                    why,
                };
                let text =
                    std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
                let secret = text.strip_suffix('\n').unwrap_or(&text);
                let secret = secret.strip_suffix('\r').unwrap_or(secret);
                if secret.is_empty() {
                    Err(refuse("it is empty".to_owned()))
                } else {
                    Ok(secret.into())
                }
            }
        }
    }
}
