//! Who may be connected: seats, shared out by peer address.
//!
//! Whoever comes when none is left takes that of the connection that has been idle for longest, of the
//! peer that holds most; only if every seat stays at work for somebody the newcomer is turned away.
//! Seats that are taken so are taken at a pace, each peer at its own, so that whoever has just come has
//! the time to say something, and those who come back again and again do not take all of the processor.
//! Peers that have proven to be senders have a reserve to themselves.

mod seat;
#[cfg(test)]
mod tests;

pub(super) use seat::Due;

use super::Limits;
use doorward_core::net::peer;
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long an address counts as a sender's after one has proven to be there.
const KNOWN_FOR: Duration = Duration::from_hours(1);

/// How many such addresses are remembered.
const MOST_KNOWN: usize = 1024;

/// How long a request of somebody who is not proven holds its seat against newcomers.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a connection has to say something at least before its seat is another's.
const GRACE: Duration = Duration::from_millis(100);

/// How many paces are remembered.
const MOST_SCOPES: usize = 1024;

/// Whom newcomers take seats from: a peer's own, or all others'.
type Scope = Option<IpAddr>;

/// The seats of one listener.
#[derive(Debug)]
pub(super) struct Seats {
    limits: Limits,
    proxies: Vec<IpNet>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    seats: BTreeMap<u64, Held>,
    by_peer: HashMap<IpAddr, usize>,
    known: HashMap<IpAddr, Instant>,
    /// When the next seat may be taken.
    next_turns: HashMap<Scope, Instant>,
}

/// What a newcomer is told who has no seat yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It is its turn then.
    Turn(Instant),
    /// It was its turn, and every seat is at work.
    Busy,
}

/// A seat that is taken.
#[derive(Debug)]
struct Held {
    peer: IpAddr,
    is_proxy: bool,
    since: Instant,
    /// Since when it is as idle, or as busy, as it is.
    changed: Instant,
    has_asked: bool,
    /// How many requests it has made, whether one of a sender was among them, and when the next that is
    /// not is answered.
    requests: u32,
    has_proven: bool,
    next: Instant,
    /// Requests at work, and how many of them are of proven senders.
    busy: usize,
    proven: usize,
    taken: CancellationToken,
}

/// A connection's seat; given back when it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Permit {
    seats: Arc<Seats>,
    id: u64,
    taken: CancellationToken,
}

/// Where newcomers take seats from, and how many there are.
#[derive(Clone, Copy, Debug)]
struct UnauthenticatedBodyLimit {
    scope: Scope,
    seats: usize,
}

impl Seats {
    pub(super) fn new(limits: Limits, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            proxies,
            table: Mutex::default(),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a connection from `peer`, which may have waited for its turn.
    pub(super) fn seat(
        self: &Arc<Self>,
        peer: IpAddr,
        has_waited: bool,
        now: Instant,
    ) -> Result<Permit, Wait> {
        let peer = peer.to_canonical();
        let is_proxy = self.proxies.iter().any(|network| network.contains(&peer));
        let peer = peer::network(peer);
        let mut table = self.table();
        if let Some(room) = table.room(&self.limits, (peer, is_proxy), now) {
            if let (false, Some(turn)) = (has_waited, table.turn(room, now)) {
                return Err(Wait::Turn(turn));
            }
            table.take_from(room.scope, (peer, is_proxy), now)?;
        }
        let id = table.last.wrapping_add(1);
        table.last = id;
        let taken = CancellationToken::new();
        let held = Held {
            peer,
            is_proxy,
            since: now,
            changed: now,
            has_asked: false,
            requests: 0,
            has_proven: false,
            next: now,
            busy: 0,
            proven: 0,
            taken: taken.clone(),
        };
        table.seats.insert(id, held);
        let of_peer = table.by_peer.entry(peer).or_default();
        *of_peer = of_peer.saturating_add(1);
        drop(table);
        Ok(Permit {
            seats: Arc::clone(self),
            id,
            taken,
        })
    }

    /// Ends the connection that has been idle for longest, as where the system has no more of them.
    pub(super) fn free_one(&self, now: Instant) -> bool {
        let mut table = self.table();
        let victim = table.victim(|_| true, now);
        victim.is_some_and(|id| table.take(id))
    }
}

impl Table {
    /// Where a seat must be taken from so that `peer` can have one more; none if there is one left.
    fn room(
        &self,
        limits: &Limits,
        (peer, is_proxy): (IpAddr, bool),
        now: Instant,
    ) -> Option<UnauthenticatedBodyLimit> {
        let is_known = is_proxy || self.is_known(peer, now);
        let share = match (is_proxy, is_known) {
            (true, _) => limits.connections,
            (_, true) => limits.per_address.max(limits.connections / 2),
            _ => limits.per_address,
        };
        let of_peer = self.by_peer.get(&peer).copied().unwrap_or_default();
        let unknown_sources = limits.connections.saturating_sub(limits.reserve());
        let full = |scope, seats| Some(UnauthenticatedBodyLimit { scope, seats });
        if of_peer >= share {
            full(Some(peer), share)
        } else if self.seats.len() >= limits.connections {
            full(None, limits.connections)
        } else if !is_known && self.unknown_sources(now) >= unknown_sources {
            full(None, unknown_sources)
        } else {
            None
        }
    }

