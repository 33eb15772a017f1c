//! What is told of requests after they were asked: reminders, escalations, and what became of them.

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::routing::follow_ups::follow_ups;
use jiff::Timestamp;

/// Writes down what is to be told now; when there may be more.
pub async fn run_once(app: &App) -> Result<Option<Timestamp>, StoreError> {
    let now = app.clock.now();
    let channels = app.channels.iter();
    let follows = channels.filter(|(_, channel)| channel.kind.follows());
    let follows: Vec<&str> = follows.map(|(name, _)| name.as_str()).collect();
    let found = app
        .ledger
        .read(|state| follow_ups(state, &app.routes, &follows, now));
    for alert in found.due {
        if !app.is_new_follow_up(alert.id) {
            continue;
        }
        let id = alert.id;
        match app
            .ledger
            .append(now, vec![LedgerEvent::Alerted(alert)])
            .await
        {
            // Another process was faster, or this one before its last restart.
            Ok(()) | Err(StoreError::Duplicate) => app.followed_up(id),
            Err(error) => return Err(error),
        }
    }
    Ok(found.next)
}
