//! A SHA-256, as the ledger chains its entries by.

use aws_lc_rs::digest;
use jiff::Timestamp;
use std::fmt;

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

/// The hash of an entry: SHA-256 over the previous hash, the place, the time in microseconds since
/// the Unix epoch (both as eight bytes, big-endian) and the body.
pub fn link(previous: Hash, seq: i64, at: Timestamp, body: &str) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous.as_bytes());
    context.update(&seq.to_be_bytes());
    context.update(&at.as_microsecond().to_be_bytes());
    context.update(body.as_bytes());
    Hash::from_digest(&context.finish())
}
