//! Looking around in a tree without reading it: what is there, where something stands, what must not
//! be shown.

use super::item::{Item, is};
use super::problem::{Place, Sink};
use super::{Node, Value};

impl<'a> Item<'a> {
    /// The field of this name, if this is a mapping that has it.
    pub fn field(&self, name: &str) -> Option<Self> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let (key, node) = entries.iter().find(|(key, _)| is(key, name))?;
        Some(self.below(name, key, node))
    }

    /// Whether this has fields.
    pub fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// Whether this is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
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
            Value::Scalar(name) => Some((name.as_str(), self.below(name, key, node))),
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
            Value::Map(_) => self
                .pairs()
                .iter()
                .for_each(|(_, item)| item.each_scalar(visit)),
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
            Value::Map(entries) => {
                self.pairs()
                    .into_iter()
                    .zip(entries)
                    .find_map(|((_, item), (key, _))| {
                        item.at(position).or_else(|| is_here(key).then_some(item))
                    })
            }
        };
        below.or_else(|| is_here(self.node).then(|| self.clone()))
    }

    /// No problem may show what stands here or below: it may be a secret in the wrong place.
    pub fn hide(&self, sink: &mut Sink<'_>) {
        hide(self.node, sink);
    }
}

pub(super) fn hide(node: &Node, sink: &mut Sink<'_>) {
    match &node.value {
        Value::Null => {}
        Value::Scalar(_) => sink.hide(node.place.bytes.clone()),
        Value::List(items) => items.iter().for_each(|item| hide(item, sink)),
        Value::Map(entries) => entries.iter().for_each(|(key, value)| {
            hide(key, sink);
            hide(value, sink);
        }),
    }
}
