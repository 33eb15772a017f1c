//! Tells people when the ledger cannot be written, and before its disk is full.
//!
//! Messages wait in the ledger until their channels have taken them. That one cannot be written is the one
//! message that cannot wait there: it goes to the channels at once, from memory, each process by itself.

use crate::flow::app::App;
use crate::flow::notify;
use crate::flow::supervise::Outcome;
use crate::store::StoreError;
use doorward_core::ledger::alert::{About, Alert};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::messages::codes::{DISK_LOW, LEDGER_WRITE_FAILED, LEDGER_WRITTEN};
use doorward_core::messages::wording;
use doorward_core::state::readiness::{Condition, ConditionCode};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the ledger's health is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long writes fail before people are told.
const TOLD_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// How soon after such a message there is another, about an outage that has ended and come again.
const TOLD_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// How often little space is told of while it lasts, and how soon after it was over.
const LOW_EVERY: SignedDuration = SignedDuration::from_hours(24);
const LOW_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// What this process has told of its ledger; lost in a restart, on purpose.
#[derive(Default)]
pub struct LedgerNotices {
    outage: Option<Outage>,
    /// When an outage was told of last.
    told: Option<Timestamp>,
    /// When little space was told of last, and whether there has been enough since.
    low: Option<(Timestamp, bool)>,
}

/// A time in which the ledger cannot be written.
struct Outage {
    since: Timestamp,
    /// The message, once it is due.
    alert: Option<Alert>,
    /// How it fares on each of its channels.
    channels: BTreeMap<String, Told>,
}

/// What a channel has done with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Taken,
    /// So many times it did not take it; it is tried again then.
    Failed(u32, Timestamp),
}

/// Looks at the ledger's health, and tells what is to be told; when to look again.
pub async fn run_once(app: &App) -> Outcome {
    let now = app.clock.now();
    let answers = app.ledger.ping().await;
    let (blocks, low) = app.ledger.conditions();
    let blocks = answers.err().map_or(blocks, |_| {
        let detail = "The ledger's database does not answer.";
        Some(Condition::new(ConditionCode::LedgerUnavailable, detail))
    });
    app.metrics.health.ledger(blocks.is_some(), low.is_some());
    if let Some(condition) = blocks {
        tell_at_once(app, &condition, now).await;
    } else {
        tell_of_end(app, now).await?;
        tell_of_space(app, low.as_ref(), now).await?;
    }
    Ok(Some(clock::add(now, LOOK_EVERY)))
}

/// Sends the word that nothing can be written to each channel that has not taken it yet.
async fn tell_at_once(app: &App, condition: &Condition, now: Timestamp) {
    let Some(Due {
        alert,
        since,
        channels,
    }) = due(app, condition, now)
    else {
        return;
    };
    let sent = channels.iter().map(async |(channel, failures)| {
        let told = match notify::at_once(app, (since, &alert), channel).await {
            Ok(()) => Told::Taken,
            Err(why) => {
                tracing::warn!(%channel, "the word that the ledger cannot be written was not taken: {why}");
                let again = clock::add(now, notify::pause(*failures));
                Told::Failed(failures.saturating_add(1), again)
            }
        };
        (channel.clone(), told)
    });
    let sent = join_all(sent).await;
    app.ledger_notices(|notices| {
        if let Some(outage) = &mut notices.outage {
            outage.channels.extend(sent);
        }
    });
}

/// The message about an outage, and whom it is to be sent to now.
struct Due {
    alert: Alert,
    /// When the outage began.
    since: Timestamp,
    /// Each with how often it has failed.
    channels: Vec<(String, u32)>,
}

/// What is to be sent now; none while there is nothing to tell.
fn due(app: &App, condition: &Condition, now: Timestamp) -> Option<Due> {
    app.ledger_notices(|notices| {
        let again = notices.told;
        let outage = notices.outage.get_or_insert_with(|| Outage {
            since: now,
            alert: None,
            channels: BTreeMap::new(),
        });
        if outage.alert.is_none() {
            let early = |at: Timestamp, wait| now.duration_since(at) < wait;
            if early(outage.since, TOLD_AFTER) || again.is_some_and(|at| early(at, TOLD_EVERY)) {
                return None;
            }
            let text = wording::ledger_write_failed(outage.since, &condition.detail);
            outage.alert = alert(app, LEDGER_WRITE_FAILED, text);
            notices.told = Some(now);
        }
        let alert = outage.alert.clone()?;
        let failed = |channel: &String| match outage.channels.get(channel) {
            None => Some(0),
            Some(Told::Failed(failures, again)) if *again <= now => Some(*failures),
            Some(Told::Failed(..) | Told::Taken) => None,
        };
        let due = alert.channels.iter();
        let due = due.filter_map(|channel| Some((channel.clone(), failed(channel)?)));
        Some(Due {
            channels: due.collect(),
            since: outage.since,
            alert,
        })
    })
}

fn alert(app: &App, code: &str, text: String) -> Option<Alert> {
    match app.alert(code, text, &About::default()) {
        LedgerEvent::Alerted(alert) => Some(alert),
        _ => None,
    }
}

/// Tells that it is over, whomever it was told that it began.
async fn tell_of_end(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let told = app.ledger_notices(|notices| {
        let outage = notices.outage.as_ref()?;
        let took = outage.channels.iter();
        let took = took.filter(|(_, told)| **told == Told::Taken);
        let took: Vec<String> = took.map(|(channel, _)| channel.clone()).collect();
        Some((outage.since, took))
    });
    let Some((since, channels)) = told else {
        return Ok(());
    };
    let message = alert(app, LEDGER_WRITTEN, wording::ledger_written(since));
    if let Some(message) = message.filter(|_| !channels.is_empty()) {
        let message = Alert {
            channels,
            ..message
        };
        app.ledger
            .append(now, vec![LedgerEvent::Alerted(message)])
            .await?;
    }
    app.ledger_notices(|notices| notices.outage = None);
    Ok(())
}

/// Warns while there is still room to write it down.
async fn tell_of_space(
    app: &App,
    low: Option<&Condition>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = app.ledger_notices(|notices| {
        if low.is_none() {
            notices.low = notices.low.map(|(at, _)| (at, true));
        }
        notices.low
    });
    let Some(low) = low else {
        return Ok(());
    };
    let early = before.is_some_and(|(at, over)| {
        now.duration_since(at) < if over { LOW_AGAIN } else { LOW_EVERY }
    });
    if early {
        return Ok(());
    }
    let warning = app.alert(DISK_LOW, low.detail.clone(), &About::default());
    app.ledger.append(now, vec![warning]).await?;
    app.ledger_notices(|notices| notices.low = Some((now, false)));
    Ok(())
}
