//! Who may come in, beside the ledger in its database: people's sessions and programs' API tokens. They
//! are looked up by the SHA-256 of what is shown; what is shown itself is kept nowhere.

/// Runs a statement on whichever database it is; how many rows it changed.
macro_rules! change {
    ($database:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        match $database {
            Database::Sqlite(it) => it.change(sqlx::query($sql)$(.bind($value))*).await,
            Database::Postgres(it) => it.change(sqlx::query($sql)$(.bind($value))*).await,
        }
    };
}

/// Reads the rows that a query finds on whichever database it is, each by `$read`.
macro_rules! find {
    ($database:expr, $read:ident, $sql:expr $(, $value:expr)* $(,)?) => {
        match $database {
            Database::Sqlite(it) => {
                let rows = it.find(sqlx::query($sql)$(.bind($value))*).await?;
                rows.iter().map($read).collect::<Result<Vec<_>, StoreError>>()
            }
            Database::Postgres(it) => {
                let rows = it.find(sqlx::query($sql)$(.bind($value))*).await?;
                rows.iter().map($read).collect::<Result<Vec<_>, StoreError>>()
            }
        }
    };
}

// Below the macros, so that they are known there.
mod sessions;
mod tokens;

pub use sessions::Session;
pub use tokens::{ApiToken, NewToken};

use super::StoreError;
use super::database::Database;
use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{ColumnIndex, Decode, Postgres, Row, Sqlite, Type};

pub(super) type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;
pub(super) type PostgresQuery<'q> = Query<'q, Postgres, PgArguments>;
pub(super) type SqliteRows = Vec<SqliteRow>;
pub(super) type PostgresRows = Vec<PgRow>;

/// A row of either database, by the names of its columns.
trait Columns: Row {
    fn text(&self, column: &'static str) -> Result<String, StoreError>;
    fn time(&self, column: &'static str) -> Result<Timestamp, StoreError>;
    fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError>;
}

impl<R: Row> Columns for R
where
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    &'static str: ColumnIndex<R>,
{
    fn text(&self, column: &'static str) -> Result<String, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        stored_time(self.try_get(column)?)
    }

    fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> = self.try_get(column)?;
        at.map(stored_time).transpose()
    }
}

fn stored_time(microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(unreadable)
}

/// A value that this program did not write, or not so.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::from(sqlx::Error::Decode(Box::new(error)))
}
