//! PostgreSQL: any number of processes, one append at a time, each process told of the others'.

use super::StoreError;
use super::access::{PostgresQuery, PostgresRows};
use super::audit;
use super::connect;
use super::database::{Stored, hash, migrator, refused, stored};
use super::lease::Lease;
use super::writer::Line;
use doorward_core::ledger::event::{Entry, Hash, LedgerEvent};
use doorward_core::ledger::id::AlertId;
use sqlx::pool::PoolConnection;
use sqlx::postgres::types::PgInterval;
use sqlx::postgres::{PgConnection, PgListener, PgPool, PgPoolOptions};
use sqlx::{Executor, Postgres, Row};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// How long anything that is asked of the server may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection may take to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What each session keeps to, so that a process that is stopped, or whose machine is gone, does not
/// hold up the others: its transaction ends, and with it its lock.
pub(super) const SESSION: [(&str, &str); 3] = [
    ("statement_timeout", "15s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "8s"),
];

/// The advisory lock under which entries are appended: an entry follows the one before it, so that
/// there is one append at a time.
const APPENDING: i64 = 0x646f_6f72_7761_7264;

/// Where appends are told.
const CHANNEL: &str = "doorward_ledger";

/// The database on a server.
pub(super) struct Database(PgPool);

/// The changes of the tables, in order.
pub(super) const STEPS: [(&str, &str); 3] = [
    (
        "ledger",
        include_str!("migrations/postgres/0001_ledger.sql"),
    ),
    (
        "from one",
        include_str!("migrations/postgres/0002_from_one.sql"),
    ),
    (
        "access",
        include_str!("migrations/postgres/0003_access.sql"),
    ),
];

/// The row of `lease` that is written to see whether anything can be.
const WRITE_CHECK: &str = "write check";

/// One append under way. Its connection goes back into the pool only after a transaction that ended
/// well; any other is closed at once, and with it what it holds on the server.
pub(super) struct Append {
    connection: Option<PoolConnection<Postgres>>,
}

impl Database {
    /// How many changes the tables have seen.
    pub(super) async fn steps(&self, query: &'static str) -> Result<i64, StoreError> {
        let made = sqlx::query_scalar(query).fetch_one(&self.0);
        made.await.map_err(connect::failed)
    }

    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let database = Self(pool(url, false).await?);
        within(async {
            let migrated = migrator(&STEPS).run(&database.0).await;
            migrated.map_err(connect::migration)
        })
        .await?;
        Ok(database)
    }

    pub(super) async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let database = Self(pool(url, true).await?);
        database.ping().await?;
        Ok(database)
    }

    pub(super) async fn begin(&self) -> Result<Append, StoreError> {
        let connection = Some(self.0.acquire().await?);
        let mut append = Append { connection };
        append.on()?.execute("begin").await?;
        let lock = sqlx::query("select pg_advisory_xact_lock($1)").bind(APPENDING);
        lock.execute(append.on()?).await?;
        Ok(append)
    }

    /// Runs a statement on what stands beside the ledger; how many rows it changed.
    pub(super) async fn change(&self, statement: PostgresQuery<'_>) -> Result<u64, StoreError> {
        let done = statement.execute(&self.0);
        let done = within(async { Ok(done.await?) }).await?;
        Ok(done.rows_affected())
    }

    /// The rows that a query finds.
    pub(super) async fn find(&self, query: PostgresQuery<'_>) -> Result<PostgresRows, StoreError> {
        let rows = query.fetch_all(&self.0);
        within(async { Ok(rows.await?) }).await
    }

    pub(super) async fn rows(&self, after: i64, limit: i64) -> Result<Vec<Stored>, StoreError> {
        let rows = sqlx::query(
            "select seq, at, kind, once, body, hash from ledger where seq > $1 order by seq limit $2",
        );
        let rows = rows.bind(after).bind(limit).fetch_all(&self.0);
        let rows = within(async { Ok(rows.await?) }).await?;
        rows.iter().map(stored).collect()
    }

    pub(super) async fn size(&self) -> Result<u64, StoreError> {
        let asked = sqlx::query_scalar("select pg_total_relation_size('ledger')");
        let bytes: i64 =
            within(async { asked.fetch_one(&self.0).await.map_err(connect::failed) }).await?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let row = sqlx::query("select seq from ledger limit 1").fetch_optional(&self.0);
        within(async { row.await.map_err(connect::failed) }).await?;
        Ok(())
    }

    /// What is wrong with the table.
    pub(super) async fn audit(&self) -> Result<Vec<String>, StoreError> {
        within(audit::postgres(&self.0)).await
    }

    pub(super) async fn listen(&self) -> Result<PgListener, StoreError> {
        within(async {
            let mut listener = PgListener::connect_with(&self.0).await?;
            listener.listen(CHANNEL).await?;
            Ok(listener)
        })
        .await
    }

    /// In the database's time, which is the same for all.
    pub(super) async fn acquire(
        &self,
        name: &str,
        holder: Uuid,
        (good_for, deadline): (Duration, Duration),
    ) -> Result<Lease, StoreError> {
        let taken = sqlx::query(
            "insert into lease as held (name, holder, generation, until, free_at)
             values ($1, $2, 1, clock_timestamp() + $3, clock_timestamp() + $3 + $4)
             on conflict (name) do update set
                 holder = excluded.holder,
                 generation = held.generation
                     + case when held.holder = $2 and held.until > clock_timestamp() then 0 else 1 end,
                 until = excluded.until,
                 free_at = excluded.free_at
             where held.holder = $2 or held.free_at <= clock_timestamp()
             returning generation",
        );
        let taken = taken
            .bind(name)
            .bind(holder)
            .bind(interval(good_for))
            .bind(interval(deadline))
            .fetch_optional(&self.0);
        if let Some(row) = within(async { Ok(taken.await?) }).await? {
            let generation = row.try_get("generation")?;
            return Ok(Lease::Ours { generation });
        }
        let left = sqlx::query(
            "select extract(epoch from free_at - clock_timestamp())::double precision as left_over
             from lease where name = $1",
        );
        let left = left.bind(name).fetch_optional(&self.0);
        let left = within(async { Ok(left.await?) }).await?;
        let seconds: f64 = left.map_or(Ok(0.0), |row| row.try_get("left_over"))?;
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Ok(Lease::Taken { wait })
    }

    pub(super) async fn release(
        &self,
        name: &str,
        holder: Uuid,
        pause: Duration,
    ) -> Result<(), StoreError> {
        let released = sqlx::query(
            "update lease set until = clock_timestamp(), free_at = clock_timestamp() + $3
             where name = $1 and holder = $2",
        );
        let released = released.bind(name).bind(holder).bind(interval(pause));
        within(async { Ok(released.execute(&self.0).await?) }).await?;
        Ok(())
    }

    pub(super) async fn take_message(
        &self,
        alert: AlertId,
        channel: &str,
        good_for: Duration,
    ) -> Result<bool, StoreError> {
        let taken = sqlx::query(
            "update outbox set taken_until = clock_timestamp() + $3
             where (alert, channel) in (
                 select alert, channel from outbox
                 where alert = $1 and channel = $2 and taken_until <= clock_timestamp()
                 for update skip locked
             )",
        );
        let taken = taken.bind(alert.0).bind(channel).bind(interval(good_for));
        let taken = within(async { Ok(taken.execute(&self.0).await?) }).await?;
        Ok(taken.rows_affected() == 1)
    }

    pub(super) async fn release_delivery(
        &self,
        alert: AlertId,
        channel: &str,
    ) -> Result<(), StoreError> {
        let given = sqlx::query(
            "update outbox set taken_until = '-infinity' where alert = $1 and channel = $2",
        );
        let given = given.bind(alert.0).bind(channel);
        within(async { Ok(given.execute(&self.0).await?) }).await?;
        Ok(())
    }
}

