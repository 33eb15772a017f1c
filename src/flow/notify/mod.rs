//! Messages from the outbox to their channels, until each has taken them.
//!
//! Each channel has two lanes: one for messages that must not queue behind others, one for the rest. Lanes
//! deliver side by side, one message at a time, so that a slow or dead channel costs the others nothing.

pub mod channels;
pub mod configured;
pub mod facts;
pub mod follow_ups;
mod lane;
mod mail;
pub(in crate::flow) mod send;

pub(in crate::flow) use lane::pause;
pub use lane::{Lane, Lanes};

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use doorward_core::messages::routing::follow_ups::fallback_id;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lane::Next;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After this long a message that its channel never took is given up.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long a message is a replica's alone while it delivers it: longer than a channel may take.
const TAKEN_FOR: Duration = Duration::from_secs(30);

/// How soon a message is looked at again that another replica delivers.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// When each message may be tried again, and how often it was. Lost in a restart, on purpose.
pub type Attempts = BTreeMap<(AlertId, String), (u32, Timestamp)>;

/// Delivers what is due on every channel; when to look again, if something is left.
pub async fn run_once(app: &App) -> Result<Option<Timestamp>, StoreError> {
    removed_channels(app).await?;
    let more = follow_ups::run_once(app).await?;
    let channels = app.channels.keys().map(|name| async move {
        let mut next = None;
        for lane in Lane::of(name) {
            next = earlier(next, all_due(app, &lane).await?);
        }
        Ok::<_, StoreError>(next)
    });
    let mut next = more;
    for channel in join_all(channels).await {
        next = earlier(next, channel?);
    }
    Ok(next)
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

async fn all_due(app: &App, lane: &Lane) -> Result<Option<Timestamp>, StoreError> {
    loop {
        match lane_turn(app, lane).await? {
            Some(again) if again <= app.clock.now() => {}
            again => return Ok(again),
        }
    }
}

/// Delivers one message on a lane; when the next one is due, if there is one.
pub async fn lane_turn(app: &App, lane: &Lane) -> Result<Option<Timestamp>, StoreError> {
    // Messages that another replica has: the others are not to wait for them.
    let mut elsewhere = BTreeSet::new();
    loop {
        let now = app.clock.now();
        let look_again = (!elsewhere.is_empty()).then(|| clock::add(now, LOOK_AGAIN));
        let due = match lane::next(app, lane, now, &elsewhere) {
            Next::Nothing => {
                lane::forget(app);
                return Ok(look_again);
            }
            Next::At(at) => return Ok(earlier(Some(at), look_again)),
            Next::Due(due) => due,
        };
        let taken = due
            .iter()
            .map(|(_, alert)| alert.id)
            .filter(|id| app.was_taken(*id, &lane.channel));
        let taken: Vec<AlertId> = taken.collect();
        if !taken.is_empty() {
            // Only that could not be written down.
            let receipt = app.receipt(taken.first().copied(), &lane.channel);
            delivered(app, lane, &taken, receipt).await?;
            return Ok(Some(now));
        }
        let mut mine = Vec::new();
        for (since, alert) in due {
            let took = app
                .ledger
                .take_message(alert.id, &lane.channel, TAKEN_FOR)
                .await?;
            if took {
                mine.push((since, alert));
            } else {
                elsewhere.insert(alert.id);
            }
        }
        if !mine.is_empty() {
            one_message(app, lane, &mine).await?;
            return Ok(Some(now));
        }
    }
}

/// Sends these as one message, and writes down what came of it.
async fn one_message(
    app: &App,
    lane: &Lane,
    alerts: &[(Timestamp, Alert)],
) -> Result<(), StoreError> {
    let (Some(channel), Some(message)) =
        (app.channels.get(&lane.channel), send::message(app, alerts))
    else {
        return Ok(());
    };
    let known = app.ledger.read(|state| {
        let thread = state.deliveries.thread(&lane.channel, &message.matter);
        thread.and_then(|thread| thread.receipt.clone())
    });
    let ids: Vec<AlertId> = alerts.iter().map(|(_, alert)| alert.id).collect();
    match send::send(app, channel, &message, known.as_deref()).await {
        Ok(receipt) => {
            for id in &ids {
                app.set_taken(*id, &lane.channel, receipt.clone());
            }
            app.lanes(|lanes| lanes.succeeded(lane));
            app.metrics.health.channel_failing(&lane.channel, false);
            delivered(app, lane, &ids, receipt).await
        }
        Err(refusal) => {
            for id in ids.iter().skip(1) {
                app.ledger.release_delivery(*id, &lane.channel).await?;
            }
            let Some((since, first)) = alerts.first() else {
                return Ok(());
            };
            failed(app, lane, (*since, first), refusal).await
        }
    }
}

async fn delivered(
    app: &App,
    lane: &Lane,
    alerts: &[AlertId],
    receipt: Option<String>,
) -> Result<(), StoreError> {
    let what = alerts.iter().map(|alert| LedgerEvent::Delivered {
        alert: *alert,
        channel: lane.channel.clone(),
        receipt: receipt.clone(),
    });
    app.ledger.append(app.clock.now(), what.collect()).await
}

/// A message that was not taken is tried again later, after others of its lane; the lane pauses.
async fn failed(
    app: &App,
    lane: &Lane,
    (since, alert): (Timestamp, &Alert),
    refusal: send::Refusal,
) -> Result<(), StoreError> {
    let (name, now) = (&lane.channel, app.clock.now());
    let (reason, whole) = (refusal.why.clone(), refusal.whole());
    if let Some(said) = &refusal.said {
        tracing::warn!(alert = %alert.id, "a channel refused a message: {said}");
    }
    let (failures, _) = app.attempts(alert.id, name);
    let (lane_failures, until) = app.lanes(|lanes| lanes.failed(lane, now, refusal));
    app.metrics
        .health
        .channel_failing(name, lane::is_broken(lane_failures));
    let again = clock::add(now, pause(failures)).max(until);
    app.set_attempts(alert.id, name, failures.saturating_add(1), again);
    if elsewhere_instead(app, lane, &whole).await? {
        return Ok(());
    }
    if now.duration_since(since) < GIVE_UP_AFTER {
        tracing::warn!(channel = %name, alert = %alert.id, "a message was not taken and will be sent again: {reason}");
        return app.ledger.release_delivery(alert.id, name).await;
    }
    // Where the channel as such does not work, all that waits that long goes with it.
    let mut old = vec![alert.id];
    if lane::is_broken(lane_failures) {
        old.extend(lane::older(app, lane, now, GIVE_UP_AFTER));
        old.sort_unstable();
        old.dedup();
    }
    tracing::error!(channel = %name, messages = old.len(), "messages are given up: {reason}");
    given_up(app, name, &old, &whole).await
}

/// Where the channel has failed for as long as its fallback waits, all that waits goes there; whether it
/// did.
async fn elsewhere_instead(app: &App, lane: &Lane, reason: &str) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let fallback = app
        .channels
        .get(&lane.channel)
        .and_then(|it| it.fallback.as_ref());
    let since = app.lanes(|lanes| lanes.failing_since(lane));
    let (Some((to, after)), Some(since)) = (fallback, since) else {
        return Ok(false);
    };
    if clock::add(since, *after) > now {
        return Ok(false);
    }
    let waiting = lane::waiting(app, lane);
    let reason = format!("`{to}` was sent it instead: {reason}");
    tracing::error!(channel = %lane.channel, messages = waiting.len(), "messages go to the fallback `{to}`");
    for alert in waiting {
        let given_up = LedgerEvent::Undelivered {
            alert: alert.id,
            channel: lane.channel.clone(),
            reason: reason.clone(),
        };
        let copy = LedgerEvent::Alerted(Alert {
            id: fallback_id(alert.id, to),
            channels: vec![to.clone()],
            ..alert
        });
        match app.ledger.append(now, vec![copy, given_up]).await {
            // Another process has just delivered it, or sent it there.
            Ok(()) | Err(StoreError::Duplicate) => {}
            Err(error) => return Err(error),
        }
    }
    lane::forget(app);
    Ok(true)
}

