//! Undoes the escapes that logs, shells and encoders lay over a message, to any depth met in the field.
//!
//! Escapes come first: `\u002720.1.2.3` read raw holds `720.1.2.3`, which nobody sent from.

use crate::intake::work::WorkBudget;
use std::borrow::Cow;

/// How often the text is gone over. A run of backslashes, of `%25` or of `&amp;` is undone in one
/// round however long it is, so that each round is one *kind* of escape laid over another.
const ROUNDS: usize = 16;

/// How many steps a place takes that looks like an escape: what any of them may look ahead, but for
/// runs, which are undone whole.
const PLACE: usize = 10;

/// The most digits of `\u{…}`.
const BRACED: usize = 6;

/// The text as its author meant it: escapes undone, colours and invisible characters dropped, line
/// ends `\n`, typographic quotes plain.
pub(in crate::intake::extract) fn clean<'t>(raw: &'t str, work: &WorkBudget) -> Cow<'t, str> {
    let mut text = service_messages(raw);
    work.charge(raw.len());
    for _ in 0..ROUNDS {
        match round(&text, work) {
            Some(next) => text = Cow::Owned(next),
            None => break,
        }
    }
    work.charge(text.len());
    match crate::intake::extract::text::normalize::tidy(&text, work) {
        Some(tidied) => Cow::Owned(tidied),
        None => text,
    }
}

