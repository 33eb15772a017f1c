//! Reading a tree into values of our own: each field by its name, what is left over is a mistake.

use super::{Node, Value};
use crate::domain::problem::{Place, Sink, did_you_mean};
use crate::domain::ttl;
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
}

impl<'a> Item<'a> {
    /// The whole document.
    pub fn document(node: &'a Node) -> Self {
        Self {
            node,
            path: String::new(),
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
        match ttl::parse(text) {
            Ok(ttl) => Some(ttl),
            Err(error) => {
                self.error(error.to_string(), ttl::HINT, sink);
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

    /// The field of this name, if this is a mapping that has it.
    pub fn field(&self, name: &str) -> Option<Self> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let (_, node) = entries.iter().find(|(key, _)| is(key, name))?;
        let path = join_path(&self.path, name);
        Some(Self { node, path })
    }

    /// The items of a list.
    pub fn list(&self, sink: &mut Sink<'_>) -> Option<Vec<Item<'a>>> {
        if let Value::List(_) = self.node.value {
            return Some(self.each());
        }
        let found = self.node.value.kind();
        let what = format!("a list is expected here, and this is {found}");
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
                })
                .collect(),
            Value::Null | Value::Scalar(_) | Value::Map(_) => vec![self.clone()],
        }
    }

    /// The fields of a mapping.
    pub fn fields(&self, sink: &mut Sink<'_>) -> Option<Fields<'a>> {
        match &self.node.value {
            Value::Map(entries) => Some(Fields {
                item: self.clone(),
                left: entries.iter().collect(),
                known: Vec::new(),
            }),
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
                let name = Item {
                    node: key,
                    path: self.path.clone(),
                };
                let path = format!("{}.{}", self.path, name.text(sink)?);
                Some((
                    Item {
                        node: key,
                        path: path.clone(),
                    },
                    Item { node, path },
                ))
            })
            .collect()
    }

    /// Whether this has fields.
    pub fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// Whether this is a list of nothing.
    pub fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::List(items) if items.is_empty())
    }

    /// The fields of a mapping with their names, to look at; nothing for anything else.
    pub fn pairs(&self) -> Vec<(&'a str, Self)> {
        let Value::Map(entries) = &self.node.value else {
            return Vec::new();
        };
        let named = entries.iter().filter_map(|(key, node)| match &key.value {
            Value::Scalar(name) => Some((name.as_str(), Self { node, path: join_path(&self.path, name) })),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        });
        named.collect()
    }

    /// Calls `visit` for every scalar here and below, with its text.
    pub fn each_scalar(&self, visit: &mut impl FnMut(&'a str, &Self)) {
        match &self.node.value {
            Value::Null => {}
            Value::Scalar(text) => visit(text, self),
            Value::List(_) => self.each().iter().for_each(|item| item.each_scalar(visit)),
            Value::Map(_) => self.pairs().iter().for_each(|(_, item)| item.each_scalar(visit)),
        }
    }

    /// The innermost value here or below, or the value of the field, that stands at this line and
    /// column.
    pub fn at(&self, position: (u64, u64)) -> Option<Self> {
        let is_here = |node: &Node| {
            let Place { line, column, .. } = node.place;
            (u64::try_from(line), u64::try_from(column)) == (Ok(position.0), Ok(position.1))
        };
        let below = match &self.node.value {
            Value::Null | Value::Scalar(_) => None,
            Value::List(_) => self.each().iter().find_map(|item| item.at(position)),
            Value::Map(entries) => self
                .pairs()
                .into_iter()
                .zip(entries)
                .find_map(|((_, item), (key, _))| {
                    item.at(position).or_else(|| is_here(key).then_some(item))
                }),
        };
        below.or_else(|| is_here(self.node).then(|| self.clone()))
    }

    /// No problem may show what stands here or below: it may be a secret in the wrong place.
    pub fn hide(&self, sink: &mut Sink<'_>) {
        hide(self.node, sink);
    }
}

fn hide(node: &Node, sink: &mut Sink<'_>) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(_) => sink.hide(node.place.bytes.clone()),
        Value::List(items) => items.iter().for_each(|item| hide(item, sink)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| hide(value, sink)),
    }
}

/// The fields of a mapping, taken one by one.
#[derive(Debug)]
pub struct Fields<'a> {
    /// The mapping itself.
    pub item: Item<'a>,
    left: Vec<&'a (Node, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The field of this name, if it is there. One without a value is there too: a condition that
    /// somebody forgot to write must not turn into none.
    pub fn take(&mut self, name: &'static str) -> Option<Item<'a>> {
        self.known.push(name);
        let index = self.left.iter().position(|(key, _)| is(key, name))?;
        let (_, node) = self.left.remove(index);
        Some(Item {
            node,
            path: self.path(name),
        })
    }

    /// The field of this name, or an error that says what it is for.
    pub fn need(
        &mut self,
        name: &'static str,
        help: &str,
        sink: &mut Sink<'_>,
    ) -> Option<Item<'a>> {
        let item = self.take(name);
        if item.is_none() {
            let what = format!("the field `{name}` is missing");
            sink.error(self.item.place(), &self.path(name), what, help);
        }
        item
    }

    /// Fields of the language that this version does not know yet: each one found is an error that
    /// says so. Tells whether there was any.
    pub fn not_yet(&mut self, names: &[&'static str], sink: &mut Sink<'_>) -> bool {
        let before = self.left.len();
        for name in names {
            if let Some(index) = self.left.iter().position(|(key, _)| is(key, name)) {
                let (key, _) = self.left.remove(index);
                let what = format!("`{name}` is not supported yet");
                let help = "leave it out; nothing would act on it";
                sink.error(&key.place, &self.path(name), what, help);
            }
        }
        self.left.len() < before
    }

    /// Whether a field of this name is there, without taking it.
    pub fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(key, _)| is(key, name))
    }

    /// Reports every field that nobody took. Tells whether there was none.
    pub fn finish(self, sink: &mut Sink<'_>) -> bool {
        for (key, value) in &self.left {
            let Value::Scalar(name) = &key.value else {
                sink.error(
                    &key.place,
                    &self.item.path,
                    "a name is expected here".into(),
                    "",
                );
                continue;
            };
            // Nobody knows what an unknown field holds; it may be a secret.
            hide(value, sink);
            let help = did_you_mean(name, self.known.iter().copied())
                .unwrap_or_else(|| format!("the fields here are {}", all_of(&self.known)));
            let what = format!("there is no field `{name}`");
            sink.error(&key.place, &self.path(name), what, help);
        }
        self.left.is_empty()
    }

    /// The path of a field of this mapping.
    pub fn path(&self, name: &str) -> String {
        join_path(&self.item.path, name)
    }
}

fn join_path(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn is(key: &Node, name: &str) -> bool {
    matches!(&key.value, Value::Scalar(text) if text == name)
}

/// `a`, `b` or `c`, each in backticks.
pub(crate) fn one_of(names: &[&str]) -> String {
    join(names, "or")
}

/// `a`, `b` and `c`, each in backticks.
pub(crate) fn all_of(names: &[&str]) -> String {
    join(names, "and")
}

fn join(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [firsts @ .., end] => format!("{} {last} {end}", firsts.join(", ")),
    }
}
