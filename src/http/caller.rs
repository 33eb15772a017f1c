//! Who makes a request, as far as is known: its connection's seat, and whether a sender is proven.

use super::listener::server::Permit;
use axum::http::Extensions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::time::Instant;

/// In every request's extensions. The request is at work until the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// One of the three below.
    known: AtomicU8,
    seat: Option<Arc<Permit>>,
}

const UNKNOWN: u8 = 0;
const PROVEN: u8 = 1;
const REFUSED: u8 = 2;

impl Caller {
    /// Whoever makes a request on this connection.
    pub(super) fn on(seat: &Arc<Permit>) -> Self {
        seat.begin(Instant::now());
        Self(Arc::new(Inner {
            known: AtomicU8::new(UNKNOWN),
            seat: Some(Arc::clone(seat)),
        }))
    }

    /// A sender, an operator, or somebody with a good link: their refusals stand in the log one by one.
    pub(super) fn is_proven(&self) -> bool {
        self.0.known.load(Ordering::Relaxed) == PROVEN
    }

    /// It is known who asks. `sender`: for a sender's address there is a reserve of connections.
    pub(super) fn prove(&self, sender: bool) {
        if let (true, Some(seat)) = (self.0.becomes(PROVEN), &self.0.seat) {
            seat.prove(sender, Instant::now());
        }
    }

    /// The request is refused: what is left of it holds no seat.
    fn refuse(&self) {
        if let (true, Some(seat)) = (self.0.becomes(REFUSED), &self.0.seat) {
            seat.end(false, Instant::now());
        }
    }
}

/// The sender of the request with these extensions is proven.
pub(super) fn proven_sender(extensions: &Extensions) {
    if let Some(caller) = extensions.get::<Caller>() {
        caller.prove(true);
    }
}

/// Whoever made the request with these extensions has a good link, or the operators' token.
pub(super) fn proven(extensions: &Extensions) {
    if let Some(caller) = extensions.get::<Caller>() {
        caller.prove(false);
    }
}

/// The request with these extensions is refused.
pub(super) fn refused(extensions: &Extensions) {
    if let Some(caller) = extensions.get::<Caller>() {
        caller.refuse();
    }
}

impl Inner {
    /// Whether it was unknown, and is this from now on.
    fn becomes(&self, what: u8) -> bool {
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let changed = self.known.compare_exchange(UNKNOWN, what, set, fetch);
        changed.is_ok()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let known = *self.known.get_mut();
        if let (Some(seat), PROVEN | UNKNOWN) = (&self.seat, known) {
            seat.end(known == PROVEN, Instant::now());
        }
    }
}
