//! The ledger on a PostgreSQL server, shared by several processes.

mod leases;
mod trouble;

use crate::postgres::{Database, database};
use crate::program::{doorward, err, out};
use crate::world::{OURS, World, message};
use doorward::store::{Ledger, StoreError, what};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

fn told(number: u128) -> LedgerEvent {
    LedgerEvent::Delivered {
        alert: AlertId(Uuid::from_u128(number)),
        channel: "chat".to_owned(),
        receipt: None,
    }
}

async fn numbers(ledger: &Ledger) -> Vec<u128> {
    let entries = ledger.entries(0, 10_000).await.unwrap();
    let number = |entry| match what(entry).unwrap() {
        LedgerEvent::Delivered { alert, .. } => alert.0.as_u128(),
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
    assert!(matches!(again, Err(StoreError::Duplicate)), "{again:?}");
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
    let decision = |number| LedgerEvent::Repeated {
        denial: doorward_core::ledger::id::DenialId(Uuid::from_u128(number)),
        of: doorward_core::ledger::id::DenialId(Uuid::from_u128(0)),
        basis: None,
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
    assert!(
        matches!(overtaken, Err(StoreError::Conflict)),
        "{overtaken:?}"
    );
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
