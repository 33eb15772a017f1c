//! Where the ledger is.

use std::fmt;
use std::path::{Path, PathBuf};

/// `state`: a SQLite database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// `sqlite::memory:`: gone with the process, for trials.
    Memory,
    /// `sqlite:///var/lib/doorward/doorward.db`.
    File(PathBuf),
}

/// A `state` that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Another database.
    #[error("PostgreSQL is not supported yet: use `sqlite:///var/lib/doorward/doorward.db`")]
    Postgres,
    /// Not a form that is known.
    #[error(
        "`state` reads `sqlite:///absolute/path.db`, `sqlite://relative/path.db` or `sqlite::memory:`"
    )]
    Form,
    /// Signs that mean something else in a URL.
    #[error("the path in `state` has `?`, `#` or `%`: give the database a plain name")]
    Sign,
}

impl State {
    /// Reads the URL; a relative path is relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, StateError> {
        if text == "sqlite::memory:" {
            return Ok(Self::Memory);
        }
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err(StateError::Postgres);
        }
        let path = text.strip_prefix("sqlite://").ok_or(StateError::Form)?;
        if path.contains(['?', '#', '%']) {
            return Err(StateError::Sign);
        }
        if path.is_empty() || path.ends_with('/') || path.starts_with(':') {
            return Err(StateError::Form);
        }
        Ok(Self::File(folder.join(path)))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::File(path) => write!(f, "sqlite://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms() {
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
            ("sqlite::memory:", Ok("sqlite::memory:")),
            ("postgres://db/doorward", Err(StateError::Postgres)),
            ("postgresql://db/doorward", Err(StateError::Postgres)),
            ("sqlite://", Err(StateError::Form)),
            ("sqlite:///", Err(StateError::Form)),
            ("sqlite://:memory:", Err(StateError::Form)),
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
