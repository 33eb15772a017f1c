//! The ledger on a PostgreSQL server, shared by several processes.

use crate::postgres::{Database, database};
use crate::program::{doorward, err, out};
use crate::world::{OURS, World, message};
use doorward::domain::alert::Alert;
use doorward::domain::id::AlertId;
use doorward::domain::ledger::What;
use doorward::store::{Lease, Ledger, StoreError, what};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

fn told(number: u128) -> What {
    What::Delivered {
        alert: AlertId(Uuid::from_u128(number)),
        channel: "chat".to_owned(),
    }
}

async fn numbers(ledger: &Ledger) -> Vec<u128> {
    let entries = ledger.entries(0, 10_000).await.unwrap();
    let number = |entry| match what(entry).unwrap() {
        What::Delivered { alert, .. } => alert.0.as_u128(),
        other => panic!("{other:?}"),
    };
    entries.iter().map(number).collect()
}

async fn open(database: &Database) -> Ledger {
    Ledger::open(&database.url).await.unwrap()
}

#[tokio::test]
async fn what_is_written_stands_and_is_the_same_when_it_is_read_again() {
    let Some(database) = database().await else {
        return;
    };
    let ledger = open(&database).await;
    ledger.append(AT, vec![told(1), told(2)]).await.unwrap();
    let again = ledger.append(AT, vec![told(3), told(2)]).await;
    assert!(matches!(again, Err(StoreError::Already)), "{again:?}");
    assert_eq!(
        ledger.append_new(AT, vec![told(2), told(3)]).await.unwrap(),
        1
    );
    let reader = Ledger::open_read_only(&database.url).await.unwrap();
    assert_eq!(numbers(&reader).await, [1, 2, 3]);
    assert_eq!(
        reader.verify().await.unwrap(),
        ledger.verify().await.unwrap()
    );
    let closed = reader.append(AT, vec![told(4)]).await;
    assert!(matches!(closed, Err(StoreError::Closed)), "{closed:?}");
}