/// The text without the escapes of `TeamCity`'s service messages: `|'`, `|n`, `||`
/// (<https://www.jetbrains.com/help/teamcity/service-messages.html>).
fn service_messages(text: &str) -> Cow<'_, str> {
    const BEGINS: &str = "##teamcity[";
    if memchr::memmem::find(text.as_bytes(), BEGINS.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let escapes = line.contains(BEGINS);
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('|').filter(|_| escapes) {
            out.push_str(before);
            let undone = match after.chars().next() {
                Some('n' | 'r') => '\n',
                Some(kept @ ('\'' | '|' | '[' | ']')) => kept,
                _ => {
                    out.push('|');
                    rest = after;
                    continue;
                }
            };
            out.push(undone);
            rest = after.get(1..).unwrap_or_default();
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

/// One round over the text; `None` if there was nothing to undo.
fn round(text: &str, work: &WorkBudget) -> Option<String> {
    if !work.charge(text.len()) {
        return None;
    }
    if !may_be_escaped(text) {
        return None;
    }
    let mut out = String::new();
    let mut rest = text;
    let mut changed = false;
    let marks = |byte: u8| matches!(byte, b'\\' | b'%' | b'&' | b'#' | b'u');
    while let Some(at) = rest.bytes().position(marks) {
        let (before, special) = rest.split_at(at);
        out.push_str(before);
        work.charge(PLACE);
        let (step, after) = undo(special);
        rest = after;
        match step {
            Step::Keep(kept) => out.push_str(kept),
            Step::Char(undone) => {
                changed = true;
                out.push(undone);
            }
        }
    }
    changed.then(|| {
        out.push_str(rest);
        out
    })
}

/// Whether anything in a text can be an escape.
fn may_be_escaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr3(b'\\', b'%', b'&', bytes).is_some()
        || memchr::memchr(b'#', bytes).is_some()
        || memchr::memmem::find(bytes, b"u002").is_some()
}

/// What became of one place that looked like an escape.
enum Step<'t> {
    /// No escape: these characters stand for themselves.
    Keep(&'t str),
    /// An escape for this character.
    Char(char),
}

/// Reads the escape that `special` starts with; returns what it stands for and what follows it.
fn undo(special: &str) -> (Step<'_>, &str) {
    let found = match special.as_bytes().first() {
        Some(b'\\') => return backslashes(special),
        Some(b'%') => percent(special),
        Some(b'&') => entity(special),
        Some(b'#') => syslog(special),
        // A shipper that dropped the backslash of an escaped quote.
        _ => special
            .strip_prefix("u0027")
            .map(|rest| ('\'', rest))
            .or_else(|| special.strip_prefix("u0022").map(|rest| ('"', rest))),
    };
    match found {
        Some((undone, rest)) => (Step::Char(undone), rest),
        None => keep(special, 1),
    }
}

fn keep(text: &str, length: usize) -> (Step<'_>, &str) {
    let (kept, rest) = text.split_at_checked(length).unwrap_or((text, ""));
    (Step::Keep(kept), rest)
}

/// A run of backslashes and what it escapes. The run's length says how often it was escaped, which
/// is of no interest.
fn backslashes(special: &str) -> (Step<'_>, &str) {
    let after = special.trim_start_matches('\\');
    if let Some((undone, rest)) = escaped(after) {
        return (Step::Char(undone), rest);
    }
    match special.len().saturating_sub(after.len()) {
        1 => keep(special, 1),
        _ => (Step::Char('\\'), after),
    }
}

/// What a backslash before `after` escapes: JSON's, C's, Python's, Go's and Markdown's forms.
fn escaped(after: &str) -> Option<(char, &str)> {
    let mut characters = after.chars();
    let kind = characters.next()?;
    let rest = characters.as_str();
    match kind {
        'u' => rest
            .strip_prefix('{')
            .and_then(braced)
            .or_else(|| fixed_hex(rest, 4)),
        'U' => fixed_hex(rest, 8),
        'x' => fixed_hex(rest, 2),
        'n' | 'r' => Some(('\n', rest)),
        't' => Some(('\t', rest)),
        'e' if rest.starts_with('[') => Some(('\u{1b}', rest)),
        '0'..='3' => {
            let (digits, rest) = after.split_at_checked(3)?;
            let all = digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
            let code = u32::from_str_radix(digits, 8).ok().filter(|_| all)?;
            Some((char::from_u32(code)?, rest))
        }
        _ if kind.is_ascii_punctuation() => Some((kind, rest)),
        _ => None,
    }
}

/// `\u{27}`: what is after the bracket.
fn braced(text: &str) -> Option<(char, &str)> {
    let mut bytes = text.bytes().take(BRACED.saturating_add(1));
    let end = bytes.position(|byte| byte == b'}')?;
    let (digits, rest) = text.split_at_checked(end)?;
    Some((hex(digits, 1..=BRACED)?, rest.strip_prefix('}')?))
}

fn fixed_hex(text: &str, digits: usize) -> Option<(char, &str)> {
    let (digits, rest) = text.split_at_checked(digits)?;
    Some((hex(digits, 1..=8)?, rest))
}

/// A character by its hexadecimal number. Half a surrogate pair stands for the replacement character.
fn hex(digits: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<char> {
    if !lengths.contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, 16).ok()?;
    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// `%27`, `%2527`, `%E2%80%99`.
fn percent(special: &str) -> Option<(char, &str)> {
    let mut after = special.strip_prefix('%')?;
    while let Some(deeper) = after.strip_prefix("25")
        && percent_byte(deeper).is_some()
    {
        after = deeper;
    }
    let (first, mut rest) = percent_byte(after)?;
    if first.is_ascii() {
        let printable = !first.is_ascii_control() || matches!(first, b'\n' | b'\r' | b'\t' | 0x1b);
        return printable.then_some((char::from(first), rest));
    }
    let mut bytes = vec![first];
    while bytes.len() < 4 {
        if let Ok(text) = std::str::from_utf8(&bytes) {
            return text.chars().next().map(|undone| (undone, rest));
        }
        let (next, after) = percent_byte(rest.strip_prefix('%')?)?;
        bytes.push(next);
        rest = after;
    }
    let undone = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some((undone, rest))
}

fn percent_byte(after: &str) -> Option<(u8, &str)> {
    let (digits, rest) = after.split_at_checked(2)?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| all)?;
    Some((byte, rest))
}

/// `&#39;`, `&#x27;`, `&quot;`, `&amp;#39;`.
fn entity(special: &str) -> Option<(char, &str)> {
    let mut after = special.strip_prefix('&')?;
    while let Some(deeper) = after.strip_prefix("amp;") {
        if !deeper.starts_with('#') && named(deeper).is_none() && !deeper.starts_with("amp;") {
            return Some(('&', deeper));
        }
        after = deeper;
    }
    let Some(number) = after.strip_prefix('#') else {
        return named(after);
    };
    let end = number.bytes().take(9).position(|byte| byte == b';')?;
    let (digits, rest) = number.split_at_checked(end)?;
    let undone = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => hex(digits, 1..=6)?,
        None if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            char::from_u32(digits.parse().ok()?)?
        }
        None => return None,
    };
    Some((undone, rest.strip_prefix(';')?))
}

