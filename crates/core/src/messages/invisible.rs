//! Characters that a terminal or an editor acts on, or does not show: whoever writes them into a
//! delivery could make a line of output say something else.

use std::fmt::Write;

/// Whether `letter` is a control character, turns the direction of writing, or cannot be seen.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with each of them as `\uXXXX`, as JSON writes it. Line breaks too: for text in one line, and
/// for JSON, where such a character stands in strings only.
pub fn escaped(text: &str) -> String {
    escaped_but(text, |_| false)
}

/// The same, line breaks apart: for JSON in many lines.
pub fn escaped_lines(text: &str) -> String {
    escaped_but(text, |letter| letter == '\n')
}

fn escaped_but(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        if !is_hidden(letter) || kept(letter) {
            clean.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a text does not fail.
            write!(clean, "\\u{unit:04x}").ok();
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn controls_and_marks_of_direction_are_escaped_and_letters_are_not() {
        for (text, expected) in [
            ("Grüße, 世界 🚪", "Grüße, 世界 🚪"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("\u{9b}2J\u{85}\u{7f}", "\\u009b2J\\u0085\\u007f"),
            ("a\u{202e}b\u{2066}c\u{200f}", "a\\u202eb\\u2066c\\u200f"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("a\nb", "a\\u000ab"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!(escaped_lines("a\nb\u{9b}"), "a\nb\\u009b");
    }

    proptest! {
        #[test]
        fn escaped_json_says_the_same(text in ".*") {
            let written = escaped(&serde_json::to_string(&text).unwrap());
            prop_assert!(!written.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
