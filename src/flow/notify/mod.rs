//! Messages from the outbox to their channels, until each has taken them.
//!
//! Each channel has two lanes: one for messages that must not queue behind others, one for the rest. Lanes
//! deliver side by side, one message at a time, so that a slow or dead channel costs the others nothing.

mod lane;
mod send;

pub use lane::{Lane, Lanes};

use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
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
    let channels = app.channels.keys().map(|name| async move {
        let mut next = None;
        for lane in Lane::of(name) {
            next = earlier(next, all_due(app, &lane).await?);
        }
        Ok::<_, StoreError>(next)
    });
    let mut next = None;
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
        let (since, alert) = match lane::next(app, lane, now, &elsewhere) {
            Next::Nothing => {
                lane::forget(app);
                return Ok(look_again);
            }
            Next::At(at) => return Ok(earlier(Some(at), look_again)),
            Next::Due(since, alert) => (since, alert),
        };
        if app.was_taken(alert.id, &lane.channel) {
            // Only that could not be written down.
            delivered(app, lane, alert.id).await?;
        } else if app
            .ledger
            .take_message(alert.id, &lane.channel, TAKEN_FOR)
            .await?
        {
            match send::send(app, lane, since, &alert).await {
                Ok(()) => {
                    app.set_taken(alert.id, &lane.channel);
                    app.lanes(|lanes| lanes.succeeded(lane));
                    app.metrics.health.channel_failing(&lane.channel, false);
                    delivered(app, lane, alert.id).await?;
                }
                Err(refusal) => failed(app, lane, (since, &alert), refusal).await?,
            }
        } else {
            elsewhere.insert(alert.id);
            continue;
        }
        return Ok(Some(now));
    }
}

async fn delivered(app: &App, lane: &Lane, alert: AlertId) -> Result<(), StoreError> {
    let channel = lane.channel.clone();
    let what = vec![LedgerEvent::Delivered { alert, channel }];
    app.ledger.append(app.clock.now(), what).await
}

/// A message that was not taken is tried again later, after others of its lane; the lane pauses.
async fn failed(
    app: &App,
    lane: &Lane,
    (since, alert): (Timestamp, &Alert),
    refusal: send::Refusal,
) -> Result<(), StoreError> {
    let (name, now) = (&lane.channel, app.clock.now());
    let reason = refusal.why.clone();
    let (failures, _) = app.attempts(alert.id, name);
    let (lane_failures, until) = app.lanes(|lanes| lanes.failed(lane, now, refusal));
    app.metrics
        .health
        .channel_failing(name, lane::is_broken(lane_failures));
    let again = clock::add(now, lane::pause(failures)).max(until);
    app.set_attempts(alert.id, name, failures.saturating_add(1), again);
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
    given_up(app, name, &old, &reason).await
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

/// Gives up what is for channels that the configuration does not have any more.
pub async fn removed_channels(app: &App) -> Result<Option<Timestamp>, StoreError> {
    for (channel, alerts) in lane::without_channel(app) {
        tracing::error!(%channel, messages = alerts.len(), "messages are given up: there is no such channel any more");
        let reason = "the configuration has no such channel any more";
        given_up(app, &channel, &alerts, reason).await?;
    }
    Ok(None)
}
