//! Reads a plain JSON object without making a document of it: its names and values as they stand in
//! the text, and those of its properties.
//!
//! What is more than plain is left to a real parser: other nested values, escapes but for quotes,
//! slashes and line ends, numbers but for whole ones, white space but for blanks.

use crate::intake::extract::record::{Leaf, Named};
use std::borrow::Cow;

/// How many names an object may have to be read here, and its properties. Ordinary records have some
/// twenty; of one with more a parser makes a document, in which names are looked up.
pub(super) const MOST_NAMES: usize = 64;

/// An object that nests nothing but its properties.
pub(super) struct Object<'t> {
    pub top: Vec<Named<'t>>,
    pub properties: Vec<Named<'t>>,
}

/// Reads an object; `None` if it is not plain, or not well-formed.
pub(super) fn read(text: &str) -> Option<Object<'_>> {
    // Control characters stand in no string, and are no white space that is read here.
    let least = text.bytes().fold(u8::MAX, u8::min);
    if least < b' ' {
        return None;
    }
    let mut reader = Reader { text, at: 0 };
    let mut object = Object {
        top: Vec::with_capacity(20),
        properties: Vec::new(),
    };
    let mut nested = false;
    reader.names(|reader, name| {
        // Properties written as a string are a document.
        if name.eq_ignore_ascii_case("properties") {
            if nested || name != "properties" {
                return None;
            }
            nested = true;
            object.properties.reserve(16);
            return reader.names(|reader, name| {
                if object.properties.len() >= MOST_NAMES {
                    return None;
                }
                object.properties.push(reader.leaf(name)?);
                Some(())
            });
        }
        if object.top.len() >= MOST_NAMES {
            return None;
        }
        object.top.push(reader.leaf(name)?);
        Some(())
    })?;
    reader.blanks();
    (reader.at == text.len()).then_some(object)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn forward(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn blanks(&mut self) {
        while self.rest().first() == Some(&b' ') {
            self.forward(1);
        }
    }

    /// Reads `byte`, blanks around it aside.
    fn mark(&mut self, byte: u8) -> bool {
        if self.rest().first() == Some(&b' ') {
            self.blanks();
        }
        let found = self.rest().first() == Some(&byte);
        if found {
            self.forward(1);
            if self.rest().first() == Some(&b' ') {
                self.blanks();
            }
        }
        found
    }

    /// Reads an object; `value` reads what each of its names stands for.
    fn names(&mut self, mut value: impl FnMut(&mut Self, &'t str) -> Option<()>) -> Option<()> {
        if !self.mark(b'{') {
            return None;
        }
        if self.mark(b'}') {
            return Some(());
        }
        loop {
            let Cow::Borrowed(name) = self.string()? else {
                return None;
            };
            if !self.mark(b':') {
                return None;
            }
            value(self, name)?;
            if self.mark(b'}') {
                return Some(());
            }
            if !self.mark(b',') {
                return None;
            }
        }
    }

    fn leaf(&mut self, name: &'t str) -> Option<Named<'t>> {
        let from = self.at;
        let value = match self.rest().first()? {
            b'"' => Leaf::Said(self.string()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        };
        let end = self.at;
        Some(Named {
            name,
            value,
            from,
            end,
        })
    }

    fn word(&mut self, word: &str) -> Option<Leaf<'t>> {
        self.rest().starts_with(word.as_bytes()).then(|| {
            self.forward(word.len());
            Leaf::Nothing
        })
    }

    /// A whole number, as it is written. Of one with a fraction the end is none.
    fn number(&mut self) -> Option<Leaf<'t>> {
        let rest = self.rest();
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        let count = digits.iter().take_while(|digit| digit.is_ascii_digit());
        let count = count.count();
        let leads = digits.first() == Some(&b'0');
        if !(1..=18).contains(&count) || leads && (count > 1 || digits.len() < rest.len()) {
            return None;
        }
        let length = rest
            .len()
            .saturating_sub(digits.len())
            .saturating_add(count);
        let from = self.at;
        self.forward(length);
        let written = self.text.get(from..self.at)?;
        Some(Leaf::Said(Cow::Borrowed(written)))
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        let inside = self.rest().strip_prefix(b"\"")?;
        let end = memchr::memchr2(b'"', b'\\', inside)?;
        let from = self.at.checked_add(1)?;
        let to = from.checked_add(end)?;
        let text = self.text.get(from..to)?;
        self.at = to;
        if inside.get(end) == Some(&b'"') {
            self.forward(1);
            return Some(Cow::Borrowed(text));
        }
        self.escaped(text.to_owned()).map(Cow::Owned)
    }

    /// The rest of a string, from its first escape on.
    fn escaped(&mut self, mut whole: String) -> Option<String> {
        loop {
            let rest = self.rest();
            match rest.get(1) {
                _ if rest.first() == Some(&b'"') => {
                    self.forward(1);
                    return Some(whole);
                }
                Some(escaped @ (b'"' | b'\\' | b'/')) => whole.push(char::from(*escaped)),
                Some(b'n') => whole.push('\n'),
                Some(_) | None => return None,
            }
            self.forward(2);
            let length = memchr::memchr2(b'"', b'\\', self.rest())?;
            let from = self.at;
            self.forward(length);
            whole.push_str(self.text.get(from..self.at)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The same object, as a parser reads it; numbers as they are written.
    fn parsed(text: &str) -> Option<Vec<(String, Option<String>)>> {
        fn told(object: &serde_json::Map<String, Value>, all: &mut Vec<(String, Option<String>)>) {
            for (name, value) in object {
                match value {
                    Value::Object(inner) => told(inner, all),
                    Value::String(text) => all.push((name.clone(), Some(text.clone()))),
                    Value::Number(number) => all.push((name.clone(), Some(number.to_string()))),
                    _ => all.push((name.clone(), None)),
                }
            }
        }
        let value: Value = serde_json::from_str(text).ok()?;
        let mut all = Vec::new();
        told(value.as_object()?, &mut all);
        all.sort();
        Some(all)
    }

    fn flat(text: &str) -> Option<Vec<(String, Option<String>)>> {
        let Object { top, properties } = read(text)?;
        let both = top.into_iter().chain(properties);
        let mut all: Vec<_> = both
            .map(|Named { name, value, .. }| match value {
                Leaf::Said(text) => (name.to_owned(), Some(text.into_owned())),
                Leaf::Nothing => (name.to_owned(), None),
            })
            .collect();
        all.sort();
        Some(all)
    }

    #[test]
    fn a_record_is_read() {
        let text = r#"{ "a" : "one", "b":-12 ,"properties":{"c":"x \"y\" \\(z\\) \/", "d": null},"e":true,"f":0,"g":"é" }"#;
        assert!(flat(text).is_some());
        assert_eq!(flat(text), parsed(text));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_a_parser_reads(text in r#"\{("[ab]":(1|-?0|01|[0-9]{1,20}|1\.5|1e2|null|tru|true|"[x"\\/n]{0,4}"|\[\]|\{\})[,:]?|"properties":\{("c":"(x|\\\\|\\"|\\n)*",?){0,2}\},?| ){0,4}\} ?"#) {
            // Names that are there twice are told twice here.
            let plain = flat(&text);
            let names = |all: &[(String, Option<String>)]| all.iter().map(|(name, _)| name.clone()).collect::<std::collections::BTreeSet<_>>().len() == all.len();
            match plain {
                Some(all) if names(&all) => prop_assert_eq!(Some(all), parsed(&text), "{}", text),
                Some(_) => prop_assert!(parsed(&text).is_some(), "{}", text),
                None => {}
            }
        }
    }
}
