//! Sessions that end, replies that are lost, processes that stop, a server that is not there.

use super::{AT, numbers, open, told};
use crate::postgres::{Cluster, Database, database};
use crate::process::until;
use crate::world::{OURS, STRANGER, World, message};
use doorward::store::{Ledger, StoreError};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::state::readiness::ConditionCode;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// The lock under which entries are appended.
const APPENDING: i64 = i64::from_be_bytes(*b"doorward");

#[tokio::test]
async fn a_session_that_ends_in_the_middle_costs_its_append_and_nothing_else() {
    let Some(database) = database().await else {
        return;
    };
    let ledger = open(&database).await;
    ledger.append(AT, vec![told(1)]).await.unwrap();
    database
        .execute(
            "create function dies() returns trigger language plpgsql as
             $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$",
        )
        .await;
    database
        .execute("create trigger dies after insert on ledger for each row execute function dies()")
        .await;
    let lost = ledger.append(AT, vec![told(2)]).await;
    assert!(matches!(lost, Err(StoreError::Database(_))), "{lost:?}");
    database.execute("drop trigger dies on ledger").await;
    // And all sessions at once, between appends.
    database
        .execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .await;
    ledger.append(AT, vec![told(3)]).await.unwrap();
    assert_eq!(numbers(&ledger).await, [1, 3]);
    ledger.verify().await.unwrap();
}

/// A server that is killed while an append waits within its transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_mid_transaction_costs_the_append_and_nothing_else() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let database = cluster.database().await;
    let ledger = Arc::new(open(&database).await);
    ledger.append(AT, vec![told(1)]).await.unwrap();
    for (number, whole) in [(2, false), (3, true)] {
        for statement in [
            "create function waits() returns trigger language plpgsql as
             $$ begin perform pg_sleep(60); return new; end $$",
            "create trigger waits after insert on ledger for each row execute function waits()",
        ] {
            database.execute(statement).await;
        }
        let writer = Arc::clone(&ledger);
        let append =
            TaskTracker::new().spawn(async move { writer.append(AT, vec![told(number)]).await });
        let asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
        while database.number(asleep).await == 0 {
            tokio::task::yield_now().await;
        }
        if whole {
            cluster.stop_by("KILL");
        } else {
            // The server starts all its processes anew after that.
            let id = "select pid::bigint from pg_stat_activity where wait_event = 'PgSleep'";
            let id = database.number(id).await.to_string();
            let killed = std::process::Command::new("kill")
                .args(["-9", &id])
                .status();
            assert!(killed.unwrap().success());
        }
        let lost = append.await.unwrap();
        assert!(lost.is_err(), "{lost:?}");
        let condition = ledger.conditions().0.unwrap();
        assert_eq!(condition.code, ConditionCode::LedgerWriteFailed);
        if whole {
            cluster.start_again();
        }
        cluster.is_up().await;
        database.execute("drop function waits() cascade").await;
        until("it is written again", async || {
            let again = ledger.append(AT, vec![told(number)]).await;
            matches!(again, Ok(()) | Err(StoreError::Duplicate))
        })
        .await;
        assert!(ledger.conditions().0.is_none());
    }
    assert_eq!(numbers(&ledger).await, [1, 2, 3]);
    ledger.verify().await.unwrap();
}

/// A way to the database that swallows the reply to the first commit after `armed`, and hangs up.
async fn swallowing(database: &Database, armed: Arc<AtomicBool>) -> String {
    let (head, rest) = database.url.split_once("127.0.0.1:").unwrap();
    let (port, name) = rest.split_once('/').unwrap();
    let server = format!("127.0.0.1:{port}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{head}{}/{name}", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            tasks.spawn(between(client, server, Arc::clone(&armed)));
        }
    });
    url
}

