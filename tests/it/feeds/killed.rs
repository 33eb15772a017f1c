//! The real program is killed again and again while it reads a queue.

use super::queue::event;
use super::storage::{QUEUE, azurite, queue, with};
use crate::azurite::Front;
use crate::process::{Installation, until};
use crate::world::furnished;
use clock::Clock;
use doorward_core::ledger::event::LedgerEvent;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often it is killed.
const KILLS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn hundred_kills_of_the_program_lose_no_message_and_double_none() {
    let Some(azurite) = azurite().await else {
        return;
    };
    azurite.create_queue(QUEUE).await;
    let front = Front::before(&azurite.queue).await;
    let clock = Clock::system();
    let azure = furnished(&clock).await;
    let installed = Installation::with(&azure, "8s", |config| {
        let mut queue = queue();
        // Here it is the kills that keep messages from being taken in, not what they say.
        queue["max_dequeues"] = json!(1000);
        with(config, &front.url, &queue);
    });
    let mut all = BTreeSet::new();
    for kill in 0..KILLS {
        let address = format!("51.140.7.{}", kill + 1);
        azurite
            .send(QUEUE, &event(&kill.to_string(), &address))
            .await;
        all.insert(address);
        let process = installed.serve().await;
        // At another moment each time: while it asks, before and after it has written, while it deletes.
        let moment = u64::try_from(kill % 25).unwrap() * 4;
        clock.sleep(Duration::from_millis(moment)).await;
        process.kill().await;
    }
    let _last = installed.serve().await;
    until("the queue is empty", async || {
        azurite.left(QUEUE).await == 0
    })
    .await;
    let ledger = installed.ledger().await;
    let denied = ledger.iter().filter_map(|what| match what {
        LedgerEvent::Denied(denied) => Some(denied.report.denial.ip.unwrap().to_string()),
        LedgerEvent::Counted { .. } | LedgerEvent::Suppressed { .. } => Some("again".to_owned()),
        _ => None,
    });
    let denied: Vec<String> = denied.collect();
    assert_eq!(denied.len(), KILLS, "{denied:?}");
    assert_eq!(denied.into_iter().collect::<BTreeSet<_>>(), all);
    let received = front.received();
    assert!(received > KILLS, "no kill came between fetch and deletion");
}
