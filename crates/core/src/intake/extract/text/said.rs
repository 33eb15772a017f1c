//! Whether a word stands in a text at all, in any case: asked before patterns that take more.

/// A word of ASCII letters, and which of them is looked for first.
#[derive(Clone, Copy, Debug)]
pub(in crate::intake::extract) struct Word {
    word: &'static str,
    rarest: usize,
}

impl Word {
    /// A word whose letter number `rarest`, from 0, is rare in texts.
    pub(in crate::intake::extract) const fn new(word: &'static str, rarest: usize) -> Self {
        Self { word, rarest }
    }

    /// Whether it stands in a text. Letters beyond ASCII are none of its own.
    pub(in crate::intake::extract) fn is_in(self, text: &str) -> bool {
        let (text, word) = (text.as_bytes(), self.word.as_bytes());
        let Some(letter) = word.get(self.rarest) else {
            return false;
        };
        let (small, capital) = (letter.to_ascii_lowercase(), letter.to_ascii_uppercase());
        memchr::memchr2_iter(small, capital, text).any(|at| {
            let from = at.checked_sub(self.rarest);
            let found = from.and_then(|from| text.get(from..from.saturating_add(word.len())));
            found.is_some_and(|found| found.eq_ignore_ascii_case(word))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_case_and_nothing_else() {
        let word = Word::new("import", 1);
        for text in ["import", "an ImPort", "xIMPORTx", "m import"] {
            assert!(word.is_in(text), "{text}");
        }
        for text in ["", "m", "impor", "imp ort", "mport"] {
            assert!(!word.is_in(text), "{text}");
        }
    }
}
