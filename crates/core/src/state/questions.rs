//! How often people were asked within the last hour: past a limit questions are not sent, so that nobody
//! can wear out who answers them.

use super::State;
use crate::ledger::alert::Alert;
use crate::ledger::id::RequestId;
use crate::messages::codes;
use crate::net::resource_id::ResourceId;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// How far back the limits look.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// When people were asked within the last hour, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    of_registries: BTreeMap<ResourceId, VecDeque<Timestamp>>,
    of_channels: BTreeMap<String, VecDeque<Timestamp>>,
    withheld: BTreeMap<ResourceId, VecDeque<Timestamp>>,
}

/// Whether a message is a question that is asked for the first time.
pub fn is_question(alert: &Alert) -> bool {
    alert.code == codes::ASK && alert.resends.is_none()
}

impl Questions {
    /// How many questions about a registry were sent within the hour before `now`.
    pub fn about(&self, registry: &ResourceId, now: Timestamp) -> usize {
        within(self.of_registries.get(registry), now)
    }

    /// How many questions went to a channel within the hour before `now`.
    pub fn to(&self, channel: &str, now: Timestamp) -> usize {
        within(self.of_channels.get(channel), now)
    }

    /// How many questions about a registry were withheld, from a channel at least, within the hour before
    /// `now`.
    pub fn withheld(&self, registry: &ResourceId, now: Timestamp) -> usize {
        within(self.withheld.get(registry), now)
    }

    pub(super) fn ask(&mut self, at: Timestamp, alert: &Alert) {
        if !is_question(alert) || alert.channels.is_empty() {
            return;
        }
        if let Some(registry) = &alert.registry {
            add(&mut self.of_registries, registry, at);
        }
        for channel in &alert.channels {
            add(&mut self.of_channels, channel, at);
        }
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        let old = |times: &mut VecDeque<Timestamp>| {
            times.retain(|at| now.duration_since(*at) < WINDOW);
            !times.is_empty()
        };
        self.of_registries.retain(|_, times| old(times));
        self.of_channels.retain(|_, times| old(times));
        self.withheld.retain(|_, times| old(times));
    }
}

impl State {
    /// A question was withheld from some of its channels, or from all.
    pub(super) fn withhold(&mut self, at: Timestamp, request: RequestId, wholly: bool) {
        let Some(asked) = self.requests.get_mut(&request) else {
            return;
        };
        asked.withheld = wholly;
        let registry = asked.request.registry.clone();
        add(&mut self.questions.withheld, &registry, at);
    }
}

fn add<K: Ord + Clone>(all: &mut BTreeMap<K, VecDeque<Timestamp>>, of: &K, at: Timestamp) {
    all.entry(of.clone()).or_default().push_back(at);
}

fn within(times: Option<&VecDeque<Timestamp>>, now: Timestamp) -> usize {
    let recent = |at: &&Timestamp| now.duration_since(**at) < WINDOW;
    times.map_or(0, |times| times.iter().filter(recent).count())
}
