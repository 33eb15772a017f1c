//! The lanes of channels: which message is next, and how long a lane rests after failures.

use super::send::Refusal;
use crate::flow::app::App;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::id::AlertId;
use doorward_core::messages::codes::ESCALATION;
use doorward_core::messages::routing::plan::{self, Waiting};
use doorward_core::messages::wording;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The pause after a first failure; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// After so many failures in a row the channel as such does not work.
const BROKEN_AFTER: u32 = 3;

/// One of a channel's two ways for messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// The channel's name.
    pub channel: String,
    /// Whether it is the one for messages that must not queue behind others.
    pub urgent: bool,
}

impl Lane {
    /// Both of a channel, the urgent one first.
    pub fn of(channel: &str) -> [Self; 2] {
        [true, false].map(|urgent| Self {
            channel: channel.to_owned(),
            urgent,
        })
    }

    /// Its name, for logs and metrics.
    pub fn name(&self) -> String {
        let kind = if self.urgent { "urgent" } else { "ordinary" };
        format!("channel:{}:{kind}", self.channel)
    }

    fn takes(&self, alert: &Alert) -> bool {
        let urgent = [
            wording::OVERDUE,
            wording::END_UNKNOWN,
            wording::NETWORKS_LOST,
            ESCALATION,
        ]
        .contains(&alert.code.as_str());
        self.urgent == urgent && alert.channels.contains(&self.channel)
    }
}

/// How lanes fare; lost in a restart, on purpose.
#[derive(Clone, Debug, Default)]
pub struct Lanes(BTreeMap<Lane, Health>);

/// How a lane fares.
#[derive(Clone, Debug, Default)]
struct Health {
    failures: u32,
    not_before: Option<Timestamp>,
    /// Since when it has failed, and why the last time.
    since: Option<Timestamp>,
    why: String,
    /// Why, with what the receiver said: not for everybody.
    whole: String,
}

impl Lanes {
    /// A message was taken.
    pub(super) fn succeeded(&mut self, lane: &Lane) {
        self.0.remove(lane);
    }

    /// A message was not taken: how many it are in a row, and until when the lane rests. What the channel
    /// itself asks for holds for both of its lanes.
    pub(super) fn failed(
        &mut self,
        lane: &Lane,
        now: Timestamp,
        refusal: Refusal,
    ) -> (u32, Timestamp) {
        let asked = refusal.retry_after.map(|asked| clock::add(now, asked));
        for both in Lane::of(&lane.channel) {
            if let Some(asked) = asked {
                let health = self.0.entry(both).or_default();
                health.not_before = health.not_before.max(Some(asked));
            }
        }
        let health = self.0.entry(lane.clone()).or_default();
        let own = clock::add(now, pause(health.failures));
        let until = asked.map_or(own, |asked| asked.max(own));
        health.failures = health.failures.saturating_add(1);
        health.not_before = Some(until);
        health.since.get_or_insert(now);
        health.whole = refusal.whole();
        health.why = refusal.why;
        (health.failures, until)
    }

    /// The channels that do not work: each with since when, and why.
    pub fn broken(&self) -> Vec<(&str, Timestamp, &str)> {
        let mut broken: BTreeMap<&str, (Timestamp, &str)> = BTreeMap::new();
        for (lane, health) in self.0.iter().filter(|(_, it)| is_broken(it.failures)) {
            if let Some(since) = health.since {
                broken.insert(&lane.channel, (since, &health.why));
            }
        }
        let broken = broken.into_iter();
        broken
            .map(|(name, (since, why))| (name, since, why))
            .collect()
    }

    /// Since when a channel fails, and why, with what the receiver said; none if its last messages were
    /// taken.
    pub(super) fn of(&self, channel: &str) -> Option<(Timestamp, String)> {
        let lanes = Lane::of(channel);
        let failing = lanes.iter().filter_map(|lane| {
            let health = self.0.get(lane)?;
            Some((health.since?, health.whole.clone()))
        });
        failing.min()
    }

