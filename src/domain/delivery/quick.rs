//! Reads only those records of a batch that may report something.
//!
//! Most diagnostic records are answers with status 200, and a batch of them is parsed at a fiftieth
//! of the speed at which it can be seen to hold nothing. What is given up for that: a record in which
//! nothing of interest stands is counted and not parsed, so that it is not told if it is broken. The
//! first and the last record are always parsed, so that a body that is cut off, or no batch at all,
//! is answered as ever.
//!
//! Why a record's bounds are certain without parsing what is before it: in JSON, `},{"` and `}\n{"`
//! before a letter stand in no string, because the quote would have to be escaped; so they part the
//! objects of an array, or documents. They part objects of an array inside a record only if its `[`
//! stands in the piece that they end, which is then no whole object; every piece with a `[` is
//! parsed, and if one is no whole object, nothing of this applies.

use super::reports::{Context, Reports};
use super::row;
use super::{Dimensions, Head, format_of, is_diagnostic, read_record, records};
use crate::domain::event::Format;
use crate::domain::extract::scan::{self, Hits};
use crate::domain::extract::{may_hold_denial, may_hold_more_than_a_status};
use memchr::memmem;
use serde_json::Value;
use std::ops::Range;

/// How a batch is put together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{"records":[…]}`
    Envelope,
    /// `[…]`
    Array,
    /// One document, or one on each line.
    Lines,
}

/// The delivery's format and reports, if it can be read this way; `None` if it has to be read whole.
pub(super) fn read(
    (head, dimensions): (&Head, &Dimensions),
    media_type: &str,
    body: &[u8],
) -> Option<(Format, Reports)> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if head.event_type.is_some()
        || !head.cloud_event.is_empty()
        || !records::is_json(media_type, body)
    {
        return None;
    }
    let (shape, text) = batch(body.trim_ascii())?;
    let pieces = pieces(shape, text)?;
    let first: Value = whole(text, pieces.first()?)?;
    let format = format_of(head, Some(&first), shape == Shape::Envelope);
    if format != Format::Diagnostic || !is_diagnostic(&first) {
        return None;
    }
    whole(text, pieces.last()?)?;
    let hits = scan::hits(text)?;
    // Text that is no UTF-8 is told of, wherever it stands.
    if !text.is_ascii() {
        std::str::from_utf8(text).ok()?;
    }
    let mut reports = Reports::begin(dimensions, !hits.documents.is_empty());
    reports.records(pieces.len());
    let mut hits = InPieces::of(&hits);
    for (index, piece) in pieces.iter().enumerate() {
        let number = index.saturating_add(1);
        let hit = hits.within(piece);
        record(
            format,
            (number, text.get(piece.clone())?),
            &hit,
            &mut reports,
        )?;
    }
    Some((format, reports))
}

/// Reads a record as far as it has to be.
fn record(
    format: Format,
    (number, raw): (usize, &[u8]),
    hit: &Hit<'_>,
    reports: &mut Reports,
) -> Option<()> {
    let must = !hit.documents.is_empty();
    if !must && hit.statuses.is_empty() && (hit.words.is_empty() || !may_hold_denial(raw)) {
        return Some(());
    }
    let plain = !must && (hit.words.is_empty() || !may_hold_more_than_a_status(raw));
    if plain && let Some(read) = row::read(raw) {
        if let Some((denial, about)) = read {
            reports.row(denial, about, &Context::default());
        }
        return Some(());
    }
    let value: Value = serde_json::from_slice(raw).ok()?;
    if value.is_object() {
        read_record(format, (number, &value), reports);
        Some(())
    } else {
        None
    }
}

/// Which batch this is, and its records' text without what is around all of them.
pub(super) fn batch(body: &[u8]) -> Option<(Shape, &[u8])> {
    if let Some(rest) = body.strip_prefix(b"[") {
        let text = rest.trim_ascii().strip_suffix(b"]")?;
        return Some((Shape::Array, text.trim_ascii()));
    }
    let inside = body.strip_prefix(b"{")?.trim_ascii_start();
    let Some(rest) = inside.strip_prefix(b"\"records\"") else {
        return Some((Shape::Lines, body));
    };
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"[")?;
    let text = rest.strip_suffix(b"}")?.trim_ascii_end();
    Some((Shape::Envelope, text.strip_suffix(b"]")?.trim_ascii()))
}

/// The places of the records in the batch's text. Those that white space parts otherwise than is
/// usual stay together, are no whole object then, and the batch is read as a whole.
fn pieces(shape: Shape, text: &[u8]) -> Option<Vec<Range<usize>>> {
    let seams: &[&[u8]] = match shape {
        Shape::Lines => &[b"}\n{\"", b"}\r\n{\""],
        Shape::Envelope | Shape::Array => &[b"},{\"", b"},\n{\"", b"}, {\"", b"},\r\n{\""],
    };
    let found = |seam: &&[u8]| memmem::find_iter(text, seam).next().is_some();
    let seam = seams.iter().copied().find(found).unwrap_or(b"},{\"");
    let finder = memmem::Finder::new(seam);
    let mut pieces = Vec::new();
    let mut from = 0;
    for at in finder.find_iter(text) {
        let next = at.checked_add(seam.len())?;
        if text.get(next).is_some_and(u8::is_ascii_alphabetic) {
            pieces.push(from..at.checked_add(1)?);
            from = next.checked_sub(2)?;
        }
    }
    pieces.push(from..text.len());
    Some(pieces)
}

fn whole(text: &[u8], piece: &Range<usize>) -> Option<Value> {
    let value: Value = serde_json::from_slice(text.get(piece.clone())?).ok()?;
    value.is_object().then_some(value)
}

/// The hits within one piece.
struct Hit<'h> {
    words: &'h [usize],
    statuses: &'h [usize],
    documents: &'h [usize],
}

/// Hits, handed out piece by piece.
struct InPieces<'h> {
    left: Hit<'h>,
}

impl<'h> InPieces<'h> {
    fn of(hits: &'h Hits) -> Self {
        Self {
            left: Hit {
                words: &hits.words,
                statuses: &hits.statuses,
                documents: &hits.documents,
            },
        }
    }

    /// Those in the next piece, or before it.
    fn within(&mut self, piece: &Range<usize>) -> Hit<'h> {
        let take = |list: &mut &'h [usize]| {
            let count = list.iter().take_while(|at| **at < piece.end).count();
            let (taken, left) = list.split_at_checked(count).unwrap_or((&[], list));
            *list = left;
            taken
        };
        Hit {
            words: take(&mut self.left.words),
            statuses: take(&mut self.left.statuses),
            documents: take(&mut self.left.documents),
        }
    }
}
