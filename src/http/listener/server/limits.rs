//! How long and how much a peer is borne with.

use std::time::Duration;

/// How long and how much a peer is borne with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a request's headers, and for a connection's first request.
    pub headers: Duration,
    /// For the whole body of a delivery.
    pub body: Duration,
    /// For the answer: below the 30 s after which Event Grid gives up.
    pub answer: Duration,
    /// For the requests under way when the program is told to stop.
    pub drain: Duration,
    /// For an HTTP/2 connection without requests; one of HTTP/1 has as long as for `headers`.
    pub idle: Duration,
    /// For the peer to take what is written.
    pub write: Duration,
    /// For a connection in all.
    pub age: Duration,
    /// How many connections are open at once.
    pub connections: usize,
    /// How many of them one address may have: an IPv4 address, or an IPv6 /64.
    pub per_address: usize,
}

impl Limits {
    /// What holds unless the configuration says otherwise.
    pub const DEFAULT: Self = Self {
        headers: Duration::from_secs(10),
        body: Duration::from_secs(15),
        answer: Duration::from_secs(25),
        drain: Duration::from_secs(10),
        idle: Duration::from_mins(1),
        write: Duration::from_secs(10),
        age: Duration::from_hours(1),
        connections: 512,
        per_address: 128,
    };

    /// How many connections are kept for peers that have proven to be senders.
    pub(super) fn reserve(&self) -> usize {
        self.connections / 4
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
