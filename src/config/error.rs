//! What is wrong with what the user wrote.

use doorward_core::yaml::problem::{Place, Problem, Problems};
use std::path::Path;

/// A configuration or policy that cannot be used; the program ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Everything that is wrong, each with its place.
    #[error(transparent)]
    Problems(#[from] Problems),
}

impl LoadError {
    /// A file that cannot be read.
    pub(super) fn unreadable(path: &Path, why: &std::io::Error, help: &str) -> Self {
        Self::about(path, format!("this cannot be read: {why}"), help)
    }

    /// Something that is wrong with a whole file.
    pub(super) fn about(path: &Path, what: String, help: &str) -> Self {
        Self::Problems(Problems(vec![of_whole(path, what, help)]))
    }

    /// Something that is odd about a whole file or folder, and allowed.
    pub(super) fn warning(path: &Path, what: String, help: &str) -> Problem {
        Problem {
            warning: true,
            ..of_whole(path, what, help)
        }
    }
}

fn of_whole(path: &Path, what: String, help: &str) -> Problem {
    Problem {
        file: path.display().to_string(),
        place: Place::default(),
        shown: None,
        field: String::new(),
        what,
        help: (!help.is_empty()).then(|| help.to_owned()),
        warning: false,
    }
}
