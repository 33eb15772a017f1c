//! What channels took, and what they never took.

use crate::ledger::alert::Alert;
use crate::ledger::chain::Hash;
use crate::ledger::id::AlertId;
use crate::messages::message::{Matter, Phase, phase};
use crate::state::bounded::Recent;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// How many matters are remembered, over all channels.
const MOST_THREADS: usize = 20_000;

/// How many messages that were never taken are kept for a look and another try.
const MOST_DEAD: usize = 500;

/// What stands for the receipt of a message that was accepted and may still get lost: an answer of
/// Workflows comes before the flow has run.
pub const ACCEPTED: &str = "accepted";

/// How far back deliveries are counted.
pub const COUNTED: SignedDuration = SignedDuration::from_hours(1);

/// How many of a channel are counted.
const MOST_COUNTED: usize = 2_000;

/// Deliveries of every channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deliveries {
    threads: Recent<Hash, Thread, MOST_THREADS>,
    dead: Recent<Hash, DeadLetter, MOST_DEAD>,
    channels: BTreeMap<String, Taken>,
}

/// What a channel took last of a matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// When.
    pub at: Timestamp,
    /// The code of that message.
    pub code: String,
    /// By what the channel knows its first message of the matter, where it says so.
    pub receipt: Option<String>,
}

/// What a channel took.
#[derive(Clone, Debug, Default, PartialEq)]
struct Taken {
    last: Option<Timestamp>,
    recent: VecDeque<Timestamp>,
}

/// A message that a channel never took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it was given up.
    pub at: Timestamp,
    /// The message; its only channel is this one.
    pub alert: Alert,
    /// Why.
    pub reason: String,
}

impl Deliveries {
    /// A channel took a message at `at`. Several that it took as one have the same time.
    pub(crate) fn delivered(
        &mut self,
        at: Timestamp,
        alert: &Alert,
        channel: &str,
        receipt: Option<&String>,
    ) {
        let taken = self.channels.entry(channel.to_owned()).or_default();
        if taken.last != Some(at) {
            taken.recent.push_back(at);
        }
        taken.last = taken.last.max(Some(at));
        while taken.recent.len() > MOST_COUNTED
            || taken
                .recent
                .front()
                .is_some_and(|first| at.duration_since(*first) >= COUNTED)
        {
            taken.recent.pop_front();
        }
        let matter = Matter::of(alert);
        if matter.is_alone() {
            return;
        }
        let key = matter.on(channel);
        let before = self.threads.get(&key).and_then(|it| it.receipt.clone());
        let now = receipt.cloned();
        let thread = Thread {
            at,
            code: alert.code.clone(),
            // A matter that begins anew has a new first message.
            receipt: match phase(&alert.code) {
                Phase::Opens => now.or(before),
                Phase::GoesOn | Phase::Ends => before.or(now),
            },
        };
        self.threads.insert(key, thread);
    }

    /// A channel never took a message.
    pub(crate) fn given_up(&mut self, at: Timestamp, alert: &Alert, channel: &str, reason: &str) {
        let letter = DeadLetter {
            at,
            alert: Alert {
                channels: vec![channel.to_owned()],
                ..alert.clone()
            },
            reason: reason.to_owned(),
        };
        self.dead.insert(key(alert.id, channel), letter);
    }

    /// It is sent again, as another message.
    pub(crate) fn resent(&mut self, alert: AlertId, channels: &[String]) {
        for channel in channels {
            self.dead.remove(&key(alert, channel));
        }
    }

    /// What `channel` took last of a matter.
    pub fn thread(&self, channel: &str, matter: &Matter) -> Option<&Thread> {
        self.threads.get(&matter.on(channel))
    }

    /// When `channel` last took a message.
    pub fn last(&self, channel: &str) -> Option<Timestamp> {
        self.channels.get(channel)?.last
    }

