//! Patterns over names: `*`, `**` and `?`, nothing else. A match costs at most the length of the text
//! times that of the pattern, whatever either holds.

use std::fmt;

/// The longest pattern, in characters.
const MOST: usize = 256;

/// The signs that a pattern knows, for messages.
pub const GLOB_HINT: &str = "a pattern knows `*`, `**` and `?`; a list means any of";

/// How names of a kind are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Segments divided by `/`: `*` and `?` stay within one, `**` goes across.
    Path,
    /// Without segments: `*` and `**` are the same, `?` is any character.
    Text,
    /// Like [`Style::Text`], without regard to case: host names.
    Host,
}

/// A pattern that matches whole names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    style: Style,
    tokens: Vec<Token>,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Signs that other pattern languages give a meaning.
    #[error("`{0}` has no meaning in a pattern here")]
    Sign(char),
    /// More characters than a pattern may have.
    #[error("this pattern is longer than {MOST} characters")]
    Long,
    /// Three stars or more.
    #[error("`***` is neither `*` nor `**`")]
    Stars,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// This character.
    Is(char),
    /// One character, in a path not `/`.
    One,
    /// Any number of them.
    Many,
    /// Any number of characters, `/` included.
    Across,
    /// `**/`: any number of whole segments, none included.
    Segments,
}

impl Glob {
    /// Reads a pattern.
    pub fn parse(text: &str, style: Style) -> Result<Self, GlobError> {
        if let Some(sign) = text.chars().find(|letter| "[]{}\\!".contains(*letter)) {
            return Err(GlobError::Sign(sign));
        }
        if text.chars().count() > MOST {
            return Err(GlobError::Long);
        }
        if text.contains("***") {
            return Err(GlobError::Stars);
        }
        let folded = fold(text, style);
        let mut tokens = Vec::new();
        let mut rest = folded.as_str();
        let mut at_start = true;
        while let Some(letter) = rest.chars().next() {
            let (token, tail) = if let Some(tail) = rest.strip_prefix("**") {
                match tail.strip_prefix('/') {
                    Some(tail) if at_start && style == Style::Path => (Token::Segments, tail),
                    _ => (Token::Across, tail),
                }
            } else {
                let token = match letter {
                    '*' if style == Style::Path => Token::Many,
                    '*' => Token::Across,
                    '?' => Token::One,
                    letter => Token::Is(letter),
                };
                (token, rest.strip_prefix(letter).unwrap_or_default())
            };
            at_start = token == Token::Is('/') || token == Token::Segments;
            tokens.push(token);
            rest = tail;
        }
        Ok(Self {
            text: text.to_owned(),
            style,
            tokens,
        })
    }

    /// Whether it is made of stars alone.
    pub fn is_anything(&self) -> bool {
        let star = |token: &Token| matches!(token, Token::Many | Token::Across | Token::Segments);
        self.tokens.iter().all(star)
    }

    /// Whether every name matches, whatever is in it.
    pub fn is_everything(&self) -> bool {
        self.is_anything() && self.tokens.contains(&Token::Across)
    }

    /// The only name that matches, if it leaves nothing open.
    pub fn literal(&self) -> Option<&str> {
        let plain = self
            .tokens
            .iter()
            .all(|token| matches!(token, Token::Is(_)));
        plain.then_some(self.text.as_str())
    }

    /// What every name that matches begins with, as far as it is written out.
    pub fn fixed_beginning(&self) -> &str {
        self.text.split(['*', '?']).next().unwrap_or_default()
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let end = self.tokens.len();
        let mut now = vec![false; end.saturating_add(1)];
        let mut next = now.clone();
        self.enter(&mut now, 0);
        for letter in fold(name, self.style).chars() {
            next.fill(false);
            for (index, token) in self.tokens.iter().enumerate() {
                if now.get(index) == Some(&true) {
                    self.step(&mut next, index, *token, letter);
                }
            }
            std::mem::swap(&mut now, &mut next);
        }
        now.last() == Some(&true)
    }

    /// Where `letter` leads from `index`.
    fn step(&self, next: &mut [bool], index: usize, token: Token, letter: char) {
        let after = index.saturating_add(1);
        let within = self.style != Style::Path || letter != '/';
        match token {
            Token::Is(expected) if expected == letter => self.enter(next, after),
            Token::One if within => self.enter(next, after),
            Token::Many if within => self.enter(next, index),
            Token::Across => self.enter(next, index),
            Token::Segments if letter == '/' => self.enter(next, index),
            // In the middle of a segment: only its `/` leads on.
            Token::Segments => set(next, index),
            Token::Is(_) | Token::One | Token::Many => {}
        }
    }

    /// Arrives at `index`, and behind whatever there may also match nothing.
    fn enter(&self, states: &mut [bool], index: usize) {
        for at in index..states.len() {
            set(states, at);
            match self.tokens.get(at) {
                Some(Token::Many | Token::Across | Token::Segments) => {}
                Some(Token::Is(_) | Token::One) | None => break,
            }
        }
    }
}

fn set(states: &mut [bool], index: usize) {
    if let Some(state) = states.get_mut(index) {
        *state = true;
    }
}

fn fold(text: &str, style: Style) -> String {
    match style {
        Style::Host => text.to_lowercase(),
        Style::Path | Style::Text => text.to_owned(),
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