#[tokio::test]
async fn entries_are_neither_changed_nor_removed_and_a_change_by_force_is_found() {
    let Some(database) = database().await else {
        return;
    };
    let ledger = open(&database).await;
    ledger
        .append(AT, vec![told(1), told(2), told(3)])
        .await
        .unwrap();
    for attempt in [
        "update ledger set body = '{}' where seq = 2",
        "delete from ledger where seq = 2",
        "truncate ledger",
    ] {
        use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        let refused = connection.execute(AssertSqlSafe(attempt.to_owned())).await;
        assert!(refused.unwrap_err().to_string().contains("append-only"));
    }
    ledger.verify().await.unwrap();
    database
        .execute("alter table ledger disable trigger all")
        .await;
    database
        .execute("update ledger set at = at + 1 where seq = 2")
        .await;
    let broken = ledger.verify().await.unwrap_err();
    assert!(matches!(broken, StoreError::Broken { seq: 2 }), "{broken}");
    let opened = Ledger::open(&database.url).await;
    assert!(matches!(opened.err(), Some(StoreError::Broken { seq: 2 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_prepare_the_tables_and_append_at_once() {
    let Some(database) = database().await else {
        return;
    };
    let tasks: Vec<_> = (0..4_u128)
        .map(|process| {
            let database = database.clone();
            async move {
                let ledger = open(&database).await;
                for number in 0..20 {
                    // Every number twice, by two processes: once it is new.
                    let number = number + 100 * (process / 2);
                    ledger.append_new(AT, vec![told(number)]).await.unwrap();
                }
                ledger
            }
        })
        .collect();
    let ledgers = futures_util::future::join_all(tasks).await;
    for ledger in &ledgers {
        ledger.follow().await.unwrap();
        assert_eq!(ledger.as_of(), 40);
    }
    let mut all = numbers(&ledgers[0]).await;
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 40);
    assert_eq!(ledgers[3].verify().await.unwrap().unwrap().0, 40);
}

#[tokio::test]
async fn a_replica_learns_of_what_others_write_without_writing() {
    let Some(database) = database().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let mut changed = other.changed();
    one.append(AT, vec![told(1)]).await.unwrap();
    let seen = changed.wait_for(|seq| *seq == 1);
    tokio::time::timeout(Duration::from_secs(30), seen)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(other.as_of(), 1);
}

#[tokio::test]
async fn a_decision_that_another_process_has_overtaken_is_not_written() {
    let Some(database) = database().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let decision = |number| What::Repeated {
        denial: doorward::domain::id::DenialId(Uuid::from_u128(number)),
        of: doorward::domain::id::DenialId(Uuid::from_u128(0)),
    };
    // What decisions do not rest on may come between.
    let as_of = one.as_of();
    other.append(AT, vec![told(1)]).await.unwrap();
    let before = other.as_of();
    let written = one
        .decide(AT, as_of, vec![vec![decision(1)]])
        .await
        .unwrap();
    assert_eq!(written, [true]);
    let overtaken = other.decide(AT, before, vec![vec![decision(2)]]).await;
    assert!(matches!(overtaken, Err(StoreError::Moved)), "{overtaken:?}");
    other.follow().await.unwrap();
    // Now it knows, and what it decides anew is taken.
    let written = other
        .decide(
            AT,
            other.as_of(),
            vec![vec![decision(1)], vec![decision(2)]],
        )
        .await;
    assert_eq!(written.unwrap(), [false, true]);
}

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
    assert!(matches!(again, Err(StoreError::Already)), "{again:?}");
    ledger.append(AT, vec![told(3)]).await.unwrap();
    assert_eq!(numbers(&ledger).await, [1, 2, 3]);
    ledger.verify().await.unwrap();
}

#[tokio::test]
async fn a_process_that_is_stopped_in_the_middle_does_not_hold_up_the_others() {
    use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
    let Some(database) = database().await else {
        return;
    };
    let ledger = open(&database).await;
    // What a stopped process leaves: a silent session in a transaction that has the lock.
    let mut stopped = PgConnection::connect(&database.url).await.unwrap();
    for statement in [
        "set idle_in_transaction_session_timeout = '500ms'".to_owned(),
        "begin".to_owned(),
        format!(
            "select pg_advisory_xact_lock({})",
            i64::from_be_bytes(*b"doorward")
        ),
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
async fn a_lease_is_one_holders_until_its_time_and_that_of_the_write_are_over() {
    let Some(database) = database().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let (long, deadline) = (Duration::from_secs(30), Duration::from_secs(20));
    let ask = |ledger| Ledger::acquire(ledger, "contosoprod", long, deadline);
    assert_eq!(ask(&one).await.unwrap(), Lease::Ours { generation: 1 });
    assert_eq!(ask(&one).await.unwrap(), Lease::Ours { generation: 1 });
    let Lease::Taken { wait } = ask(&other).await.unwrap() else {
        panic!("two have the lease")
    };
    assert!(
        wait > Duration::from_secs(45) && wait <= long + deadline,
        "{wait:?}"
    );
    // Its own time is over, that of a write which began just before is not.
    database
        .execute("update lease set until = clock_timestamp() - interval '1 s'")
        .await;
    assert!(matches!(ask(&other).await.unwrap(), Lease::Taken { .. }));
    database.leases_are_over().await;
    assert_eq!(ask(&other).await.unwrap(), Lease::Ours { generation: 2 });
    assert!(matches!(ask(&one).await.unwrap(), Lease::Taken { .. }));
    // Only its holder lets go of it.
    one.release("contosoprod", Duration::ZERO).await.unwrap();
    assert!(matches!(ask(&one).await.unwrap(), Lease::Taken { .. }));
    other.release("contosoprod", Duration::ZERO).await.unwrap();
    assert_eq!(ask(&one).await.unwrap(), Lease::Ours { generation: 3 });
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_for_a_lease_at_once_one_has_it() {
    let Some(database) = database().await else {
        return;
    };
    let mut ledgers = Vec::new();
    for _ in 0..6 {
        ledgers.push(open(&database).await);
    }
    let asked = ledgers.iter().map(|ledger| {
        ledger.acquire(
            "contosoprod",
            Duration::from_secs(30),
            Duration::from_secs(20),
        )
    });
    let answers = futures_util::future::join_all(asked).await;
    let have = answers
        .iter()
        .filter(|lease| matches!(lease, Ok(Lease::Ours { .. })));
    assert_eq!(have.count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_message_is_one_replicas_while_it_delivers_it() {
    let Some(database) = database().await else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let alert = AlertId(Uuid::from_u128(7));
    let message = Alert {
        id: alert,
        code: "alert".to_owned(),
        text: "A caller is refused.".to_owned(),
        channels: vec!["chat".to_owned(), "ops".to_owned()],
        registry: None,
        address: None,
        denial: None,
        grant: None,
        request: None,
    };
    one.append(AT, vec![What::Alerted(message)]).await.unwrap();
    let minute = Duration::from_mins(1);
    assert!(one.take_message(alert, "chat", minute).await.unwrap());
    assert!(!other.take_message(alert, "chat", minute).await.unwrap());
    assert!(other.take_message(alert, "ops", minute).await.unwrap());
    // Whoever has it may give it back, or be gone: then its time ends.
    one.give_back(alert, "chat").await.unwrap();
    assert!(
        other
            .take_message(alert, "chat", Duration::ZERO)
            .await
            .unwrap()
    );
    assert!(one.take_message(alert, "chat", minute).await.unwrap());
    let channel = "chat".to_owned();
    one.append(AT, vec![What::Delivered { alert, channel }])
        .await
        .unwrap();
    assert!(!other.take_message(alert, "chat", minute).await.unwrap());
    assert_eq!(database.number("select count(*) from outbox").await, 1);
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

#[tokio::test]
async fn an_event_whose_id_no_index_would_take_is_known_again() {
    let Some(database) = database().await else {
        return;
    };
    let world = World::on(&database, |_| {}).await;
    let id = format!("\0{}", "x".repeat(100_000));
    let event = json!({ "specversion": "1.0", "id": id, "source": "/x", "type": "denial", "data": message(OURS) });
    for _ in 0..2 {
        let reply = world.deliver("clusters", &event.to_string()).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }
    world.settle().await;
    let kinds = world.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "denied").count(), 1);
    assert!(!kinds.contains(&"counted"), "{kinds:?}");
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_world_on_a_server_and_the_commands_that_look_at_its_ledger() {
    let Some(database) = database().await else {
        return;
    };
    let world = World::on(&database, |_| {}).await;
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    let config = world.folder.path().join("doorward.yaml");
    let config = config.to_str().unwrap();
    let shown = doorward(&[
        "ledger",
        "show",
        "--kind",
        "write_intended",
        "--output",
        "json",
        "--config",
        config,
    ]);
    assert!(out(&shown).contains("\"generation\":1"), "{shown:?}");
    let verified = doorward(&["ledger", "verify", "--state", &database.url]);
    // Two of them say what the address sets hold.
    assert!(
        out(&verified).contains("the ledger is whole: 9 entries"),
        "{verified:?}"
    );
    let refused = doorward(&[
        "ledger",
        "verify",
        "--state",
        "postgres://tester:hunter2@127.0.0.1:1/none",
    ]);
    let told = err(&refused);
    assert!(
        told.contains("127.0.0.1:1 does not answer") && !told.contains("hunter2"),
        "{told}"
    );
}
