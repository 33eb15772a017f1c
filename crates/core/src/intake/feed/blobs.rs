//! Archived diagnostic logs: one append blob an hour, a JSON record a line
//! (<https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs#send-to-azure-storage>).

use crate::ledger::event::Denied;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt;

/// How much of a blob is read at once, in bytes.
pub const CHUNK: u64 = 4 << 20;

/// How long after its last append a blob may grow again. Azure begins a new one each hour.
const LIVES_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How long a line may stand without its end before it is believed to stay so.
const FINISHED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// How many blobs' sizes are remembered.
const MOST_BLOBS: usize = 2_000;

/// A blob as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was last written to, by the account's clock.
    pub modified: Timestamp,
}

/// How far each blob was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Blobs that were last written to before are not read.
    floor: Timestamp,
    /// The next byte of each blob, by a hash of its name.
    next: BTreeMap<u64, u64>,
}

impl Progress {
    /// Reads what was written since.
    pub fn since(floor: Timestamp) -> Self {
        let next = BTreeMap::new();
        Self { floor, next }
    }

    /// Reads a cursor.
    pub fn parse(cursor: &str) -> Option<Self> {
        let mut words = cursor.split_ascii_whitespace();
        let floor = words.next()?.parse().ok()?;
        let pair = |word: &str| {
            let (name, next) = word.split_once(':')?;
            Some((u64::from_str_radix(name, 16).ok()?, next.parse().ok()?))
        };
        let next: Option<BTreeMap<u64, u64>> = words.map(pair).collect();
        Some(Self { floor, next: next? })
    }

    /// Where reading of a blob goes on, if there is anything new in it.
    pub fn due(&self, blob: &Listed) -> Option<u64> {
        let known = self.next.get(&Denied::fingerprint(&blob.name)).copied();
        let begin = match known {
            // It is another one by the same name.
            Some(next) if next > blob.size => 0,
            Some(next) => next,
            None if blob.modified < self.floor => return None,
            None => 0,
        };
        (begin < blob.size).then_some(begin)
    }

    /// A blob is read up to a byte.
    pub fn read_to(&mut self, blob: &Listed, next: u64) {
        self.next.insert(Denied::fingerprint(&blob.name), next);
    }

    /// Forgets blobs that are not there any more, or not written to any more.
    pub fn tidy(&mut self, all: &[Listed], now: Timestamp) {
        let floor = now.checked_sub(LIVES_FOR).unwrap_or(self.floor);
        self.floor = self.floor.max(floor);
        let mut live: Vec<&Listed> = all
            .iter()
            .filter(|blob| blob.modified >= self.floor || self.due(blob).is_some())
            .collect();
        live.sort_by_key(|blob| std::cmp::Reverse(blob.modified));
        live.truncate(MOST_BLOBS);
        let live: std::collections::BTreeSet<u64> = live
            .iter()
            .map(|blob| Denied::fingerprint(&blob.name))
            .collect();
        self.next.retain(|name, _| live.contains(name));
    }
}

/// The cursor.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.floor)?;
        for (name, next) in &self.next {
            write!(f, " {name:016x}:{next}")?;
        }
        Ok(())
    }
}

/// Whether a line without an end is believed to have none.
pub fn is_finished(blob: &Listed, now: Timestamp) -> bool {
    now.duration_since(blob.modified) > FINISHED_AFTER
}

/// The lines of a piece of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines<'c> {
    /// Each line that is not blank, with where it begins in the piece.
    pub lines: Vec<(usize, &'c [u8])>,
    /// How many bytes are read with them.
    pub read: usize,
}

/// Takes a piece apart. What comes after the last line break may be half a line, the rest of which is yet
/// to be appended: it is read if it is a whole JSON value, or if `all` is to be read.
pub fn lines(piece: &[u8], all: bool) -> Lines<'_> {
    let mut found = Lines {
        lines: Vec::new(),
        read: 0,
    };
    let mut rest = piece;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end);
        found.push(line, end.saturating_add(1));
        rest = after.get(1..).unwrap_or_default();
    }
    let whole = || serde_json::from_slice::<serde::de::IgnoredAny>(rest).is_ok();
    if !rest.is_empty() && (all || (rest.first() == Some(&b'{') && whole())) {
        found.push(rest, rest.len());
    }
    found
}

impl<'c> Lines<'c> {
    fn push(&mut self, line: &'c [u8], read: usize) {
        if !line.trim_ascii().is_empty() {
            self.lines.push((self.read, line));
        }
        self.read = self.read.saturating_add(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn blob(name: &str, size: u64, modified: &str) -> Listed {
        Listed {
            name: name.to_owned(),
            size,
            modified: at(modified),
        }
    }

    #[test]
    fn line_split_across_appends_is_read_once_whole() {
        let first = b"{\"a\": 1}\r\n{\"b\": ";
        let found = lines(first, false);
        assert_eq!(found.lines, [(0, &b"{\"a\": 1}\r"[..])]);
        assert_eq!(found.read, 10);
        let whole = b"{\"b\": 2}\n\n{\"c\": 3}";
        let found = lines(whole, false);
        assert_eq!(
            found.lines,
            [(0, &b"{\"b\": 2}"[..]), (10, &b"{\"c\": 3}"[..])]
        );
        assert_eq!(found.read, whole.len());
        assert_eq!(lines(b"12", false).read, 0);
        assert_eq!(lines(b"{\"half\": ", true).lines.len(), 1);
    }

    #[test]
    fn progress_goes_on_where_it_was_after_the_cursor_was_written() {
        let mut progress = Progress::since(at("2026-11-22T12:00:00Z"));
        let old = blob("old", 10, "2026-11-22T11:59:59Z");
        let new = blob("new", 10, "2026-11-22T12:00:00Z");
        assert_eq!((progress.due(&old), progress.due(&new)), (None, Some(0)));
        progress.read_to(&new, 10);
        let progress = Progress::parse(&progress.to_string()).unwrap();
        assert_eq!(progress.due(&new), None);
        let grown = blob("new", 14, "2026-11-22T12:01:00Z");
        assert_eq!(progress.due(&grown), Some(10));
        let replaced = blob("new", 4, "2026-11-22T12:01:00Z");
        assert_eq!(progress.due(&replaced), Some(0));
        assert_eq!(Progress::parse("2026-11-22T12:00:00Z nonsense"), None);
    }

    #[test]
    fn blob_is_forgotten_once_it_is_old_and_stays_read() {
        let mut progress = Progress::since(at("2026-11-22T12:00:00Z"));
        let read = blob("read", 10, "2026-11-22T12:30:00Z");
        progress.read_to(&read, 10);
        let unread = blob("unread", 10, "2026-11-22T12:30:00Z");
        progress.read_to(&unread, 5);
        progress.tidy(&[read.clone(), unread.clone()], at("2026-11-24T12:00:00Z"));
        assert_eq!(progress.due(&read), None);
        assert_eq!(progress.due(&unread), Some(5));
        assert_eq!(progress.to_string().split(' ').count(), 2);
    }
}
