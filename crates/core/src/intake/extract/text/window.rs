//! Bounded looks at a text, cut at characters.

/// At most the first `length` bytes of `text`.
pub(in crate::intake::extract) fn first(text: &str, length: usize) -> &str {
    let end = text.floor_char_boundary(length);
    text.get(..end).unwrap_or(text)
}

/// At most the last `length` bytes of `text`.
pub(in crate::intake::extract) fn last(text: &str, length: usize) -> &str {
    let start = text.ceil_char_boundary(text.len().saturating_sub(length));
    text.get(start..).unwrap_or(text)
}

/// What stands between two places, at most the last `length` bytes of it.
pub(in crate::intake::extract) fn between(
    text: &str,
    from: usize,
    to: usize,
    length: usize,
) -> &str {
    last(text.get(from..to).unwrap_or_default(), length)
}
