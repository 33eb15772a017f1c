//! Reads the address that a message names, strictly: no leading zeros, no octet over 255, nothing masked.

use crate::intake::extract::text::line_breaks::Cursor;
use std::net::{IpAddr, SocketAddr};

/// What stands where the address belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::intake::extract) enum Address {
    /// An address.
    Ip(IpAddr),
    /// A mask, a placeholder, or nothing.
    Hidden,
}

impl Address {
    /// The address, if it can be seen.
    pub(in crate::intake::extract) fn seen(self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(ip),
            Self::Hidden => None,
        }
    }
}

/// How many quotes and brackets may stand around an address, and how long a mask may be.
const WRAPPERS: usize = 12;
const LENGTH: usize = 64;

/// How many wraps may fall in an address or a mask.
const WRAPS: usize = 8;

/// Reads the address at the cursor and the quotes or brackets around it, if any.
/// `None`: neither an address nor a mask ends there.
pub(in crate::intake::extract) fn read(cursor: &mut Cursor<'_>) -> Option<Address> {
    read_with_end(cursor).map(|(address, _)| address)
}

/// The same, and whether its end is seen: the quote or bracket before it is closed behind it. An address
/// that stands bare at a cut may go on.
pub(in crate::intake::extract) fn read_with_end(
    cursor: &mut Cursor<'_>,
) -> Option<(Address, bool)> {
    cursor.gap(|next| opens(next) || next.is_ascii_digit());
    let mut opener = None;
    for _ in 0..WRAPPERS {
        // Markup between the quotes is none of them.
        cursor.blanks();
        match cursor.one_across(opens) {
            Some(next) => opener = Some(next),
            None => break,
        }
    }
    let quoted = opener.is_some();
    cursor.blanks();
    if !quoted && says_none(*cursor) {
        return None;
    }
    let content = content(cursor, quoted);
    let ip = parse(&content);
    let mut closed = *cursor;
    closed.gap(closes);
    let mark = closed.one(closes);
    let is_closed = opener
        .zip(mark)
        .is_some_and(|(one, other)| pairs(one, other));
    let ends = match mark {
        Some(_) => true,
        None => {
            !quoted
                && !closed
                    .rest()
                    .starts_with(|next: char| next.is_ascii_alphanumeric())
                || separated(cursor)
        }
    };
    match ip {
        Some(ip) if ends => {
            close(cursor);
            Some((Address::Ip(ip), is_closed))
        }
        _ => Some((hidden(cursor, quoted)?, true)),
    }
}

/// Whether a quote or bracket is closed by another.
fn pairs(opener: char, closer: char) -> bool {
    let other = match opener {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        '«' => '»',
        '‹' => '›',
        same => same,
    };
    other == closer
}

/// Whether the sentence goes on without any address or sign of one: people write so about denials.
fn says_none(mut next: Cursor<'_>) -> bool {
    next.letters("is") && next.rest().starts_with(char::is_whitespace)
}

/// Whether a blank, a line end or markup follows, as it does an address without quotes.
fn separated(cursor: &Cursor<'_>) -> bool {
    let rest = cursor.rest();
    rest.starts_with(char::is_whitespace) || rest.starts_with(['`', '*', '_', '<', '+'])
}

fn content(cursor: &mut Cursor<'_>, quoted: bool) -> String {
    let mut content = String::new();
    let mut wraps: usize = 0;
    while content.len() < LENGTH {
        let colons = content.contains(':');
        let next = cursor
            .one(|next| next.is_ascii_hexdigit() || matches!(next, '.' | ':'))
            .or_else(|| {
                // An unquoted IPv6 address and a word of hexadecimal letters could not be told apart.
                let joins = |next: char| {
                    next.is_ascii_digit()
                        || next == '.'
                        || (colons && (next.is_ascii_hexdigit() || next == ':'))
                };
                let at_line_end = cursor.rest().starts_with(['\n', ' ', '│', '|', '\\', '=']);
                let may_go_on = quoted || (!content.is_empty() && !colons);
                wraps = wraps.saturating_add(usize::from(at_line_end));
                (at_line_end && may_go_on && wraps <= WRAPS)
                    .then(|| wrapped(cursor, joins))
                    .flatten()
            });
        match next {
            Some(next) => content.push(next),
            None => break,
        }
    }
    content
}

fn wrapped(cursor: &mut Cursor<'_>, joins: impl Fn(char) -> bool) -> Option<char> {
    let mut ahead = *cursor;
    let next = ahead.one_across(|next| joins(next) || closes(next))?;
    let goes_on = joins(next);
    if goes_on {
        *cursor = ahead;
    }
    goes_on.then_some(next)
}