async fn between(mut client: TcpStream, mut server: TcpStream, armed: Arc<AtomicBool>) {
    let (mut asked, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => server.write_all(&asked[..count]).await.unwrap(),
            },
            read = server.read(&mut answer) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    let committed = answer[..count].windows(7).any(|bytes| bytes == b"COMMIT\0");
                    if committed && armed.swap(false, Ordering::SeqCst) {
                        return;
                    }
                    client.write_all(&answer[..count]).await.unwrap();
                }
            },
        }
    }
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_stands_once() {
    let Some(database) = database().await else {
        return;
    };
    let armed = Arc::new(AtomicBool::new(false));
    let ledger = Ledger::open(&swallowing(&database, Arc::clone(&armed)).await).await;
    let ledger = ledger.unwrap();
    ledger.append(AT, vec![told(1)]).await.unwrap();
    armed.store(true, Ordering::SeqCst);
    let unknown = ledger.append(AT, vec![told(2)]).await;
    assert!(
        matches!(unknown, Err(StoreError::Database(_))),
        "{unknown:?}"
    );
    // Whoever was not answered asks again.
    let again = ledger.append(AT, vec![told(2)]).await;
    assert!(matches!(again, Err(StoreError::Duplicate)), "{again:?}");
    ledger.append(AT, vec![told(3)]).await.unwrap();
    assert_eq!(numbers(&ledger).await, [1, 2, 3]);
    ledger.verify().await.unwrap();
}

#[tokio::test]
async fn a_process_that_is_stopped_in_the_middle_does_not_hold_up_the_others() {
    let Some(database) = database().await else {
        return;
    };
    let ledger = open(&database).await;
    // What a stopped process leaves: a silent session in a transaction that has the lock.
    let mut stopped = PgConnection::connect(&database.url).await.unwrap();
    for statement in [
        "set idle_in_transaction_session_timeout = '500ms'".to_owned(),
        "begin".to_owned(),
        format!("select pg_advisory_xact_lock({APPENDING})"),
    ] {
        stopped.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    ledger.append(AT, vec![told(1)]).await.unwrap();
    assert!(
        stopped.execute("select 1").await.is_err(),
        "the session outlived its time"
    );
    // And that our own sessions have such a time.
    database
        .execute(
            "create function says() returns trigger language plpgsql as
             $$ begin raise exception '%', current_setting('idle_in_transaction_session_timeout'); end $$",
        )
        .await;
    database
        .execute("create trigger says before insert on ledger for each row execute function says()")
        .await;
    let told = ledger
        .append(AT, vec![told(2)])
        .await
        .unwrap_err()
        .to_string();
    assert!(told.contains("8s"), "{told}");
}

#[tokio::test]
async fn what_keeps_the_database_from_us_is_told_with_what_to_do_and_without_the_password() {
    let Some(database) = database().await else {
        return;
    };
    let wrong = |from: &str, to: &str| database.url.replace(from, to);
    let name = database.url.rsplit('/').next().unwrap();
    let port = database
        .url
        .rsplit(':')
        .next()
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    for (url, expected) in [
        (wrong("for%2Btests", "hunter2"), "does not let `tester` in"),
        (
            wrong(name, "nowhere"),
            "has no database `nowhere`: make it, `createdb",
        ),
        (wrong(&format!(":{port}/"), ":1/"), "does not answer"),
        (format!("{}?sslmode=require", database.url), "sslmode"),
    ] {
        let error = Ledger::open(&url).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(
            !error.contains("hunter2") && !error.contains("for+tests"),
            "{error}"
        );
    }
    let empty = Ledger::open_read_only(&database.url).await.err().unwrap();
    assert!(
        empty.to_string().contains("`doorward serve` makes it"),
        "{empty}"
    );
}

/// Its sender was told to come again, and then it is heard once.
#[tokio::test]
async fn a_delivery_that_is_given_up_while_the_database_waits_is_not_written_afterwards() {
    let Some(database) = database().await else {
        return;
    };
    let world = World::on(&database, |_| {}).await;
    let mut holder = PgConnection::connect(&database.url).await.unwrap();
    holder.execute("begin").await.unwrap();
    let lock = format!("select pg_advisory_xact_lock({APPENDING})");
    holder.execute(AssertSqlSafe(lock)).await.unwrap();
    let waits = async || {
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
        database.number(waiting).await == 1
    };
    let event = message(OURS);
    tokio::select! {
        reply = world.deliver("clusters", &event) => panic!("{}", reply.status),
        () = until("its append waits for the lock", waits) => {}
    }
    holder.execute("rollback").await.unwrap();
    world.denied(STRANGER).await;
    let denied = world
        .ledger()
        .await
        .into_iter()
        .filter_map(|what| match what {
            LedgerEvent::Denied(denied) => denied.report.denial.ip,
            _ => None,
        });
    let denied: Vec<String> = denied.map(|ip| ip.to_string()).collect();
    assert_eq!(denied, [STRANGER]);
}
