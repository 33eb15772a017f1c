//! What other processes append is folded here soon after: they tell, and in case that is lost it is
//! looked for every second.

use super::{Inner, StoreError};
use clock::Clock;
use sqlx::postgres::PgListener;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How soon an append is seen that nobody told of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Follows until `stop`.
pub(super) async fn run(inner: Arc<Inner>, stop: CancellationToken) {
    let clock = Clock::system();
    let mut listener = None;
    let mut told = None;
    loop {
        let turn = async {
            if listener.is_none() {
                listener = inner.database.listen().await?;
            }
            inner.catch_up().await
        };
        let outcome = tokio::select! {
            outcome = turn => outcome,
            () = stop.cancelled() => return,
        };
        tell(outcome, &mut told);
        tokio::select! {
            () = heard(&mut listener) => {}
            () = clock.sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Returns when somebody has appended; never, without a connection.
async fn heard(listener: &mut Option<PgListener>) {
    let Some(connection) = listener else {
        return std::future::pending().await;
    };
    if connection.recv().await.is_err() {
        *listener = None;
        std::future::pending::<()>().await;
    }
}

/// Says each trouble once, and when it is over.
fn tell(outcome: Result<(), StoreError>, told: &mut Option<String>) {
    match outcome {
        Ok(()) if told.take().is_some() => tracing::info!("the ledger's database answers again"),
        Ok(()) => {}
        Err(error) => {
            let text = error.to_string();
            if told.as_ref() != Some(&text) {
                tracing::error!("{text}");
            }
            *told = Some(text);
        }
    }
}