fn named(after: &str) -> Option<(char, &str)> {
    const NAMES: &[(&str, char)] = &[
        ("quot;", '"'),
        ("apos;", '\''),
        ("lt;", '<'),
        ("gt;", '>'),
        ("nbsp;", ' '),
        ("lsquo;", '\''),
        ("rsquo;", '\''),
        ("ldquo;", '"'),
        ("rdquo;", '"'),
        ("hellip;", '…'),
        ("period;", '.'),
        ("colon;", ':'),
        ("sol;", '/'),
        ("grave;", '`'),
        ("NewLine;", '\n'),
        ("Tab;", '\t'),
    ];
    NAMES
        .iter()
        .find_map(|&(name, undone)| Some((undone, after.strip_prefix(name)?)))
}

/// Control characters as syslog daemons write them: `#012` is a line end.
fn syslog(special: &str) -> Option<(char, &str)> {
    const CONTROLS: &[(&str, char)] = &[
        ("#011", '\t'),
        ("#012", '\n'),
        ("#015", '\n'),
        ("#033", '\u{1b}'),
    ];
    CONTROLS
        .iter()
        .find_map(|&(code, undone)| Some((undone, special.strip_prefix(code)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cleaned(raw: &str) -> String {
        clean(raw, &WorkBudget::unlimited()).into_owned()
    }

    #[test]
    fn service_messages_are_unescaped_on_their_own_lines() {
        assert_eq!(
            cleaned("##teamcity[message text='IP |'20.1.2.3|' is|n|[x|] a||b |x']\na |'b"),
            "##teamcity[message text='IP '20.1.2.3' is\n[x] a|b |x']\na |'b"
        );
    }

    #[test]
    fn every_escape_of_a_quote_is_undone() {
        for escaped in [
            r"\u0027",
            r"\\u0027",
            r"\\\\\\\\u0027",
            r"\x27",
            r"\047",
            "&#39;",
            "&#x27;",
            "&#039;",
            "&apos;",
            "&amp;#39;",
            "&amp;amp;#39;",
            r"\u0026#39;",
            "%27",
            "%2527",
            "%252527",
            "%E2%80%99",
            "\u{2019}",
            "&rsquo;",
            r"\u2019",
            r"\'",
            r"\\\'",
            "u0027",
            r"\u{27}",
            r"%5Cu0027",
            r"\u00e2\u20ac\u2122",
        ] {
            assert_eq!(
                cleaned(&format!("IP {escaped}20.1.2.3{escaped} is")),
                "IP '20.1.2.3' is",
                "{escaped}"
            );
        }
    }

    #[test]
    fn line_ends_and_colours_are_undone() {
        assert_eq!(cleaned(r"one\\r\\ntwo"), "one\n\ntwo");
        assert_eq!(
            cleaned("one\r\ntwo\rthree#012four"),
            "one\ntwo\nthree\nfour"
        );
        assert_eq!(cleaned("\u{1b}[1;31mred\u{1b}[0m"), "red");
        assert_eq!(cleaned(r"\u001b[31mred\033[0m \e[1mbold\e[m"), "red bold");
        assert_eq!(cleaned("[31mred[0m"), "red");
        assert_eq!(
            cleaned("\u{1b}]8;;https://a.example\u{7}link\u{1b}]8;;\u{1b}\\"),
            "link"
        );
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            r"C:\agent\work",
            "100% of 5%",
            "a & b",
            "issue #12",
            "?a=1&service=x",
            "under",
        ] {
            assert_eq!(cleaned(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_cleaned(text: String) {
            cleaned(&text);
        }

        #[test]
        fn any_tangle_of_escapes_can_be_cleaned(text in r"([\\%&#;u0-9a-fx'\[\x1b\]]|amp|25|\\n){0,60}") {
            cleaned(&text);
        }
    }
}