/// An address as a client or a record writes it: IPv4 or IPv6, a port aside.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|inside| inside.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|ip| ip.to_canonical())
}

fn opens(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | '(' | '[' | '{' | '<' | '«' | '‹')
}

fn closes(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | ')' | ']' | '}' | '>' | '»' | '›')
}

/// Skips what closes the address, and the target of a link that an editor made of it.
fn close(cursor: &mut Cursor<'_>) {
    cursor.blanks();
    cursor.gap(closes);
    let mut bracket = false;
    for _ in 0..WRAPPERS {
        match cursor.one_across(|next| closes(next) || next == '"') {
            Some(closer) => bracket = closer == ']',
            None => break,
        }
    }
    if bracket && cursor.rest().starts_with('(') {
        let mut ahead = *cursor;
        for _ in 0..LENGTH {
            match ahead.one(|next| next != '\n') {
                Some(')') => {
                    *cursor = ahead;
                    close_once(cursor);
                    return;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}

fn close_once(cursor: &mut Cursor<'_>) {
    for _ in 0..WRAPPERS {
        if cursor.one(closes).is_none() {
            return;
        }
    }
}

/// Skips a mask or placeholder: up to the closing quote, or up to the verb.
fn hidden(cursor: &mut Cursor<'_>, quoted: bool) -> Option<Address> {
    let mut wraps: usize = 0;
    for _ in 0..LENGTH {
        if cursor.at_gap() || cursor.rest().starts_with(['i', 'I']) {
            let mut verb = *cursor;
            if verb.word("is") && verb.word("not") {
                return Some(Address::Hidden);
            }
        }
        if quoted && cursor.rest().starts_with(closes) {
            close(cursor);
            return Some(Address::Hidden);
        }
        let before = cursor.at();
        cursor.one_across(|next| next != '\n')?;
        let wrapped = cursor.at().saturating_sub(before) > char::MAX_LEN_UTF8;
        wraps = wraps.saturating_add(usize::from(wrapped));
        if wraps > WRAPS {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::extract::text::page::Page;
    use crate::intake::work::WorkBudget;

    fn read_in(text: &str) -> Option<Address> {
        let work = WorkBudget::unlimited();
        read(&mut Cursor::new(&Page::new(text, &work), 0))
    }

    #[track_caller]
    fn seen(text: &str, ip: &str) {
        assert_eq!(
            read_in(text),
            Some(Address::Ip(ip.parse().unwrap())),
            "{text}"
        );
    }

    #[test]
    fn addresses_are_read_in_any_quotes() {
        for text in [
            "'20.1.2.3' is",
            "\"20.1.2.3\" is",
            "`20.1.2.3` is",
            "''20.1.2.3'' is",
            "'\"'\"'20.1.2.3'\"'\"' is",
            "20.1.2.3 is",
            "[20.1.2.3] is",
            "(20.1.2.3) is",
            "**20.1.2.3** is",
            "<b>20.1.2.3</b> is",
            "'<b>20.1.2.3</b>' is",
            "[20.1.2.3](http://20.1.2.3) is",
            "' 20.1.2.3 ' is",
            "'20.1.2.3:50122' is",
            "\n    '20.1.2.3' is",
            "'20.1.\n# 2.3' is",
            "'20.1.2.3\n│ ' is",
            "20.1.2.\n3 is",
            "'::ffff:20.1.2.3' is",
        ] {
            seen(text, "20.1.2.3");
        }
        seen("'2603:1030::1' is", "2603:1030::1");
        seen("2603:1030::1 is", "2603:1030::1");
        seen("'2603:1030:\n    :1' is", "2603:1030::1");
    }

    #[test]
    fn masks_and_wrong_octets_are_not_addresses() {
        for text in [
            "'00.00.000.000' is not",
            "'720.1.2.3' is not",
            "'20.1.2.256' is not",
            "'20.01.2.3' is not",
            "'52.xxx. xxx.  xxx ' is not",
            "'xx.xx.x1.x' is not",
            "'<your IP address>' is not",
            "<> is not",
            "... is not",
            "… is not",
            "x.x.x.x is not",
            "'***' is not",
            "'20.1.2.0/24' is not",
            "'20.1.2' is not",
            "'20.1.2.3.4' is not",
            "'20.1.2.3x' is not",
            "{ip} is not",
            "[REDACTED] is not",
        ] {
            assert_eq!(read_in(text), Some(Address::Hidden), "{text}");
        }
        for text in ["'20.1.2.3", "'20.1.", "", "is not", " is not"] {
            assert_eq!(read_in(text), None, "{text}");
        }
    }
}
