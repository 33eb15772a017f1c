//! Messages that several replicas find in the outbox at the same time: nobody waits for another, and
//! each message is one replica's.

use crate::postgres::{Database, prepared};
use crate::world::{World, settle};
use doorward::flow::decide::triage;
use doorward::flow::notify;
use doorward::store::Ledger;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use futures_util::future::join_all;
use jiff::Timestamp;
use sqlx::{Connection, Executor, PgConnection};
use std::time::Duration;
use uuid::Uuid;

const MINUTE: Duration = Duration::from_mins(1);

/// An alert for the chat.
fn alerted(number: u128) -> LedgerEvent {
    LedgerEvent::Alerted(Alert {
        id: AlertId(Uuid::from_u128(number)),
        code: "alert".to_owned(),
        text: "A caller is refused.".to_owned(),
        channels: vec!["chat".to_owned()],
        registry: None,
        address: None,
        denial: None,
        grant: None,
        grants: Vec::new(),
        request: None,
        details: None,
        resends: None,
    })
}

/// A ledger with these messages in its outbox.
async fn with_messages(database: &Database, numbers: std::ops::Range<u128>) -> Ledger {
    let ledger = Ledger::open(&database.url).await.unwrap();
    let alerts = numbers.map(alerted).collect();
    ledger.append(Timestamp::UNIX_EPOCH, alerts).await.unwrap();
    ledger
}

/// Somebody in the middle of a transaction that has the outbox's first row.
async fn has_the_first(database: &Database) -> PgConnection {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    for statement in [
        "begin",
        "select 1 from outbox order by alert limit 1 for update",
    ] {
        connection.execute(statement).await.unwrap();
    }
    connection
}

#[tokio::test]
async fn a_message_that_another_is_about_to_take_is_passed_over_without_a_wait() {
    let Some(database) = prepared().await else {
        return;
    };
    let ledger = with_messages(&database, 1..3).await;
    let [first, second] = [1, 2].map(|number| AlertId(Uuid::from_u128(number)));
    let mut other = has_the_first(&database).await;
    // Who waited for the row would wait until the server lets nobody wait any longer, and be told so.
    assert!(!ledger.take_message(first, "chat", MINUTE).await.unwrap());
    assert!(ledger.take_message(second, "chat", MINUTE).await.unwrap());
    // The other one takes it, after all.
    for statement in [
        "update outbox set taken_until = clock_timestamp() + interval '1 minute'
         where alert = '00000000-0000-0000-0000-000000000001'",
        "commit",
    ] {
        assert!(!ledger.take_message(first, "chat", MINUTE).await.unwrap());
        other.execute(statement).await.unwrap();
    }
    assert!(!ledger.take_message(first, "chat", MINUTE).await.unwrap());
}

#[tokio::test]
async fn a_replica_that_hangs_over_one_message_holds_up_no_other() {
    let Some(database) = prepared().await else {
        return;
    };
    let world = World::on(&database, |_| {}).await;
    // Nothing is decided before the registry has been read.
    settle(&world.app).await;
    for last in 1..4 {
        world.denied(&format!("51.140.7.{last}")).await;
    }
    triage::run_once(&world.app).await.unwrap();
    assert_eq!(database.number("select count(*) from outbox").await, 3);
    let hangs = has_the_first(&database).await;
    let again = notify::run_once(&world.app).await.unwrap();
    assert_eq!(world.messages().len(), 2);
    assert!(again.is_some_and(|at| at > world.clock.now()), "{again:?}");
    // It is gone, and had taken nothing.
    hangs.close().await.unwrap();
    settle(&world.app).await;
    assert_eq!(world.messages().len(), 3);
    assert_eq!(database.number("select count(*) from outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_reach_for_the_same_messages_one_has_each() {
    let Some(database) = prepared().await else {
        return;
    };
    let ledger = with_messages(&database, 0..20).await;
    let mut replicas = vec![ledger];
    for _ in 0..3 {
        replicas.push(Ledger::open(&database.url).await.unwrap());
    }
    let reach = async |number: u128| {
        let alert = AlertId(Uuid::from_u128(number));
        let taken = replicas
            .iter()
            .map(|replica| replica.take_message(alert, "chat", MINUTE));
        let taken = join_all(taken).await;
        taken
            .into_iter()
            .filter(|taken| *taken.as_ref().unwrap())
            .count()
    };
    assert_eq!(join_all((0..20).map(reach)).await, [1; 20]);
}
