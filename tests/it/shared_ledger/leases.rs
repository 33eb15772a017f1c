//! What is one replica's for a while: the right to write, and a message to deliver.

use super::{AT, open};
use crate::postgres::database;
use doorward::store::{Lease, Ledger};
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use std::time::Duration;
use uuid::Uuid;

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
        grants: Vec::new(),
        request: None,
        details: None,
        resends: None,
    };
    one.append(AT, vec![LedgerEvent::Alerted(message)])
        .await
        .unwrap();
    let minute = Duration::from_mins(1);
    assert!(one.take_message(alert, "chat", minute).await.unwrap());
    assert!(!other.take_message(alert, "chat", minute).await.unwrap());
    assert!(other.take_message(alert, "ops", minute).await.unwrap());
    // Whoever has it may give it back, or be gone: then its time ends.
    one.release_delivery(alert, "chat").await.unwrap();
    assert!(
        other
            .take_message(alert, "chat", Duration::ZERO)
            .await
            .unwrap()
    );
    assert!(one.take_message(alert, "chat", minute).await.unwrap());
    let channel = "chat".to_owned();
    one.append(
        AT,
        vec![LedgerEvent::Delivered {
            alert,
            channel,
            receipt: None,
        }],
    )
    .await
    .unwrap();
    assert!(!other.take_message(alert, "chat", minute).await.unwrap());
    assert_eq!(database.number("select count(*) from outbox").await, 1);
}
