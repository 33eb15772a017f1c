//! SQLite: write-ahead log, every commit on disk before it counts, one writer, several readers.

use super::StoreError;
use super::database::{entry, hash, migrator, refused};
use super::writer::Line;
use crate::domain::ledger::{Entry, Hash};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};
use std::collections::HashSet;
use std::str::FromStr;
use std::time::Duration;

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many rows go into one statement: six values each, far below SQLite's 32,766.
const ROWS_AT_ONCE: [usize; 4] = [512, 64, 8, 1];

/// The database file.
pub(super) struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

/// One append under way.
pub(super) struct Append<'a>(Transaction<'a, Sqlite>);

impl Database {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        let steps = [("ledger", include_str!("migrations/sqlite/0001_ledger.sql"))];
        migrator(&steps).run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT);
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await?;
        Ok(Self {
            writer: readers.clone(),
            readers,
        })
    }

    pub(super) async fn begin(&self) -> Result<Append<'_>, StoreError> {
        // A transaction that turns from reading to writing midway would fail at once when busy.
        Ok(Append(self.writer.begin_with("begin immediate").await?))
    }

    pub(super) async fn entries(&self, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query(
            "select seq, at, body, hash from ledger where seq > $1 order by seq limit $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(entry).collect()
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select seq from ledger limit 1")
            .fetch_optional(&self.readers)
            .await?;
        Ok(())
    }
}

impl Append<'_> {
    /// The last entry's number and hash, as the database has it.
    pub(super) async fn end(&mut self) -> Result<Option<(i64, Hash)>, StoreError> {
        let row = sqlx::query("select seq, hash from ledger order by seq desc limit 1")
            .fetch_optional(&mut *self.0)
            .await?;
        row.map(|row| Ok((row.try_get("seq")?, hash(&row)?)))
            .transpose()
    }

    /// Which of `keys` stand already.
    pub(super) async fn known(&mut self, keys: &[&String]) -> Result<HashSet<String>, StoreError> {
        let asked = serde_json::to_string(keys).unwrap_or_default();
        let rows =
            sqlx::query("select once from ledger where once in (select value from json_each($1))")
                .bind(asked)
                .fetch_all(&mut *self.0)
                .await?;
        let known = rows.iter().map(|row| row.try_get("once"));
        Ok(known.collect::<Result<_, _>>()?)
    }

    pub(super) async fn insert(
        &mut self,
        entries: &[Entry],
        lines: &[Line],
    ) -> Result<(), StoreError> {
        let rows: Vec<(&Entry, &Line)> = entries.iter().zip(lines).collect();
        let mut rows = rows.as_slice();
        while !rows.is_empty() {
            // Few sizes, so that the statements are prepared once.
            let size = ROWS_AT_ONCE.into_iter().find(|size| *size <= rows.len());
            let (now, later) = rows.split_at(size.unwrap_or(1));
            rows = later;
            let mut insert = QueryBuilder::<Sqlite>::new(
                "insert into ledger (seq, at, kind, once, body, hash) ",
            );
            insert.push_values(now, |mut row, (entry, line)| {
                row.push_bind(entry.seq)
                    .push_bind(entry.at.as_microsecond())
                    .push_bind(line.what.kind())
                    .push_bind(&line.once)
                    .push_bind(&entry.body)
                    .push_bind(entry.hash.as_bytes());
            });
            insert
                .build()
                .execute(&mut *self.0)
                .await
                .map_err(refused)?;
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}
