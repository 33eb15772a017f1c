//! The log of what is refused to people who are not known: the first few in full, then sums.
//!
//! Whoever can reach a listener can cause a refusal with every request. One line each would fill a
//! disk, and hide everything else.

use crate::flow::app::App;
use clock::Clock;
use doorward_core::net::peer;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the log counts before it sums up.
const EVERY: Duration = Duration::from_mins(1);

/// How many refusals of one kind, and of one source, stand in the log in full within that time.
const FIRST: u32 = 3;

/// How many of all.
const LINES: u32 = 60;

/// How many peers are told apart.
const MOST_PEERS: usize = 1000;

/// What was refused since the log last summed up.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Tally>);

#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<&'static str, u64>,
    peers: BTreeSet<IpAddr>,
    lines: u32,
    by_kind: BTreeMap<(String, &'static str), u32>,
    unsaid: u64,
}

impl Refusals {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more line about `kind`, about the source of this name if there is one, stands in the
    /// log in full.
    pub(crate) fn may_tell(&self, source: Option<&str>, kind: &'static str) -> bool {
        let mut tally = self.tally();
        let key = (source.unwrap_or_default().to_owned(), kind);
        let told = tally.by_kind.get(&key).copied().unwrap_or_default();
        if told >= FIRST || tally.lines >= LINES {
            tally.unsaid = tally.unsaid.saturating_add(1);
            return false;
        }
        tally.lines = tally.lines.saturating_add(1);
        tally.by_kind.insert(key, told.saturating_add(1));
        true
    }

    /// Counts a refusal.
    pub(crate) fn count(&self, reason: &'static str, peer: Option<IpAddr>) {
        let mut tally = self.tally();
        let count = tally.counts.entry(reason).or_default();
        *count = count.saturating_add(1);
        if let (Some(peer), true) = (peer, tally.peers.len() < MOST_PEERS) {
            tally.peers.insert(peer::network(peer));
        }
        // What no line would tell of.
        if CONNECTIONS.contains(&reason) {
            tally.unsaid = tally.unsaid.saturating_add(1);
        }
    }

    /// What was refused and does not stand in the log in full, in one line; and begins anew.
    fn sum_up(&self) -> Option<String> {
        let tally = std::mem::take(&mut *self.tally());
        if tally.unsaid == 0 {
            return None;
        }
        let all: u64 = tally.counts.values().sum();
        let mut text = format!("{all} refused");
        let reasons = tally.counts.iter();
        let reasons: Vec<String> = reasons
            .map(|(why, count)| format!("{why} {count}"))
            .collect();
        let peers = match tally.peers.len() {
            MOST_PEERS => format!("{MOST_PEERS} or more addresses"),
            1 => "1 address".to_owned(),
            peers => format!("{peers} addresses"),
        };
        // Writing into a string does not fail.
        write!(text, " ({}) from {peers}", reasons.join(", ")).ok();
        Some(text)
    }
}

/// What happens to connections before there is a request.
const CONNECTIONS: [&str; 6] = [
    "bad_host",
    "connection_limit",
    "connection_taken",
    "malformed_http",
    "no_request",
    "slow_headers",
];

/// Sums up what was refused, once a minute, until `stop`.
pub async fn sum_up(app: Arc<App>, stop: CancellationToken) {
    // Not the application's clock: what a story does with the time is nothing to the log.
    let clock = Clock::system();
    while stop.run_until_cancelled(clock.sleep(EVERY)).await.is_some() {
        tell(&app.memory.refusals);
    }
    tell(&app.memory.refusals);
}

fn tell(refusals: &Refusals) {
    if let Some(text) = refusals.sum_up() {
        let seconds = EVERY.as_secs();
        tracing::info!(
            "requests and connections of unknown callers in the last {seconds} s: {text}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_of_each_kind_are_told_and_the_others_summed_up() {
        let refusals = Refusals::default();
        let mut told = 0;
        for number in 0..10_000_u32 {
            let peer = IpAddr::from(std::net::Ipv4Addr::from(0x3301_0100 + number % 7));
            refusals.count("unauthorized", Some(peer));
            told += u32::from(refusals.may_tell(Some("alerts"), "unauthorized"));
        }
        assert_eq!(told, FIRST);
        // Another source, and another kind, have their lines all the same.
        assert!(refusals.may_tell(Some("grid"), "unauthorized"));
        assert!(refusals.may_tell(None, "not_found"));
        refusals.count("not_found", None);
        let text = refusals.sum_up().unwrap();
        let expected = "10001 refused (not_found 1, unauthorized 10000) from 7 addresses";
        assert_eq!(text, expected);
        assert_eq!(refusals.sum_up(), None);
        assert!(refusals.may_tell(Some("alerts"), "unauthorized"));
    }

    #[test]
    fn what_stands_in_the_log_in_full_is_not_summed_up() {
        let refusals = Refusals::default();
        refusals.count("not_found", None);
        assert!(refusals.may_tell(None, "not_found"));
        assert_eq!(refusals.sum_up(), None);
        refusals.count("connection_limit", None);
        assert_eq!(
            refusals.sum_up().unwrap(),
            "1 refused (connection_limit 1) from 0 addresses"
        );
    }

    #[test]
    fn all_lines_together_are_bounded_and_so_are_the_peers() {
        let refusals = Refusals::default();
        let mut told = 0;
        for number in 0..5000_u32 {
            let source = format!("source-{number}");
            told += u32::from(refusals.may_tell(Some(&source), "unauthorized"));
            refusals.count(
                "unauthorized",
                Some(std::net::Ipv4Addr::from(number).into()),
            );
        }
        assert_eq!(told, LINES);
        let text = refusals.sum_up().unwrap();
        assert!(text.ends_with("from 1000 or more addresses"), "{text}");
    }
}