    /// When a newcomer may take a seat there, if not at once: they come one after the other.
    fn turn(&mut self, room: UnauthenticatedBodyLimit, now: Instant) -> Option<Instant> {
        if self.next_turns.len() >= MOST_SCOPES {
            self.next_turns.retain(|_, next| *next > now);
        }
        let seats = u32::try_from(room.seats).unwrap_or(u32::MAX);
        let interval = GRACE.checked_div(seats).unwrap_or(GRACE);
        let next = self.next_turns.get(&room.scope).copied().unwrap_or(now);
        let turn = next.max(now);
        let after = turn.checked_add(interval).unwrap_or(turn);
        self.next_turns.insert(room.scope, after);
        (turn > now).then_some(turn)
    }

    /// Takes a seat there for `peer`.
    fn take_from(
        &mut self,
        scope: Scope,
        (peer, is_proxy): (IpAddr, bool),
        now: Instant,
    ) -> Result<(), Wait> {
        let is_known = is_proxy || self.is_known(peer, now);
        let known = self.known_peers(now);
        let may_go = |held: &Held| match scope {
            Some(peer) => held.peer == peer,
            // The reserve is theirs who are known.
            None => is_known || !(held.is_proxy || known.contains(&held.peer)),
        };
        let victim = self.victim(may_go, now).ok_or(Wait::Busy)?;
        self.take(victim);
        Ok(())
    }

    fn is_known(&self, peer: IpAddr, now: Instant) -> bool {
        let at = self.known.get(&peer);
        at.is_some_and(|at| now.saturating_duration_since(*at) < KNOWN_FOR)
    }

    fn known_peers(&self, now: Instant) -> Vec<IpAddr> {
        let known = self.known.keys().copied();
        known.filter(|peer| self.is_known(*peer, now)).collect()
    }

    /// How many seats are held by peers that nothing is known of.
    fn unknown_sources(&self, now: Instant) -> usize {
        let is_unknown_source = |held: &&Held| !held.is_proxy && !self.is_known(held.peer, now);
        self.seats.values().filter(is_unknown_source).count()
    }

    /// The one of these connections that can be done without first.
    fn victim(&self, may_go: impl Fn(&Held) -> bool, now: Instant) -> Option<u64> {
        let goes = |held: &Held| {
            let lasts = now.saturating_duration_since(held.changed);
            held.busy == 0 || (held.proven == 0 && lasts >= PATIENCE)
        };
        let rank = |held: &Held| {
            let is_known = held.is_proxy || self.is_known(held.peer, now);
            let of_peer = self.by_peer.get(&held.peer).copied().unwrap_or_default();
            (held.busy > 0, is_known, Reverse(of_peer), held.changed)
        };
        let seats = self.seats.iter();
        let candidates = seats.filter(|(_, held)| may_go(held) && goes(held));
        let first = candidates.min_by_key(|(id, held)| (rank(held), **id));
        first.map(|(id, _)| *id)
    }

    /// Takes a seat from whoever has it.
    fn take(&mut self, id: u64) -> bool {
        let Some(held) = self.seats.remove(&id) else {
            return false;
        };
        held.taken.cancel();
        if let Some(of_peer) = self.by_peer.get_mut(&held.peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                self.by_peer.remove(&held.peer);
            }
        }
        true
    }

    /// A sender has proven to be there.
    fn know(&mut self, peer: IpAddr, now: Instant) {
        self.known.insert(peer, now);
        if self.known.len() > MOST_KNOWN {
            let oldest = self.known.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.known.remove(&oldest);
            }
        }
    }
}
