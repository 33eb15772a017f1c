//! Text for people with code between backticks, and what makes a text from outside harmless in it.

use super::invisible::is_hidden;

/// What stands for a character that must not be shown.
const REPLACEMENT: char = '\u{fffd}';

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span<'a> {
    /// Words.
    Text(&'a str),
    /// A name, an address, a command: shown as it is.
    Code(&'a str),
}

impl<'a> Span<'a> {
    /// What it says.
    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Code(text) => text,
        }
    }
}

/// The pieces of a text. One whose backticks do not pair is words alone.
pub fn spans(text: &str) -> Vec<Span<'_>> {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return vec![Span::Text(text)];
    }
    let mut code = false;
    let mut spans = Vec::with_capacity(pieces.len());
    for piece in pieces {
        if !piece.is_empty() {
            spans.push(if code {
                Span::Code(piece)
            } else {
                Span::Text(piece)
            });
        }
        code = !code;
    }
    spans
}

/// A text in one line without characters that hide, turn or command, cut to `most` characters.
pub fn plain(text: &str, most: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(most.saturating_mul(4)));
    let mut blank = true;
    for letter in text.chars() {
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        if letter == ' ' && blank {
            continue;
        }
        blank = letter == ' ';
        clean.push(if is_hidden(letter) {
            REPLACEMENT
        } else {
            letter
        });
    }
    let clean = clean.trim_end();
    cut(clean, most)
}

/// The first `most` characters, with an ellipsis as the last where something is left out.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = text.chars().take(most.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// A text without backticks, for where code cannot be marked.
pub fn bare(text: &str) -> String {
    spans(text).into_iter().map(Span::text).collect()
}

/// A text from outside that no client makes a link of: the form that security people write.
pub fn defanged(text: &str) -> String {
    text.replace("://", "[:]//")
}

/// A text from outside as code inside a text: it cannot end the code, and makes no link.
pub fn code(text: &str, most: usize) -> String {
    let tame = defanged(&plain(text, most)).replace('`', "'");
    format!("`{tame}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_stands_between_pairs_of_backticks() {
        use Span::{Code, Text};
        assert_eq!(
            spans("a `b` c `d`"),
            [Text("a "), Code("b"), Text(" c "), Code("d")]
        );
        assert_eq!(spans("a `b"), [Text("a `b")]);
        assert_eq!(bare("a `b` c"), "a b c");
    }

    #[test]
    fn plain_text_is_one_line_without_hidden_characters() {
        assert_eq!(plain("a\r\n\u{202e}b \t c ", 99), "a \u{fffd}b c");
        assert_eq!(plain("\u{1b}[2J", 99), "\u{fffd}[2J");
        assert_eq!(plain("abcdef", 4), "abc…");
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code("a`b https://evil", 99), "`a'b https[:]//evil`");
    }
}
