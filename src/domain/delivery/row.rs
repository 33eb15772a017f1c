//! Reads a status-403 record without making a document of it.

use crate::domain::denial::Denial;
use crate::domain::extract::record::{self, About, Fields, Leaf};
use memchr::memmem;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A refusal and what its record says beside, or nothing.
pub(super) type Row = Option<(Denial, About)>;

/// The names and values of an object, without what they nest.
type Flat<'a> = Vec<(Cow<'a, str>, Leaf<'a>)>;

/// Reads a record in which 403 stands and nothing else of interest. `None` if it is not as plain as
/// that, so that it has to be read as a document.
pub(super) fn read(raw: &[u8]) -> Option<Row> {
    if !memmem::find_iter(raw, b"403").all(|at| alone(raw, at)) {
        return None;
    }
    let Plain { top, properties } = serde_json::from_slice(raw).ok()?;
    // An object in the record that could be a record itself is looked at first.
    let record = ["callerIpAddress", "category", "Type"];
    let named = |(name, _): &(Cow<'_, str>, Leaf<'_>)| {
        record.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    if twice(&top) || twice(&properties) || properties.iter().any(named) {
        return None;
    }
    let fields = Fields::flat(top, properties);
    let Some(about) = record::about(&fields) else {
        return Some(None);
    };
    let refusal = record::refusal(&fields, &about);
    Some(refusal.map(|denial| (denial, about)))
}

/// Whether the 403 at `at` is all that its string or number says, or part of a longer number or word
/// in which it means nothing.
fn alone(raw: &[u8], at: usize) -> bool {
    let before = raw.get(at.saturating_sub(6)..at).unwrap_or_default();
    let after = at.checked_add(3).and_then(|end| raw.get(end));
    if after.is_some_and(|next| next.is_ascii_alphanumeric() && *next != b'u') {
        return true;
    }
    if before
        .iter()
        .any(|byte| matches!(byte, b'\\' | b'#' | b'%'))
    {
        return false;
    }
    match before.last() {
        Some(b'0'..=b'9') => true,
        Some(b'"' | b':' | b' ') => matches!(after, Some(b'"' | b',' | b'}')),
        _ => false,
    }
}

/// Whether a name is there twice, in any case: then the order says which counts.
fn twice(names: &Flat<'_>) -> bool {
    let mut rest = names.as_slice();
    while let Some(((name, _), others)) = rest.split_first() {
        if others
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            return true;
        }
        rest = others;
    }
    false
}

/// A record with nothing nested in it but its properties.
struct Plain<'a> {
    top: Flat<'a>,
    properties: Flat<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Plain<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut plain = Self {
            top: Vec::with_capacity(16),
            properties: Vec::new(),
        };
        for (name, value) in from.deserialize_map(Names(PhantomData))? {
            match value {
                // Properties written as a string are a document.
                Field::Leaf(_) if name.eq_ignore_ascii_case("properties") => {
                    return Err(D::Error::custom("nested"));
                }
                Field::Leaf(value) => plain.top.push((name, value)),
                Field::Nested(fields) if name == "properties" && plain.properties.is_empty() => {
                    plain.properties = fields;
                }
                Field::Nested(_) => return Err(D::Error::custom("nested")),
            }
        }
        Ok(plain)
    }
}

/// Reads names and values in their order.
struct Names<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Names<V> {
    type Value = Vec<(Cow<'de, str>, V)>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::with_capacity(16);
        while let Some(Name(name)) = map.next_key()? {
            names.push((name, map.next_value()?));
        }
        Ok(names)
    }
}

struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match from.deserialize_str(Values)? {
            Field::Leaf(Leaf::Said(name)) => Ok(Self(name)),
            Field::Leaf(Leaf::Nothing) | Field::Nested(_) => Err(D::Error::custom("no name")),
        }
    }
}

/// A value of a record.
enum Field<'a> {
    Leaf(Leaf<'a>),
    Nested(Flat<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Values)
    }
}

/// A value of a record's properties.
struct Inner<'a>(Leaf<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Inner<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match from.deserialize_any(Values)? {
            Field::Leaf(value) => Ok(Self(value)),
            Field::Nested(_) => Err(D::Error::custom("nested")),
        }
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Field<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a string, a number, an object or nothing")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Leaf(Leaf::Said(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Leaf(Leaf::Said(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Field::Leaf(Leaf::Said(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field::Leaf(Leaf::Said(Cow::Owned(number.to_string()))))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Leaf(Leaf::Nothing))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Leaf(Leaf::Nothing))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let inner = Names::<Inner<'de>>(PhantomData).visit_map(map)?;
        let fields = inner.into_iter().map(|(name, Inner(value))| (name, value));
        Ok(Field::Nested(fields.collect()))
    }
}
