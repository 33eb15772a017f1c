//! Reading single values and lists of a tree into values of our own.

use super::duration;
use super::fields::{Fields, one_of};
use super::problem::{Place, Sink, did_you_mean};
use super::{Node, Value};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// A value of the tree with its path, for messages.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// The value.
    pub node: &'a Node,
    /// Its path: `sources[0].auth.keys`.
    pub path: String,
    /// Where its name stands, if it is a field.
    pub key: Option<&'a Place>,
}

impl<'a> Item<'a> {
    /// The whole document.
    pub fn document(node: &'a Node) -> Self {
        Self {
            node,
            path: String::new(),
            key: None,
        }
    }

    /// The value of a field of this mapping.
    pub(super) fn below(&self, name: &str, key: &'a Node, node: &'a Node) -> Self {
        Self {
            node,
            path: join_path(&self.path, name),
            key: Some(&key.place),
        }
    }

    /// Where it stands.
    pub fn place(&self) -> &'a Place {
        &self.node.place
    }

    /// Reports an error at this value.
    pub fn error(&self, what: impl Into<String>, help: impl Into<String>, sink: &mut Sink<'_>) {
        sink.error(self.place(), &self.path, what.into(), help);
    }

    /// Reports a warning at this value.
    pub fn warn(&self, what: impl Into<String>, help: impl Into<String>, sink: &mut Sink<'_>) {
        sink.warn(self.place(), &self.path, what.into(), help);
    }

    fn expected(&self, what: &str, sink: &mut Sink<'_>) {
        let found = self.node.value.kind();
        let help = match self.node.value {
            Value::Null => "write a value, or leave the field out",
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => "",
        };
        let what = format!("{what} is expected here, and this is {found}");
        // What stands in the wrong place may be a secret.
        self.hide(sink);
        self.error(what, help, sink);
    }

    /// A scalar as it is written, never empty.
    pub fn text(&self, sink: &mut Sink<'_>) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar(text) if !text.trim().is_empty() => Some(text),
            Value::Scalar(_) => {
                self.error(
                    "this is empty",
                    "write a value, or leave the field out",
                    sink,
                );
                None
            }
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.expected("a single value", sink);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, sink: &mut Sink<'_>) -> Option<bool> {
        match self.text(sink)? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                let what = format!("`{other}` is neither `true` nor `false`");
                self.error(what, "write `true` or `false`", sink);
                None
            }
        }
    }

    /// A duration such as `4h`.
    pub fn duration(&self, sink: &mut Sink<'_>) -> Option<Duration> {
        let text = self.text(sink)?;
        match duration::parse(text) {
            Ok(ttl) => Some(ttl),
            Err(error) => {
                self.error(error.to_string(), duration::HINT, sink);
                None
            }
        }
    }

    /// A whole number of at least `least` and at most `most`.
    pub fn number(&self, least: u32, most: u32, sink: &mut Sink<'_>) -> Option<u32> {
        let text = self.text(sink)?;
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let help = format!("write a whole number from {least} to {most}");
                self.error(
                    format!("`{text}` is not a number that fits here"),
                    help,
                    sink,
                );
                None
            }
        }
    }

    /// Anything that reads itself from text and says what is wrong otherwise.
    pub fn parsed<T: FromStr<Err: Display>>(&self, help: &str, sink: &mut Sink<'_>) -> Option<T> {
        match self.text(sink)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(error.to_string(), help, sink);
                None
            }
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, words: &[(&'static str, T)], sink: &mut Sink<'_>) -> Option<T> {
        let text = self.text(sink)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = did_you_mean(text, names.iter().copied())
            .unwrap_or_else(|| format!("write {}", one_of(&names)));
        self.error(format!("`{text}` is not known here"), help, sink);
        None
    }

    /// The items of a list.
    pub fn list(&self, sink: &mut Sink<'_>) -> Option<Vec<Item<'a>>> {
        if let Value::List(_) = self.node.value {
            return Some(self.each());
        }
        let found = self.node.value.kind();
        let what = format!("a list is expected here, and this is {found}");
        self.hide(sink);
        self.error(
            what,
            "put it in brackets, or on a line of its own after `- `",
            sink,
        );
        None
    }

    /// The items of a list, or the one value that stands in its place.
    pub fn each(&self) -> Vec<Item<'a>> {
        match &self.node.value {
            Value::List(nodes) => nodes
                .iter()
                .enumerate()
                .map(|(index, node)| Item {
                    node,
                    path: format!("{}[{index}]", self.path),
                    key: None,
                })
                .collect(),
            Value::Null | Value::Scalar(_) | Value::Map(_) => vec![self.clone()],
        }
    }

    /// The fields of a mapping.
    pub fn fields(&self, sink: &mut Sink<'_>) -> Option<Fields<'a>> {
        match &self.node.value {
            Value::Map(entries) => Some(Fields::new(self.clone(), entries)),
            Value::Null | Value::Scalar(_) | Value::List(_) => {
                self.expected("a mapping with fields", sink);
                None
            }
        }
    }

    /// The entries of a mapping whose keys the user chooses; the first of each is the key.
    pub fn entries(&self, sink: &mut Sink<'_>) -> Vec<(Item<'a>, Item<'a>)> {
        let Value::Map(entries) = &self.node.value else {
            self.expected("a mapping of names", sink);
            return Vec::new();
        };
        entries
            .iter()
            .filter_map(|(key, node)| {
                let unnamed = Item {
                    node: key,
                    path: self.path.clone(),
                    key: None,
                };
                let value = self.below(unnamed.text(sink)?, key, node);
                let name = Item {
                    node: key,
                    path: value.path.clone(),
                    key: None,
                };
                Some((name, value))
            })
            .collect()
    }
}

pub(super) fn join_path(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

pub(super) fn is(key: &Node, name: &str) -> bool {
    matches!(&key.value, Value::Scalar(text) if text == name)
}