async fn given_up(
    app: &App,
    channel: &str,
    alerts: &[AlertId],
    reason: &str,
) -> Result<(), StoreError> {
    let undelivered = |alert: &AlertId| LedgerEvent::Undelivered {
        alert: *alert,
        channel: channel.to_owned(),
        reason: reason.to_owned(),
    };
    let what: Vec<LedgerEvent> = alerts.iter().map(undelivered).collect();
    app.ledger.append(app.clock.now(), what).await?;
    lane::forget(app);
    Ok(())
}

/// Sends a message to a channel once, beside the outbox: for what cannot be written down. An error is why
/// it was not taken, without the channel's address.
pub(in crate::flow) async fn at_once(
    app: &App,
    (since, alert): (Timestamp, &Alert),
    channel: &str,
) -> Result<(), String> {
    let message = send::message(app, &[(since, alert.clone())]);
    let (Some(channel), Some(message)) = (app.channels.get(channel), message) else {
        return Ok(());
    };
    let sent = send::send(app, channel, &message, None).await;
    sent.map(|_| ()).map_err(|refusal| refusal.why)
}

/// Gives up what is for channels that the configuration does not have any more.
pub async fn removed_channels(app: &App) -> Result<Option<Timestamp>, StoreError> {
    for (channel, alerts) in lane::without_channel(app) {
        tracing::error!(%channel, messages = alerts.len(), "messages are given up: there is no such channel any more");
        let reason = "the configuration has no such channel any more";
        given_up(app, &channel, &alerts, reason).await?;
    }
    Ok(None)
}
