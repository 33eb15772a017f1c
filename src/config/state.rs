//! Where the ledger is.

use super::{LoadError, Secret};
use crate::store::URL_PARAMETERS;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::path::{Path, PathBuf};

/// `state`: the file of a SQLite database, `sqlite:///var/lib/doorward/doorward.db`, or a PostgreSQL
/// database, `{ env: DATABASE_URL }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A file.
    Sqlite(PathBuf),
    /// A server, by a URL without a password.
    Postgres(String),
    /// Either, by a URL that stands elsewhere because it has a password.
    Secret(Secret),
}

/// The URL of a database. It may have a password: what is shown has none.
#[derive(Clone, Debug)]
pub enum StateUrl {
    /// A file, written by one doorward.
    Sqlite(PathBuf),
    /// A server, shared by any number of them.
    Postgres(SecretString),
}

/// A `state` that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Whoever reads the configuration would know it.
    #[error(
        "a password does not stand in the configuration: put the whole URL into a variable or a file and write \
         `state: {{ env: DATABASE_URL }}` or `state: {{ file: /run/secrets/database-url }}`"
    )]
    Password,
    /// A parameter that is not known may be a secret, and is not shown.
    #[error(
        "the URL in `state` has a parameter that is not known: after the `?` may stand `sslmode`, `sslrootcert`, `sslcert`, \
         `sslkey`, `host`, `port`, `user`"
    )]
    Parameter,
    /// In memory: what was opened would be forgotten with the process, and never closed.
    #[error(
        "the ledger must outlive the process, or nobody would close what it opened: use `sqlite:///var/lib/doorward/doorward.db`"
    )]
    Memory,
    /// Not a form that is known.
    #[error(
        "`state` reads `sqlite:///absolute/path.db`, `sqlite://relative/path.db`, or names where a URL \
         `postgres://user:password@host/database` stands: `{{ env: DATABASE_URL }}`"
    )]
    Form,
    /// Signs that mean something else in a URL.
    #[error("the path in `state` has `?`, `#` or `%`: give the database a plain name")]
    Sign,
}

impl State {
    /// Reads the URL as it stands in the configuration; a relative path is relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, StateError> {
        match StateUrl::parse(text, folder)? {
            StateUrl::Sqlite(path) => Ok(Self::Sqlite(path)),
            StateUrl::Postgres(_) => {
                let url = Url::parse(text).map_err(|_| StateError::Form)?;
                let named = |name: &str| url.query_pairs().any(|(other, _)| other == name);
                if url.password().is_some() || named("password") {
                    return Err(StateError::Password);
                }
                let known = |name: &str| URL_PARAMETERS.contains(&name);
                if !url.query_pairs().all(|(name, _)| known(&name)) {
                    return Err(StateError::Parameter);
                }
                Ok(Self::Postgres(text.to_owned()))
            }
        }
    }

    /// The URL, read from where it stands.
    ///
    /// # Errors
    /// It is not there, or cannot be used.
    pub fn url(&self) -> Result<StateUrl, LoadError> {
        match self {
            Self::Sqlite(path) => Ok(StateUrl::Sqlite(path.clone())),
            Self::Postgres(url) => Ok(StateUrl::Postgres(url.clone().into())),
            Self::Secret(secret) => {
                let text = secret.from.read();
                let text = text.map_err(|error| secret.refused(error.to_string()))?;
                let folder = Path::new(&secret.file).parent().unwrap_or(Path::new(""));
                StateUrl::parse(text.expose_secret(), folder)
                    .map_err(|error| secret.refused(error.to_string()))
            }
        }
    }
}

impl StateUrl {
    /// Reads a URL; a relative path is relative to `folder`.
    ///
    /// # Errors
    /// It is none that is known.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, StateError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned().into()));
        }
        if text.contains(":memory:") {
            return Err(StateError::Memory);
        }
        let path = text.strip_prefix("sqlite://").ok_or(StateError::Form)?;
        if path.contains(['?', '#', '%']) {
            return Err(StateError::Sign);
        }
        if path.is_empty() || path.ends_with('/') {
            return Err(StateError::Form);
        }
        Ok(Self::Sqlite(folder.join(path)))
    }

    /// The whole URL, to open the database with.
    pub fn expose(&self) -> String {
        match self {
            Self::Sqlite(_) => self.to_string(),
            Self::Postgres(url) => url.expose_secret().to_owned(),
        }
    }
}

impl fmt::Display for StateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let url = Url::parse(url.expose_secret()).ok();
                let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
                let database = url.as_ref().map_or("", Url::path);
                write!(f, "postgres://{host}{database}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_outlives_the_process_and_no_password() {
        let read = |text| {
            State::parse(text, Path::new("/etc/doorward"))
                .map(|state| state.url().unwrap().to_string())
        };
        for (text, expected) in [
            (
                "sqlite:///var/lib/doorward/doorward.db",
                Ok("sqlite:///var/lib/doorward/doorward.db"),
            ),
            (
                "sqlite://doorward.db",
                Ok("sqlite:///etc/doorward/doorward.db"),
            ),
            ("sqlite::memory:", Err(StateError::Memory)),
            ("postgres://db/doorward", Ok("postgres://db/doorward")),
            ("postgresql://me@db/doorward", Ok("postgres://db/doorward")),
            ("postgres://me:pw@db/doorward", Err(StateError::Password)),
            ("postgres://db/d?password=pw", Err(StateError::Password)),
            ("postgres://db/d?passwort=pw", Err(StateError::Parameter)),
            ("postgres://db/d?sslmode=require", Ok("postgres://db/d")),
            ("mysql://db/doorward", Err(StateError::Form)),
            ("sqlite://", Err(StateError::Form)),
            ("sqlite:///", Err(StateError::Form)),
            ("sqlite://:memory:", Err(StateError::Memory)),
            ("/var/lib/doorward.db", Err(StateError::Form)),
            ("sqlite://a.db?mode=ro", Err(StateError::Sign)),
        ] {
            assert_eq!(
                read(text).as_deref().map_err(|error| *error),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_shown_of_a_url_has_no_password() {
        let url =
            StateUrl::parse("postgres://me:hunter2@db:5433/doorward", Path::new("/")).unwrap();
        assert_eq!(url.to_string(), "postgres://db/doorward");
        assert!(!format!("{url:?}").contains("hunter2"));
        assert!(url.expose().contains("hunter2"));
    }
}
