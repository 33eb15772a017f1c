//! One of two databases, with the same operations.

use super::lease::Lease;
use super::writer::Line;
use super::{StoreError, audit, postgres, sqlite, what};
use doorward_core::ledger::event::{Entry, Hash};
use doorward_core::ledger::id::AlertId;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgListener;
use sqlx::{ColumnIndex, Decode, Row, SqlStr, Type};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// Where the ledger is.
pub(super) enum Database {
    /// A file, written by one process.
    Sqlite(Box<sqlite::Database>),
    /// A server, written by any number of processes.
    Postgres(postgres::Database),
}

/// One append under way.
pub(super) enum Append<'a> {
    Sqlite(sqlite::Append<'a>),
    Postgres(postgres::Append),
}

macro_rules! on_both {
    ($one:ident, |$it:ident| $body:expr) => {
        match $one {
            Self::Sqlite($it) => $body,
            Self::Postgres($it) => $body,
        }
    };
}

impl Database {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        Ok(if is_postgres(url) {
            Self::Postgres(postgres::Database::open(url).await?)
        } else {
            Self::Sqlite(Box::new(sqlite::Database::open(url).await?))
        })
    }

    pub(super) async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        Ok(if is_postgres(url) {
            Self::Postgres(postgres::Database::open_read_only(url).await?)
        } else {
            Self::Sqlite(Box::new(sqlite::Database::open_read_only(url).await?))
        })
    }

    /// Whether other processes may write too.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// How long an append may take; longer, and what became of it is not known.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(postgres::PATIENCE),
        }
    }

    pub(super) async fn begin(&self) -> Result<Append<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite(database) => Append::Sqlite(database.begin().await?),
            Self::Postgres(database) => Append::Postgres(database.begin().await?),
        })
    }

    pub(super) async fn entries(&self, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        let rows = self.rows(after, limit).await?;
        Ok(rows.into_iter().map(|row| row.entry).collect())
    }

    /// Entries with what stands beside them.
    pub(super) async fn rows(&self, after: i64, limit: i64) -> Result<Vec<Stored>, StoreError> {
        on_both!(self, |database| database.rows(after, limit).await)
    }

    /// What is wrong with the tables, where that can be told for sure at every start.
    pub(super) async fn schema(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(database) => audit::sqlite_schema(&database.readers).await,
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// What is wrong with the tables, the indexes and the pages.
    pub(super) async fn audit(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(database) => audit::sqlite(&database.readers).await,
            Self::Postgres(database) => database.audit().await,
        }
    }

    /// How many changes the tables have seen, and how many this program knows.
    pub(super) async fn steps(&self) -> Result<(i64, usize), StoreError> {
        const STEPS: &str = "select count(*) from _sqlx_migrations";
        Ok(match self {
            Self::Sqlite(database) => {
                let made = sqlx::query_scalar(STEPS).fetch_one(&database.readers);
                (made.await?, sqlite::STEPS.len())
            }
            Self::Postgres(database) => (database.steps(STEPS).await?, postgres::STEPS.len()),
        })
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        on_both!(self, |database| database.ping().await)
    }

    /// How many bytes the ledger takes up.
    pub(super) async fn size(&self) -> Result<u64, StoreError> {
        on_both!(self, |database| database.size().await)
    }

    /// Whether what is open still stands where it was opened.
    pub(super) fn in_place(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(database) => database.in_place(),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// How much space is left on our own disk, in bytes, if that is little.
    pub(super) fn low_on_space(&self) -> Option<u64> {
        match self {
            Self::Sqlite(database) => database.low_on_space(),
            Self::Postgres(_) => None,
        }
    }

    /// Whether next to no space is left on our own disk.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Sqlite(database) => database.is_full(),
            Self::Postgres(_) => false,
        }
    }

    /// A connection on which other processes' appends are told, where there are any.
    pub(super) async fn listen(&self) -> Result<Option<PgListener>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(database) => database.listen().await.map(Some),
        }
    }

    /// Takes or renews a lease. Whoever has a file has it alone.
    pub(super) async fn acquire(
        &self,
        name: &str,
        holder: Uuid,
        (good_for, deadline): (Duration, Duration),
    ) -> Result<Lease, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(Lease::Alone),
            Self::Postgres(database) => database.acquire(name, holder, (good_for, deadline)).await,
        }
    }

    /// Lets go of a lease; somebody else may take it after `pause`.
    pub(super) async fn release(
        &self,
        name: &str,
        holder: Uuid,
        pause: Duration,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(database) => database.release(name, holder, pause).await,
        }
    }

    /// Takes a message to deliver it; `false` while another process has it, or when it is delivered.
    pub(super) async fn take_message(
        &self,
        alert: AlertId,
        channel: &str,
        good_for: Duration,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(database) => database.take_message(alert, channel, good_for).await,
        }
    }

    /// Gives a message back that was not delivered.
    pub(super) async fn release_delivery(
        &self,
        alert: AlertId,
        channel: &str,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(database) => database.release_delivery(alert, channel).await,
        }
    }
}