    /// When `channel` took messages within the hour before `now`, oldest first.
    pub fn recent(&self, channel: &str, now: Timestamp) -> Vec<Timestamp> {
        let taken = self.channels.get(channel).into_iter();
        let recent = taken.flat_map(|taken| taken.recent.iter().copied());
        recent
            .filter(|at| now.duration_since(*at) < COUNTED)
            .collect()
    }

    /// The messages that were never taken, newest first.
    pub fn dead(&self) -> Vec<&DeadLetter> {
        let mut dead: Vec<&DeadLetter> = self.dead.values().collect();
        dead.sort_by_key(|letter| std::cmp::Reverse((letter.at, letter.alert.id)));
        dead
    }
}

fn key(alert: AlertId, channel: &str) -> Hash {
    Hash::of(format!("{alert}\0{channel}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::LedgerEvent;
    use crate::messages::channels::samples::asked;
    use crate::state::State;
    use uuid::Uuid;

    fn condition(number: u128, code: &str) -> Alert {
        Alert {
            id: AlertId(Uuid::from_u128(number)),
            code: code.to_owned(),
            request: None,
            address: None,
            details: None,
            ..asked("a")
        }
    }

    fn delivered(state: &mut State, alert: &Alert, receipt: &str) {
        let at = Timestamp::UNIX_EPOCH;
        state.apply(at, &LedgerEvent::Alerted(alert.clone()));
        let what = LedgerEvent::Delivered {
            alert: alert.id,
            channel: "chat".to_owned(),
            receipt: Some(receipt.to_owned()),
        };
        state.apply(at, &what);
    }

    #[test]
    fn end_knows_the_message_that_began_its_matter_and_a_new_beginning_replaces_it() {
        let mut state = State::default();
        let matter = Matter::of(&condition(1, "azure_unreadable"));
        for (number, code, receipt, expected) in [
            (1, "azure_unreadable", "1", "1"),
            (2, "azure_readable", "2", "1"),
            (3, "azure_unreadable", "3", "3"),
        ] {
            delivered(&mut state, &condition(number, code), receipt);
            let thread = state.deliveries.thread("chat", &matter).unwrap();
            assert_eq!(thread.receipt.as_deref(), Some(expected), "{code}");
        }
        assert!(state.outbox.is_empty());
        assert!(state.deliveries.thread("mail", &matter).is_none());
    }

    #[test]
    fn given_up_message_is_kept_until_it_is_sent_again() {
        let mut state = State::default();
        let first = condition(1, "flood");
        let at = Timestamp::UNIX_EPOCH;
        state.apply(at, &LedgerEvent::Alerted(first.clone()));
        let given_up = LedgerEvent::Undelivered {
            alert: first.id,
            channel: "chat".to_owned(),
            reason: "it answered 502".to_owned(),
        };
        state.apply(at, &given_up);
        assert_eq!(state.deliveries.dead()[0].alert.channels, ["chat"]);
        let again = Alert {
            resends: Some(first.id),
            ..condition(2, "flood")
        };
        state.apply(at, &LedgerEvent::Alerted(again));
        assert!(state.deliveries.dead().is_empty());
        assert_eq!(state.outbox.len(), 1);
    }

    #[test]
    fn ledger_written_before_there_were_details_and_receipts_reads_the_same() {
        let alert = condition(1, "flood");
        let written = serde_json::to_string(&alert).unwrap();
        for new in ["details", "resends"] {
            assert!(!written.contains(new), "{written}");
        }
        assert_eq!(serde_json::from_str::<Alert>(&written).unwrap(), alert);
        let delivered = LedgerEvent::Delivered {
            alert: alert.id,
            channel: "chat".to_owned(),
            receipt: None,
        };
        let written = serde_json::to_string(&delivered).unwrap();
        assert!(!written.contains("receipt"), "{written}");
        assert_eq!(
            serde_json::from_str::<LedgerEvent>(&written).unwrap(),
            delivered
        );
    }
}
