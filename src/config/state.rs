//! Where the ledger is.

use std::fmt;
use std::path::{Path, PathBuf};

/// `state`: the file of a SQLite database, `sqlite:///var/lib/doorward/doorward.db`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(pub PathBuf);

/// A `state` that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Another database.
    #[error("PostgreSQL is not supported yet: use `sqlite:///var/lib/doorward/doorward.db`")]
    Postgres,
    /// In memory: what was opened would be forgotten with the process, and never closed.
    #[error(
        "the ledger must outlive the process, or nobody would close what it opened: use `sqlite:///var/lib/doorward/doorward.db`"
    )]
    Memory,
    /// Not a form that is known.
    #[error("`state` reads `sqlite:///absolute/path.db` or `sqlite://relative/path.db`")]
    Form,
    /// Signs that mean something else in a URL.
    #[error("the path in `state` has `?`, `#` or `%`: give the database a plain name")]
    Sign,
}

impl State {
    /// Reads the URL; a relative path is relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, StateError> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err(StateError::Postgres);
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
        Ok(Self(folder.join(path)))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.0.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_its_own() {
        let read =
            |text| State::parse(text, Path::new("/etc/doorward")).map(|state| state.to_string());
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
            ("postgres://db/doorward", Err(StateError::Postgres)),
            ("postgresql://db/doorward", Err(StateError::Postgres)),
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
}