impl Append<'_> {
    /// The last entry's number and hash, as the database has it.
    pub(super) async fn end(&mut self) -> Result<Option<(i64, Hash)>, StoreError> {
        on_both!(self, |append| append.end().await)
    }

    /// Which of `keys` stand already.
    pub(super) async fn known(&mut self, keys: &[&String]) -> Result<HashSet<String>, StoreError> {
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        on_both!(self, |append| append.known(keys).await)
    }

    pub(super) async fn insert(
        &mut self,
        entries: &[Entry],
        lines: &[Line],
    ) -> Result<(), StoreError> {
        on_both!(self, |append| append.insert(entries, lines).await)
    }

    /// Changes nothing that counts, but so that it must reach the disk.
    pub(super) async fn touch(&mut self) -> Result<(), StoreError> {
        on_both!(self, |append| append.touch().await)
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        on_both!(self, |append| append.commit().await)
    }

    /// Ends it without having written anything.
    pub(super) async fn cancel(self) {
        on_both!(self, |append| append.cancel().await);
    }
}

/// Whether `url` names a PostgreSQL server.
pub(super) fn is_postgres(url: &str) -> bool {
    ["postgres:", "postgresql:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// An entry as it is stored.
pub(super) struct Stored {
    pub(super) entry: Entry,
    kind: String,
    once: Option<String>,
}

impl Stored {
    /// Whether what stands beside the entry is what the entry says, and it is counted from 1.
    pub(super) fn is_sound(&self) -> bool {
        what(&self.entry).is_ok_and(|what| {
            self.entry.seq > 0 && self.kind == what.kind() && self.once == what.idempotency_key()
        })
    }
}

/// Reads a row of `seq, at, kind, once, body, hash`.
pub(super) fn stored<R: Row>(row: &R) -> Result<Stored, StoreError>
where
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    &'static str: ColumnIndex<R>,
{
    let at = jiff::Timestamp::from_microsecond(row.try_get("at")?);
    let entry = Entry {
        seq: row.try_get("seq")?,
        at: at.map_err(|error| undecodable(error.into()))?,
        body: row.try_get("body")?,
        hash: hash(row)?,
    };
    Ok(Stored {
        entry,
        kind: row.try_get("kind")?,
        once: row.try_get("once")?,
    })
}

/// Reads a row's `hash`.
pub(super) fn hash<R: Row>(row: &R) -> Result<Hash, StoreError>
where
    Vec<u8>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    &'static str: ColumnIndex<R>,
{
    let bytes: Vec<u8> = row.try_get("hash")?;
    Hash::from_bytes(&bytes).ok_or_else(|| undecodable("a hash is not 32 bytes".into()))
}

fn undecodable(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::from(sqlx::Error::Decode(error))
}

/// An insert that the database refused.
pub(super) fn refused(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(refusal)
            if refusal.is_unique_violation() && refusal.message().contains("once") =>
        {
            StoreError::Duplicate
        }
        _ => StoreError::from(error),
    }
}

/// The changes of a database's tables, in order.
pub(super) fn migrator(steps: &[(&'static str, &'static str)]) -> Migrator {
    let steps = (1..).zip(steps).map(|(number, (name, sql))| {
        let (name, sql) = ((*name).into(), SqlStr::from_static(sql));
        Migration::new(number, name, MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(steps.collect())
}