impl Append {
    pub(super) async fn end(&mut self) -> Result<Option<(i64, Hash)>, StoreError> {
        let row = sqlx::query("select seq, hash from ledger order by seq desc limit 1")
            .fetch_optional(self.on()?)
            .await?;
        row.map(|row| Ok((row.try_get("seq")?, hash(&row)?)))
            .transpose()
    }

    pub(super) async fn known(&mut self, keys: &[&String]) -> Result<HashSet<String>, StoreError> {
        let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let rows = sqlx::query("select once from ledger where once = any($1)")
            .bind(keys)
            .fetch_all(self.on()?)
            .await?;
        let known = rows.iter().map(|row| row.try_get("once"));
        Ok(known.collect::<Result<_, _>>()?)
    }

    pub(super) async fn insert(
        &mut self,
        entries: &[Entry],
        lines: &[Line],
    ) -> Result<(), StoreError> {
        let seqs: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
        let times: Vec<i64> = entries
            .iter()
            .map(|entry| entry.at.as_microsecond())
            .collect();
        let kinds: Vec<&str> = lines.iter().map(|line| line.what.kind()).collect();
        let once: Vec<Option<&str>> = lines.iter().map(|line| line.once.as_deref()).collect();
        let bodies: Vec<&str> = entries.iter().map(|entry| entry.body.as_str()).collect();
        let hashes: Vec<&[u8]> = entries.iter().map(|entry| entry.hash.as_bytes()).collect();
        sqlx::query(
            "insert into ledger (seq, at, kind, once, body, hash) select * from
             unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[])",
        )
        .bind(seqs)
        .bind(times)
        .bind(kinds)
        .bind(once)
        .bind(bodies)
        .bind(hashes)
        .execute(self.on()?)
        .await
        .map_err(refused)?;
        self.outbox(lines).await?;
        // Told when this is committed, and only then.
        sqlx::query("select pg_notify($1, '')")
            .bind(CHANNEL)
            .execute(self.on()?)
            .await?;
        Ok(())
    }

    /// Messages as they come and go.
    async fn outbox(&mut self, lines: &[Line]) -> Result<(), StoreError> {
        let (mut come, mut gone) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        for line in lines {
            match &line.what {
                LedgerEvent::Alerted(alert) => {
                    for channel in &alert.channels {
                        come.0.push(alert.id.0);
                        come.1.push(channel.as_str());
                    }
                }
                LedgerEvent::Delivered { alert, channel, .. }
                | LedgerEvent::Undelivered { alert, channel, .. } => {
                    gone.0.push(alert.0);
                    gone.1.push(channel.as_str());
                }
                _ => {}
            }
        }
        for (statement, (alerts, channels)) in [
            (
                "insert into outbox (alert, channel) select * from unnest($1::uuid[], $2::text[])
                 on conflict do nothing",
                come,
            ),
            (
                "delete from outbox where (alert, channel) in
                 (select * from unnest($1::uuid[], $2::text[]))",
                gone,
            ),
        ] {
            if !alerts.is_empty() {
                let statement = sqlx::query(statement).bind(alerts).bind(channels);
                self.on()?.execute(statement).await?;
            }
        }
        Ok(())
    }

    /// Changes nothing that counts, but so that it must reach the disk.
    pub(super) async fn touch(&mut self) -> Result<(), StoreError> {
        let touch = sqlx::query(
            "insert into lease (name, holder, generation, until, free_at)
             values ($1, $2, 1, '-infinity', '-infinity')
             on conflict (name) do update set generation = lease.generation + 1",
        );
        let touch = touch.bind(WRITE_CHECK).bind(Uuid::nil());
        touch.execute(self.on()?).await?;
        Ok(())
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.on()?.execute("commit").await?;
        self.connection = None;
        Ok(())
    }

    /// Ends it without having written anything.
    pub(super) async fn cancel(mut self) {
        if let Ok(connection) = self.on()
            && connection.execute("rollback").await.is_ok()
        {
            self.connection = None;
        }
    }

    fn on(&mut self) -> Result<&mut PgConnection, StoreError> {
        let connection = self.connection.as_deref_mut();
        connection.ok_or(StoreError::Closed)
    }
}

impl Drop for Append {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

async fn pool(url: &str, read_only: bool) -> Result<PgPool, StoreError> {
    let options = connect::options(url, read_only)?;
    let pool = PgPoolOptions::new()
        .max_connections(6)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // What is acknowledged is on disk, whatever the server is set to.
                let durable = "select set_config('synchronous_commit', 'on', false)
                               where current_setting('synchronous_commit') = 'off'";
                connection.execute(durable).await.map(drop)
            })
        });
    let failed = |error| connect::explain(error, &options);
    // A pool tries again and again for as long as it may; one attempt tells what is wrong.
    let first = connect::idempotency_key(&options, CONNECT_TIMEOUT).await;
    first.map_err(failed)?;
    let pool = pool.connect_with(options.clone()).await;
    pool.map_err(|error| connect::explain(error, &options))
}

/// A server that does not answer is no reason to wait for ever.
async fn within<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or(Err(StoreError::Timeout))
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
    }
}
