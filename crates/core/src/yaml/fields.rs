//! Reading a mapping field by field: what is left over at the end is a mistake.

use super::item::{Item, is, join_path};
use super::look::hide;
use super::problem::{Sink, did_you_mean};
use super::{Node, Value};

/// The fields of a mapping, taken one by one.
#[derive(Debug)]
pub struct Fields<'a> {
    /// The mapping itself.
    pub item: Item<'a>,
    left: Vec<&'a (Node, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(item: Item<'a>, entries: &'a [(Node, Node)]) -> Self {
        Self {
            item,
            left: entries.iter().collect(),
            known: Vec::new(),
        }
    }

    /// The field of this name, if it is there. One without a value is there too: a condition that
    /// somebody forgot to write must not turn into none.
    pub fn take(&mut self, name: &'static str) -> Option<Item<'a>> {
        self.known.push(name);
        let index = self.left.iter().position(|(key, _)| is(key, name))?;
        let (key, node) = self.left.remove(index);
        Some(self.item.below(name, key, node))
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

/// `a`, `b` or `c`, each in backticks.
pub fn one_of(names: &[&str]) -> String {
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
