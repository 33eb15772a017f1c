//! The lines that messages stand on, all found in one go.

use crate::intake::extract::message::phrase::Phrase;

/// The line of a message, as far as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::intake::extract) struct Line {
    pub from: usize,
    pub to: usize,
}

/// How much of a line is looked at, before a message and after it.
pub(in crate::intake::extract) const LINE: usize = 8192;

/// The line of each of these messages, which stand in order; records of one JSON array are lines of
/// their own.
pub(in crate::intake::extract) fn of(text: &str, phrases: &[Phrase]) -> Vec<Line> {
    let mut lines = Vec::with_capacity(phrases.len());
    let mut ends = ends(text).peekable();
    let mut before: Option<usize> = None;
    for phrase in phrases {
        while let Some((at, end)) = ends.peek().copied()
            && end <= phrase.start
        {
            before = Some(at);
            ends.next();
        }
        let earliest = text.ceil_char_boundary(phrase.start.saturating_sub(LINE));
        let from = before.unwrap_or_default().max(earliest);
        lines.push(Line { from, to: from });
    }
    // Ends may stand in a message that goes over several lines: from its end on, they are new ones.
    let mut ends = self::ends(text).peekable();
    for (line, phrase) in lines.iter_mut().zip(phrases) {
        while ends.peek().is_some_and(|(at, _)| *at < phrase.end) {
            ends.next();
        }
        let latest = text.floor_char_boundary(phrase.end.saturating_add(LINE));
        line.to = match ends.peek() {
            Some((at, end)) if *end <= latest => *at,
            Some(_) | None => latest,
        };
    }
    lines
}

/// Where lines end, from and to: a line end, or what parts the objects of an array.
fn ends(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'\n', b'{', bytes).filter_map(move |at| {
        let end = at.saturating_add(1);
        if bytes.get(at) == Some(&b'\n') {
            return Some((at, end));
        }
        let before = bytes.get(..at)?;
        let seam = [b"},".as_slice(), b"}, "]
            .into_iter()
            .find(|seam| before.ends_with(seam))?;
        Some((at.checked_sub(seam.len())?, end))
    })
}