    /// Since when a lane has failed, if it does.
    pub(super) fn failing_since(&self, lane: &Lane) -> Option<Timestamp> {
        self.0.get(lane)?.since
    }

    fn rests_until(&self, lane: &Lane, now: Timestamp) -> Option<Timestamp> {
        let until = self.0.get(lane)?.not_before?;
        (until > now).then_some(until)
    }
}

/// Whether so many failures in a row mean that the channel as such does not work.
pub(super) fn is_broken(failures: u32) -> bool {
    failures >= BROKEN_AFTER
}

/// The pause after one more failure.
pub(in crate::flow) fn pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.min(10)));
    doubled.min(LONGEST_PAUSE)
}

/// What a lane has to do.
pub(super) enum Next {
    Nothing,
    At(Timestamp),
    /// These are due, as one message: the first leads.
    Due(Vec<(Timestamp, Alert)>),
}

/// The messages to deliver now. Those that are delivered `elsewhere` are left out.
pub(super) fn next(app: &App, lane: &Lane, now: Timestamp, elsewhere: &BTreeSet<AlertId>) -> Next {
    let takes = |it: &Alert| lane.takes(it) && !elsewhere.contains(&it.id);
    let rests_until = app.lanes(|lanes| lanes.rests_until(lane, now));
    app.ledger.read(|state| {
        let waiting = state.outbox.values().filter(|(_, it)| takes(it));
        let waiting = waiting.map(|(since, alert)| {
            let (failures, not_before) = app.attempts(alert.id, &lane.channel);
            Waiting {
                since: *since,
                alert,
                failures,
                not_before,
            }
        });
        let waiting: Vec<Waiting<'_>> = waiting.collect();
        if let (false, Some(until)) = (waiting.is_empty(), rests_until) {
            return Next::At(until);
        }
        let known = (&app.routes, &state.deliveries);
        match plan::next(&waiting, &lane.channel, known, now) {
            plan::Next::Nothing => Next::Nothing,
            plan::Next::At(at) => Next::At(at),
            plan::Next::Send(ids) => {
                let due = ids.iter().filter_map(|id| state.outbox.get(id).cloned());
                Next::Due(due.collect())
            }
        }
    })
}

/// All messages of a lane.
pub(super) fn waiting(app: &App, lane: &Lane) -> Vec<Alert> {
    app.ledger.read(|state| {
        let waiting = state.outbox.values().filter(|(_, it)| lane.takes(it));
        waiting.map(|(_, alert)| alert.clone()).collect()
    })
}

/// The messages of a lane that have waited for `long`.
pub(super) fn older(app: &App, lane: &Lane, now: Timestamp, long: SignedDuration) -> Vec<AlertId> {
    app.ledger.read(|state| {
        let waiting = state.outbox.values().filter(|(_, it)| lane.takes(it));
        let old = waiting.filter(|(since, _)| now.duration_since(*since) >= long);
        old.map(|(_, alert)| alert.id).collect()
    })
}

/// The messages that wait for channels that are not configured, by channel.
pub(super) fn without_channel(app: &App) -> BTreeMap<String, Vec<AlertId>> {
    let mut without: BTreeMap<String, Vec<AlertId>> = BTreeMap::new();
    app.ledger.read(|state| {
        for (_, alert) in state.outbox.values() {
            for channel in &alert.channels {
                if !app.channels.contains_key(channel) {
                    without.entry(channel.clone()).or_default().push(alert.id);
                }
            }
        }
    });
    without
}

/// Forgets the attempts of messages that wait no more.
pub(super) fn forget(app: &App) {
    let waiting: BTreeSet<AlertId> = app
        .ledger
        .read(|state| state.outbox.keys().copied().collect());
    app.forget_attempts(|alert| waiting.contains(alert));
}

#[cfg(test)]
mod tests;
