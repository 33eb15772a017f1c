//! A queue of Azure Storage: what its messages hold, and which of them were taken in though they may
//! still be there.

use crate::ledger::event::Denied;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How many messages one request returns at most
/// (<https://learn.microsoft.com/rest/api/storageservices/get-messages>).
pub const AT_ONCE: i32 = 32;

/// How many messages are remembered as taken in.
const MOST_SETTLED: usize = 256;

/// What a message's text holds. Event Grid writes base64, others write plain text.
pub fn decode(text: &str) -> Vec<u8> {
    let trimmed = text.trim();
    let decoded = STANDARD.decode(trimmed).ok();
    let readable = decoded.filter(|bytes| !bytes.is_empty() && std::str::from_utf8(bytes).is_ok());
    readable.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// The messages that the ledger has taken in, and that may not have been deleted from the queue yet: a
/// process that ends between the two meets them again, and only deletes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled(Vec<u64>);

impl Settled {
    /// Reads a cursor; what is none holds nothing.
    pub fn parse(cursor: &str) -> Self {
        let ids = cursor.split_ascii_whitespace();
        Self(
            ids.filter_map(|id| u64::from_str_radix(id, 16).ok())
                .collect(),
        )
    }

    /// The cursor that says so.
    pub fn cursor(&self) -> String {
        let ids: Vec<String> = self.0.iter().map(|id| format!("{id:016x}")).collect();
        ids.join(" ")
    }

    /// Whether a message was taken in.
    pub fn has(&self, message: &str) -> bool {
        self.0.contains(&Denied::fingerprint(message))
    }

    /// A message is taken in; the oldest are forgotten.
    pub fn add(&mut self, message: &str) {
        self.0.push(Denied::fingerprint(message));
        let surplus = self.0.len().saturating_sub(MOST_SETTLED);
        self.0.drain(..surplus);
    }

    /// A message is gone from the queue.
    pub fn remove(&mut self, message: &str) {
        let id = Denied::fingerprint(message);
        self.0.retain(|known| *known != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_plain_text_are_told_apart() {
        let event = "{\"id\": \"1\"}";
        assert_eq!(decode(&STANDARD.encode(event)), event.as_bytes());
        assert_eq!(decode(event), event.as_bytes());
        let text = "denied: client with IP '20.1.2.3' is not allowed access";
        assert_eq!(decode(text), text.as_bytes());
        // Base64 of bytes that are no text is no message in base64.
        assert_eq!(decode("/w=="), b"/w==");
        assert_eq!(decode(""), b"");
    }

    #[test]
    fn settled_messages_survive_the_cursor_and_are_bounded() {
        let mut settled = Settled::default();
        settled.add("a");
        settled.add("b");
        let mut read = Settled::parse(&settled.cursor());
        assert_eq!(read, settled);
        read.remove("a");
        assert!(!read.has("a") && read.has("b"));
        assert_eq!(Settled::parse("no cursor of ours"), Settled::default());
        for number in 0..1000 {
            read.add(&number.to_string());
        }
        assert!(read.has("999") && !read.has("b"));
        assert_eq!(
            read.cursor().split(' ').count(),
            MOST_SETTLED,
            "the ledger's entry stays small"
        );
    }
}
