//! SQLite: write-ahead log, every commit on disk before it counts, one writer, several readers.

use super::StoreError;
use super::access::{SqliteQuery, SqliteRows};
use super::database::{Stored, hash, migrator, refused, stored};
use super::files::{self, Files};
use super::writer::Line;
use doorward_core::ledger::event::{Entry, Hash};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Executor, QueryBuilder, Row, Sqlite};
use std::collections::HashSet;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many rows go into one statement: six values each, far below SQLite's 32,766.
const ROWS_AT_ONCE: [usize; 4] = [512, 64, 8, 1];

/// The changes of the tables, in order.
pub(super) const STEPS: [(&str, &str); 3] = [
    ("ledger", include_str!("migrations/sqlite/0001_ledger.sql")),
    (
        "never replaced",
        include_str!("migrations/sqlite/0002_never_replaced.sql"),
    ),
    ("access", include_str!("migrations/sqlite/0003_access.sql")),
];

/// The database file.
pub(super) struct Database {
    writer: Writer,
    /// For what stands beside the ledger.
    beside: Writer,
    pub(super) readers: SqlitePool,
    /// None where it is only read.
    files: Option<Files>,
}

/// Where the one connection that writes is while nobody writes.
struct Writer {
    options: SqliteConnectOptions,
    idle: Mutex<Option<SqliteConnection>>,
}

/// One append under way. Its connection goes back only after a transaction that ended well: after a full
/// disk, a failing one, or too little memory SQLite may have rolled back by itself, and what state
/// the connection is in is not known. A new one is made for the next append.
pub(super) struct Append<'a> {
    connection: SqliteConnection,
    database: &'a Database,
}

impl Database {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let path = options.get_filename().to_owned();
        files::prepare(&path).map_err(sqlx::Error::from)?;
        let mut connection = options.connect().await?;
        migrator(&STEPS).run(&mut connection).await?;
        // One of them is never closed, so that the files' inodes are never given to others.
        let readers = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(4)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone().read_only(true))
            .await?;
        let beside = Writer::of(options.clone());
        let writer = Writer {
            options,
            idle: Mutex::new(Some(connection)),
        };
        let database = Self {
            writer,
            beside,
            readers,
            files: Some(Files::of(&path)),
        };
        database.ping().await?;
        Ok(database)
    }

    pub(super) async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT);
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        Ok(Self {
            writer: Writer::of(options.clone()),
            beside: Writer::of(options),
            readers,
            files: None,
        })
    }

    /// Whether the files that are open still stand where they were opened.
    pub(super) fn in_place(&self) -> Result<(), StoreError> {
        self.files.as_ref().map_or(Ok(()), Files::in_place)
    }

    /// How much space is left, in bytes, if that is little.
    pub(super) fn low_on_space(&self) -> Option<u64> {
        self.files.as_ref().and_then(Files::low)
    }

    /// Whether next to no space is left.
    pub(super) fn is_full(&self) -> bool {
        self.files.as_ref().is_some_and(Files::is_full)
    }

    pub(super) async fn begin(&self) -> Result<Append<'_>, StoreError> {
        self.in_place()?;
        let mut connection = match self.writer.take() {
            Some(connection) => connection,
            None => self.writer.options.connect().await?,
        };
        // A transaction that turns from reading to writing midway would fail at once when busy.
        connection.execute("begin immediate").await?;
        Ok(Append {
            connection,
            database: self,
        })
    }

    /// Runs a statement on what stands beside the ledger; how many rows it changed. It waits for an append that
    /// is under way, and an append for it.
    pub(super) async fn change(&self, statement: SqliteQuery<'_>) -> Result<u64, StoreError> {
        self.in_place()?;
        let mut connection = match self.beside.take() {
            Some(connection) => connection,
            None => self.beside.options.connect().await?,
        };
        // One whose statement failed is not used again: what state it is in is not known.
        let done = statement.execute(&mut connection).await?;
        self.beside.put(connection);
        Ok(done.rows_affected())
    }

    /// The rows that a query finds.
    pub(super) async fn find(&self, query: SqliteQuery<'_>) -> Result<SqliteRows, StoreError> {
        Ok(query.fetch_all(&self.readers).await?)
    }

    pub(super) async fn rows(&self, after: i64, limit: i64) -> Result<Vec<Stored>, StoreError> {
        let rows = sqlx::query(
            "select seq, at, kind, once, body, hash from ledger where seq > $1 order by seq limit $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(stored).collect()
    }

    pub(super) async fn size(&self) -> Result<u64, StoreError> {
        let pages = "select page_count * page_size from pragma_page_count(), pragma_page_size()";
        let bytes: i64 = sqlx::query_scalar(pages).fetch_one(&self.readers).await?;
        Ok(u64::try_from(bytes).unwrap_or_default())
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
            .fetch_optional(&mut self.connection)
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
                .fetch_all(&mut self.connection)
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
                .execute(&mut self.connection)
                .await
                .map_err(refused)?;
        }
        Ok(())
    }

    /// Changes nothing that counts, but so that it must reach the disk.
    pub(super) async fn touch(&mut self) -> Result<(), StoreError> {
        self.connection.execute("pragma user_version = 1").await?;
        Ok(())
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.connection.execute("commit").await?;
        self.database.writer.put(self.connection);
        // If it went into a file that was moved away meanwhile, nobody may rely on it.
        self.database.in_place()
    }

    /// Ends it without having written anything.
    pub(super) async fn cancel(mut self) {
        if self.connection.execute("rollback").await.is_ok() {
            self.database.writer.put(self.connection);
        }
    }
}

impl Writer {
    /// One without a connection yet.
    fn of(options: SqliteConnectOptions) -> Self {
        let idle = Mutex::default();
        Self { options, idle }
    }

    fn take(&self) -> Option<SqliteConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.take()
    }

    fn put(&self, connection: SqliteConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle = Some(connection);
    }
}
