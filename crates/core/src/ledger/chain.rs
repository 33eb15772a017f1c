//! The ledger's lines, each chained to the one before it by a hash.

use aws_lc_rs::digest;
use jiff::Timestamp;
use std::fmt;

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, counted from 1, without gaps.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened, as it is stored: JSON, the hash is over these bytes.
    pub body: String,
    /// The chain up to here.
    pub hash: Hash,
}

impl Entry {
    /// The entry that follows `previous` (none before the first).
    pub fn after(previous: Option<(i64, Hash)>, at: Timestamp, body: String) -> Self {
        let (seq, hash) = previous.unwrap_or((0, Hash::ZERO));
        let seq = seq.saturating_add(1);
        let hash = link(hash, seq, at, &body);
        Self {
            seq,
            at,
            body,
            hash,
        }
    }

    /// Its place and hash: what the next one follows.
    pub fn end(&self) -> (i64, Hash) {
        (self.seq, self.hash)
    }

    /// Whether this entry is what followed `previous`, unchanged.
    pub fn follows(&self, previous: Option<(i64, Hash)>) -> bool {
        *self == Self::after(previous, self.at, self.body.clone())
    }
}

/// The hash of an entry: SHA-256 over the previous hash, the place, the time in microseconds since
/// the Unix epoch (both as eight bytes, big-endian) and the body.
pub fn link(previous: Hash, seq: i64, at: Timestamp, body: &str) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&previous.0);
    context.update(&seq.to_be_bytes());
    context.update(&at.as_microsecond().to_be_bytes());
    context.update(body.as_bytes());
    Hash::from_digest(&context.finish())
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What stands before the first entry.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&digest::digest(&digest::SHA256, bytes))
    }

    fn from_digest(digest: &digest::Digest) -> Self {
        Self(digest.as_ref().try_into().unwrap_or_default())
    }

    /// A hash as the database holds it; none if it is not 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// A hash as [`Display`](fmt::Display) writes it; none if it is not 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        if text.len() != 64 || !text.as_bytes().iter().all(is_digit) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The first four bytes, for telling hashes apart where nothing rests on it.
    pub fn prefix(&self) -> u32 {
        let [one, two, three, four, ..] = self.0;
        u32::from_be_bytes([one, two, three, four])
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(bodies: &[String]) -> Vec<Entry> {
        let mut end = None;
        let follow = |body: &String| {
            let entry = Entry::after(end, Timestamp::UNIX_EPOCH, body.clone());
            end = Some((entry.seq, entry.hash));
            entry
        };
        bodies.iter().map(follow).collect()
    }

    fn holds(entries: &[Entry]) -> bool {
        let before =
            std::iter::once(None).chain(entries.iter().map(|entry| Some((entry.seq, entry.hash))));
        entries
            .iter()
            .zip(before)
            .all(|(entry, before)| entry.follows(before))
    }

    proptest! {
        #[test]
        fn any_change_breaks_the_chain(
            bodies in prop::collection::vec(".{0,20}", 2..8),
            place: prop::sample::Index,
            change in 0..4,
        ) {
            let entries = chain(&bodies);
            prop_assert!(holds(&entries));
            let mut changed = entries.clone();
            let place = place.index(entries.len() - 1);
            match change {
                0 => changed[place].body.push('x'),
                1 => changed[place].at = Timestamp::from_microsecond(1).unwrap(),
                2 => _ = changed.remove(place),
                _ => changed.swap(place, place + 1),
            }
            prop_assert!(!holds(&changed));
        }
    }
}
