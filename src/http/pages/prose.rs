//! A text of the core as markup: what stands between backticks as code, times as `time` elements, all of it
//! escaped, and nothing in it that turns the direction of writing or cannot be seen.

use askama::filters::{Escaper, Html, HtmlSafe};
use doorward_core::messages::invisible;
use doorward_core::messages::wording;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt;

/// How long a time is as people read it, without its zone: `2026-11-22 12:00:00`.
const TIME: usize = 19;
const ZONE: &str = " UTC";

/// A text that renders itself as markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Prose(String);

impl Prose {
    /// Of any text, hostile ones too.
    pub(in crate::http) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether there is nothing to read.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of a time.
    pub(in crate::http) fn time(at: Timestamp) -> Self {
        Self(wording::time(at))
    }
}

impl HtmlSafe for Prose {}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = [false, true].into_iter().cycle();
        for (is_code, piece) in code.zip(self.0.split('`')) {
            if is_code {
                f.write_str("<code>")?;
                escaped(f, piece)?;
                f.write_str("</code>")?;
            } else {
                with_times(f, piece)?;
            }
        }
        Ok(())
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    Html.write_escaped_str(f, &invisible::escaped_lines(text))
}

fn with_times(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some((before, at, after)) = next_time(rest) {
        escaped(f, before)?;
        let said = wording::time(at);
        write!(f, "<time datetime=\"{at}\">{said}</time>")?;
        rest = after;
    }
    escaped(f, rest)
}

/// The first time in a text, with what stands before and after it.
fn next_time(text: &str) -> Option<(&str, Timestamp, &str)> {
    text.match_indices(ZONE).find_map(|(end, _)| {
        let start = end.checked_sub(TIME)?;
        let civil: DateTime = text.get(start..end)?.parse().ok()?;
        let at = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let after = end.saturating_add(ZONE.len());
        Some((text.get(..start)?, at, text.get(after..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(text: &str) -> String {
        Prose::new(text).to_string()
    }

    #[test]
    fn prose_marks_code_and_times_up() {
        assert_eq!(
            said("`a<b` since 2026-11-22 12:00:00 UTC & on"),
            "<code>a&#60;b</code> since <time datetime=\"2026-11-22T12:00:00Z\">2026-11-22 12:00:00 UTC</time> &#38; on"
        );
        assert_eq!(
            said("é UTC 2026-99-22 12:00:00 UTC"),
            "é UTC 2026-99-22 12:00:00 UTC"
        );
    }

    #[test]
    fn prose_shows_what_turns_the_direction_of_writing() {
        assert_eq!(said("a\u{202e}b"), "a\\u202eb");
    }

    proptest! {
        #[test]
        fn prose_lets_no_markup_of_a_text_through(text in ".*") {
            let shown = said(&text);
            let own = regex::Regex::new("</?code>|<time datetime=\"[0-9TZ:.-]+\">|</time>").unwrap();
            let rest = own.replace_all(&shown, "");
            prop_assert!(!rest.contains(['<', '>', '"', '\'']), "{}", rest);
        }
    }
}
