//! Why the ledger could not be read or written.

use std::sync::Arc;

/// A ledger that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not do what it is asked.
    #[error("the ledger's database fails: {0}")]
    Database(Arc<sqlx::Error>),
    /// Its tables cannot be brought to what this version needs.
    #[error(
        "the ledger's tables cannot be prepared: {0}; was the database written by a newer doorward?"
    )]
    Migration(Arc<sqlx::migrate::MigrateError>),
    /// An entry does not follow from the one before it.
    #[error(
        "the ledger's chain is broken at entry {seq}: it was changed behind doorward's back. Keep the file for \
         investigation, restore a copy that `doorward ledger verify` accepts, and compare the registries' entries by hand"
    )]
    Broken {
        /// The first entry that does not follow.
        seq: i64,
    },
    /// The tables, indexes or pages are not as they were made.
    #[error(
        "the ledger's database is not as doorward made it: {0}. It was damaged or changed behind doorward's back. Keep it \
         for investigation, and restore a copy that `doorward ledger verify` accepts"
    )]
    Unsound(String),
    /// An entry's body is not what this version can read.
    #[error("entry {seq} of the ledger cannot be read: {why}; was it written by a newer doorward?")]
    Unreadable {
        /// The entry.
        seq: i64,
        /// What the parser says.
        why: String,
    },
    /// The database server is not to be had, and what to do.
    #[error("{told}")]
    Server {
        /// The same for anybody to read: without names of hosts, users, databases.
        brief: &'static str,
        /// For whoever runs it.
        told: String,
    },
    /// A URL that does not say how to reach a server.
    #[error(
        "the URL of the PostgreSQL server cannot be read (and may hold a password, so it is not shown): write \
         `postgres://user:password@host:5432/database`, every sign but letters, digits and `-._~` in user and password as \
         `%XX`; after a `?` may stand `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `host`, `port`, `user`"
    )]
    ServerUrl,
    /// The database server takes too long; whether what was asked is done is not known.
    #[error("the ledger's database does not answer")]
    Timeout,
    /// The files were moved, or what they hold was set back, under the running program.
    #[error(
        "the ledger was moved, deleted, replaced or set back while doorward was running, so that nothing is written to it: \
         put it back where it was, or restart doorward with the one that is there now"
    )]
    Replaced,
    /// No room for another entry.
    #[error("the disk that holds the ledger is full: free some space")]
    Full,
    /// What it rests on has changed since it was read: it is to be decided anew.
    #[error("what stands has changed meanwhile")]
    Conflict,
    /// Something that may happen once has happened already.
    #[error("it has happened already")]
    Duplicate,
    /// Nobody writes: it was opened to be read, or the program ends.
    #[error("the ledger is not open for writing")]
    Closed,
}

impl StoreError {
    /// What anybody may read of it.
    pub fn brief(&self) -> &'static str {
        match self {
            Self::Server { brief, .. } => brief,
            _ => "The ledger's database does not answer.",
        }
    }

    /// Whether a database that cannot be opened because of it may be opened later, with nothing done to
    /// this program or its ledger.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Database(_) | Self::Server { .. } | Self::Timeout | Self::Full
        )
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration(Arc::new(error))
    }
}
