//! How channels fare, what they never took, and an operator's tries.

use super::{Lane, send};
use crate::flow::app::App;
use crate::flow::orders::By;
use crate::store::StoreError;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use doorward_core::messages::codes::TEST;
use doorward_core::messages::message::headline;
use doorward_core::messages::routing::deliveries::ACCEPTED;
pub use doorward_core::states::ChannelState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a channel fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelHealth {
    /// Its name.
    pub name: String,
    /// Its kind, as the configuration writes it.
    pub kind: String,
    /// Whether it takes messages.
    #[schema(schema_with = crate::flow::view::states::words::channel)]
    pub state: ChannelState,
    /// Since when it fails.
    pub since: Option<Timestamp>,
    /// Why it failed last.
    pub reason: Option<String>,
    /// When it last took a message. A channel of Teams accepts it then, which proves no delivery.
    pub last_taken: Option<Timestamp>,
    /// How many messages wait for it.
    pub waiting: usize,
    /// How many it never took, as far as they are remembered.
    pub dead: usize,
}

/// A message that a channel never took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dead {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    pub id: AlertId,
    /// The channel.
    pub channel: String,
    /// When it was given up.
    pub at: Timestamp,
    /// Its code.
    pub code: String,
    /// Its first line.
    pub headline: String,
    /// Why it was given up.
    pub reason: String,
}

/// Why an order about channels was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// There is none.
    #[error("there is no channel `{0}`")]
    NoChannel(String),
    /// Nothing is known of it.
    #[error("there is no undelivered message `{0}`: `doorward notify list` shows them")]
    NoMessage(String),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How every channel fares.
pub fn health(app: &App) -> Vec<ChannelHealth> {
    let all = app.channels.iter().map(|(name, channel)| {
        let lanes = app.lanes(|lanes| lanes.of(name));
        let (last, waiting, dead) = app.ledger.read(|state| {
            let waits = |alert: &Alert| alert.channels.contains(name);
            let waiting = state.outbox.values().filter(|(_, it)| waits(it)).count();
            let dead = state.deliveries.dead();
            let dead = dead.iter().filter(|it| waits(&it.alert)).count();
            (state.deliveries.last(name), waiting, dead)
        });
        let state = match (&lanes, last) {
            (Some(_), _) => ChannelState::Failing,
            (None, Some(_)) => ChannelState::Ok,
            (None, None) => ChannelState::NeverTried,
        };
        ChannelHealth {
            name: name.clone(),
            kind: channel.kind.name().to_owned(),
            state,
            since: lanes.as_ref().map(|(since, _)| *since),
            reason: lanes.map(|(_, why)| why),
            last_taken: last,
            waiting,
            dead,
        }
    });
    all.collect()
}

/// The messages that were never taken, newest first.
pub fn dead(app: &App) -> Vec<Dead> {
    app.ledger.read(|state| {
        let dead = state.deliveries.dead().into_iter();
        let each = dead.flat_map(|letter| {
            letter.alert.channels.iter().map(|channel| Dead {
                id: letter.alert.id,
                channel: channel.clone(),
                at: letter.at,
                code: letter.alert.code.clone(),
                headline: headline(&letter.alert),
                reason: letter.reason.clone(),
            })
        });
        each.collect()
    })
}

/// Sends a test message now, past the outbox; why the channel did not take it, if it did not.
pub async fn test(app: &App, name: &str) -> Result<Result<String, String>, NotifyError> {
    let channel = app.channels.get(name);
    let channel = channel.ok_or_else(|| NotifyError::NoChannel(name.to_owned()))?;
    let alert = Alert {
        id: AlertId(app.clock.id()),
        code: TEST.to_owned(),
        text: "An operator tries this channel; nothing has happened".to_owned(),
        channels: vec![name.to_owned()],
        registry: None,
        address: None,
        denial: None,
        grant: None,
        grants: Vec::new(),
        request: None,
        details: None,
        resends: None,
    };
    let now = app.clock.now();
    let Some(message) = send::message(app, &[(now, alert)]) else {
        return Ok(Err("there is no message".to_owned()));
    };
    let sent = send::send(app, channel, &message, None).await;
    Ok(match sent {
        Ok(receipt) if receipt.as_deref() == Some(ACCEPTED) => {
            Ok("accepted, which proves no delivery: see whether it is shown in Teams".to_owned())
        }
        Ok(_) => {
            for lane in Lane::of(name) {
                app.lanes(|lanes| lanes.succeeded(&lane));
            }
            Ok("taken".to_owned())
        }
        Err(refusal) => Err(refusal.whole()),
    })
}

/// Sends a message again that its channels never took; those that get it.
pub async fn resend(app: &App, id: &str, by: &By) -> Result<Vec<String>, NotifyError> {
    let found: Vec<Alert> = app.ledger.read(|state| {
        let dead = state.deliveries.dead().into_iter();
        let found = dead.filter(|it| it.alert.id.to_string() == id.trim());
        found.map(|it| it.alert.clone()).collect()
    });
    let channels: Vec<String> = found.iter().flat_map(|it| it.channels.clone()).collect();
    let (Some(first), false) = (found.into_iter().next(), channels.is_empty()) else {
        return Err(NotifyError::NoMessage(id.to_owned()));
    };
    if let Some(gone) = channels.iter().find(|it| !app.channels.contains_key(*it)) {
        return Err(NotifyError::NoChannel(gone.clone()));
    }
    tracing::info!(
        alert = id,
        "an undelivered message is sent again, ordered by {}",
        by.actor().in_words()
    );
    let alert = Alert {
        id: AlertId(app.clock.id()),
        resends: Some(first.id),
        channels: channels.clone(),
        ..first
    };
    let now = app.clock.now();
    app.ledger
        .append(now, vec![LedgerEvent::Alerted(alert)])
        .await?;
    Ok(channels)
}
