//! Room for bodies that prove their senders: until such a body is read, it is an unknown source's.

use crate::http::HttpError;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use doorward_core::net::peer::network;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many such bodies are read at once.
const SEATS: usize = 32;

/// How many of them from one address.
const SEATS_OF_ONE: usize = 8;

/// How many bytes all of them may have together.
const BYTES: usize = 64 << 20;

/// How long one may take: less than a body of somebody who is proven.
pub(in crate::http) const WITHIN: Duration = Duration::from_secs(5);

/// What is taken.
#[derive(Debug)]
pub(in crate::http) struct UnauthenticatedBodyLimit {
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    seats: usize,
    bytes: usize,
    by_peer: BTreeMap<Option<IpAddr>, usize>,
}

/// A seat; given back when it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Permit {
    room: &'static UnauthenticatedBodyLimit,
    peer: Option<IpAddr>,
    bytes: usize,
}

/// The room of this process.
pub(in crate::http) static ROOM: UnauthenticatedBodyLimit = UnauthenticatedBodyLimit::empty();

impl UnauthenticatedBodyLimit {
    const fn empty() -> Self {
        Self {
            taken: Mutex::new(Taken {
                seats: 0,
                bytes: 0,
                by_peer: BTreeMap::new(),
            }),
        }
    }

    /// A seat for the body of `peer`, of which these headers tell; it can have at most `most` bytes.
    pub(in crate::http) fn seat(
        &'static self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
        most: usize,
    ) -> Result<Permit, HttpError> {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| {
            let length: u64 = length.to_str().ok()?.parse().ok()?;
            usize::try_from(length).ok()
        });
        let (peer, bytes) = (peer.map(network), announced.unwrap_or(most).min(most));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = taken.by_peer.get(&peer).copied().unwrap_or_default();
        let all = taken.bytes.saturating_add(bytes);
        // A body alone is read however large its source lets it be.
        let too_large = all > BYTES && taken.seats > 0;
        if taken.seats >= SEATS || of_peer >= SEATS_OF_ONE || too_large {
            return Err(HttpError::Busy);
        }
        taken.seats = taken.seats.saturating_add(1);
        taken.bytes = all;
        taken.by_peer.insert(peer, of_peer.saturating_add(1));
        drop(taken);
        Ok(Permit {
            room: self,
            peer,
            bytes,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let taken = self.room.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.seats = taken.seats.saturating_sub(1);
        taken.bytes = taken.bytes.saturating_sub(self.bytes);
        let left = taken.by_peer.get(&self.peer).copied().unwrap_or_default();
        if left > 1 {
            taken.by_peer.insert(self.peer, left.saturating_sub(1));
        } else {
            taken.by_peer.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> &'static UnauthenticatedBodyLimit {
        Box::leak(Box::new(UnauthenticatedBodyLimit::empty()))
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn announced(length: usize) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_LENGTH, length.into())])
    }

    #[test]
    fn one_peer_does_not_take_every_seat() {
        let room = room();
        let seat = |peer| room.seat(Some(peer), &announced(10), 100);
        let first: Vec<_> = (0..SEATS_OF_ONE).map(|_| seat(peer("51.1.1.1"))).collect();
        assert!(first.iter().all(Result::is_ok));
        assert!(seat(peer("51.1.1.1")).is_err());
        assert!(seat(peer("::ffff:51.1.1.1")).is_err());
        let other: Vec<_> = (0..SEATS_OF_ONE)
            .map(|number| seat(peer(&format!("2001:db8::{number}"))))
            .collect();
        assert!(other.iter().all(Result::is_ok));
        assert!(seat(peer("2001:db8::ffff")).is_err());
        assert!(seat(peer("2001:db8:1::1")).is_ok());
        drop(first);
        assert!(seat(peer("51.1.1.1")).is_ok());
    }

    #[test]
    fn all_of_them_together_are_bounded_in_number_and_in_bytes() {
        let room = room();
        let seats: Vec<_> = (0..SEATS)
            .map(|number| room.seat(Some(peer(&format!("51.1.1.{number}"))), &announced(1), 1))
            .collect();
        assert!(seats.iter().all(Result::is_ok));
        assert!(room.seat(Some(peer("51.1.2.1")), &announced(1), 1).is_err());
        drop(seats);

        // What does not say how long it is may be as long as its source allows.
        let (large, unsaid) = (BYTES - 10, HeaderMap::new());
        let held = room.seat(Some(peer("51.1.1.1")), &unsaid, large);
        assert!(
            room.seat(Some(peer("51.1.1.2")), &announced(11), large)
                .is_err()
        );
        assert!(
            room.seat(Some(peer("51.1.1.2")), &announced(10), large)
                .is_ok()
        );
        drop(held);
        assert!(
            room.seat(Some(peer("51.1.1.1")), &unsaid, BYTES * 2)
                .is_ok()
        );
        let empty = room.taken.lock().unwrap();
        assert_eq!((empty.seats, empty.bytes, empty.by_peer.len()), (0, 0, 0));
    }
}
