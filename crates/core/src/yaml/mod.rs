//! YAML as a tree in which every value knows where it stands, so that a reader can report everything
//! that is wrong with a file at once, each thing at its place.

pub mod duration;
mod fields;
mod item;
mod look;
pub mod problem;

pub use fields::Fields;
pub(crate) use fields::all_of;
pub use fields::one_of;
pub use item::Item;

use crate::yaml::problem::{Place, Sink};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, NonFiniteFloatPolicy, Spanned};
use std::fmt;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it is used; for an alias, where the alias stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// The shapes a value can have. Scalars are kept as written: `1.10` is not 1.1, `no` is not false.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Any scalar, as text.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file; keys are unique.
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What it is called in a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads one document. What is no YAML is reported to `sink`, whose text must be `text`; an empty
/// document is an empty mapping.
pub fn load(text: &str, sink: &mut Sink<'_>) -> Option<Node> {
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(raw) => {
            let mut node = node(raw, text);
            if let Value::Null = node.value {
                node.value = Value::Map(Vec::new());
            }
            Some(node)
        }
        Err(error) => {
            let error = error.without_snippet();
            let place = error.location().map_or_else(Place::default, place);
            let what = say(error);
            sink.hide_values();
            sink.error(&place, "", what, "");
            None
        }
    }
}

/// How the parser is to read: strictly, and nothing that nests without end.
pub fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 64 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// What is wrong; for most of it, the parser's own words without the position that it appends.
fn say(error: &Error) -> String {
    if let Error::DuplicateMappingKey { key, .. } = error {
        let key = key.as_deref().unwrap_or_default();
        return format!("the field `{key}` is there a second time");
    }
    if let Error::MultipleDocuments { .. } = error {
        return "a second document begins here: only one is read from a file".to_owned();
    }
    let text = error.to_string();
    let end = text.find(" at line ").unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(&text);
    let line = text.lines().next().unwrap_or_default();
    format!("this is not valid YAML: {line}")
}

/// A value as the parser hands it over: scalars that look like numbers lose their spelling on the
/// way, so that [`node`] takes it from the text again.
enum Raw {
    Null,
    Text(String),
    Typed,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

fn node(raw: Spanned<Raw>, text: &str) -> Node {
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Scalar(text),
        Raw::Typed => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            let written = text.get(place(raw.defined).bytes).unwrap_or_default();
            Value::Scalar(written.trim().to_owned())
        }
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (node(key, text), node(value, text)))
                .collect(),
        ),
    };
    Node {
        place: place(raw.referenced),
        value,
    }
}

fn place(location: Location) -> Place {
    let number = |number: u64| usize::try_from(number).unwrap_or_default();
    let span = location.span();
    let start = number(span.byte_offset().unwrap_or_default());
    let length = number(span.byte_len().unwrap_or_default());
    Place {
        line: number(location.line()),
        column: number(location.column()),
        width: number(span.len()),
        bytes: start..start.saturating_add(length),
    }
}

#[cfg(test)]
mod tests;
