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

use super::reports::Reports;
use super::row;
use super::row::Piece;
use super::{Dimensions, Head, format_of, is_diagnostic, read_record, records};
use crate::intake::document::Value;
use crate::intake::extract::candidates;
use crate::intake::extract::candidates::Class;
use crate::intake::extract::may_hold_denial;
use crate::intake::report::Format;
use crate::intake::work::WorkBudget;
use serde::de::IgnoredAny;
use std::ops::Range;
use std::rc::Rc;

/// How often a record is gone over in which something was hit.
const PIECE: usize = 6;

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
    work: &Rc<WorkBudget>,
    body: &[u8],
) -> Option<(Format, Reports)> {
    let media_type = &head.media_type();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if head.event_type.is_some()
        || !head.cloud_event.is_empty()
        || !records::is_json(media_type, body)
    {
        return None;
    }
    let (shape, text) = batch(body.trim_ascii())?;
    work.charge(text.len().saturating_mul(2));
    let found = candidates::hits(text)?;
    let pieces = pieces(shape, text, &found.closings)?;
    // Text that is no UTF-8 is told of, wherever it stands.
    let text = std::str::from_utf8(text).ok()?;
    let first: Value<'_> = serde_json::from_str(text.get(pieces.first()?.clone())?).ok()?;
    let format = format_of(head, Some(&first), shape == Shape::Envelope);
    if format != Format::Diagnostic || !is_diagnostic(&first) {
        return None;
    }
    let last = text.get(pieces.last()?.clone())?;
    let whole = pieces.len() == 1 || serde_json::from_str::<IgnoredAny>(last).is_ok();
    if !last.starts_with('{') || !whole {
        return None;
    }
    let documents = |(_, class): &(usize, Class)| *class == Class::Document;
    let mut reports = Reports::begin(dimensions, found.places.iter().any(documents), work);
    reports.records(pieces.len());
    let mut hits = found.places.as_slice();
    for (index, piece) in pieces.iter().enumerate() {
        if hits.first().is_none_or(|(at, _)| *at >= piece.end) {
            continue;
        }
        let count = hits.iter().take_while(|(at, _)| *at < piece.end).count();
        let (within, after) = hits.split_at_checked(count)?;
        hits = after;
        let piece = Piece {
            text: text.get(piece.clone())?,
            from: piece.start,
            hits: within,
        };
        record(format, (index.saturating_add(1), &piece), &mut reports)?;
    }
    Some((format, reports))
}

/// Reads a record in which something was hit as far as it has to be.
fn record(
    format: Format,
    (number, piece): (usize, &Piece<'_>),
    reports: &mut Reports,
) -> Option<()> {
    if !reports.charge(piece.text.len().saturating_mul(PIECE)) {
        return Some(());
    }
    if row::read(piece, reports).is_some() {
        return Some(());
    }
    let parse = piece.is_hit(Class::Document) || piece.is_hit(Class::Bracket);
    if !parse && !may_hold_denial(piece.text.as_bytes()) {
        return Some(());
    }
    let value: Value<'_> = serde_json::from_str(piece.text).ok()?;
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
fn pieces(shape: Shape, text: &[u8], closings: &[usize]) -> Option<Vec<Range<usize>>> {
    let seams: &[&[u8]] = match shape {
        Shape::Lines => &[b"\n{\"", b"\r\n{\""],
        Shape::Envelope | Shape::Array => &[b",{\"", b",\n{\"", b", {\"", b",\r\n{\""],
    };
    let mut pieces = Vec::with_capacity(closings.len().saturating_add(1));
    let mut from = 0;
    for closing in closings {
        let end = closing.checked_add(1)?;
        let after = text.get(end..)?;
        if !matches!(after.first(), Some(b',' | b'\n' | b'\r')) {
            continue;
        }
        let seam = seams.iter().find(|seam| after.starts_with(seam));
        let Some(seam) = seam else { continue };
        if after.get(seam.len()).is_some_and(u8::is_ascii_alphabetic) {
            pieces.push(from..end);
            from = end.checked_add(seam.len())?.checked_sub(2)?;
        }
    }
    pieces.push(from..text.len());
    Some(pieces)
}
