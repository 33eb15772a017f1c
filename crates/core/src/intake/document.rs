//! A JSON document as it stands in its text: what needs no unescaping is not copied.
//!
//! `serde_json` does the parsing, with its bounds on depth. An object keeps its names in order, the last
//! of those that are there twice, as a map would.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use std::borrow::Cow;
use std::fmt;

/// A JSON value that borrows from the text it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, unescaped.
    String(Cow<'t, str>),
    /// An array.
    Array(Vec<Value<'t>>),
    /// An object.
    Object(Map<'t>),
}

/// An object's fields, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Map<'t>(Vec<(Cow<'t, str>, Value<'t>)>);

/// Up to how many names are looked through one by one.
const FEW: usize = 12;

impl<'t> Map<'t> {
    /// An object without a field.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'t>> {
        let at = self.place(name)?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The field of this name, to be changed.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Value<'t>> {
        let at = self.place(name)?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    fn place(&self, name: &str) -> Option<usize> {
        if self.0.len() > FEW {
            let found = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
            return found.ok();
        }
        self.0.iter().position(|(known, _)| known == name)
    }

    /// The fields.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'t>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The fields' names.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// What the fields hold.
    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = &Value<'t>> {
        self.0.iter().map(|(_, value)| value)
    }

    /// What the fields hold, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Value<'t>> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Drops the fields whose names are not kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }
}

impl<'t> FromIterator<(Cow<'t, str>, Value<'t>)> for Map<'t> {
    fn from_iter<I: IntoIterator<Item = (Cow<'t, str>, Value<'t>)>>(fields: I) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        // Of the same names the last is kept.
        fields.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self(fields)
    }
}

impl<'t> Value<'t> {
    /// The string that this is.
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The items of the array that this is.
    pub(crate) fn as_array(&self) -> Option<&[Value<'t>]> {
        if let Self::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// The fields of the object that this is.
    pub(crate) fn as_object(&self) -> Option<&Map<'t>> {
        if let Self::Object(fields) = self {
            Some(fields)
        } else {
            None
        }
    }

    /// The field of this name of the object that this is.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'t>> {
        self.as_object()?.get(name)
    }

    /// Whether this is a string.
    pub(crate) fn is_string(&self) -> bool {
        matches!(self, Self::String(_))
    }

    /// Whether this is a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Whether this is an array.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    /// Whether this is an object.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Whether a name or a string in it, at any depth, is one for which `is` holds.
    pub(crate) fn any_text(&self, is: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::String(text) => is(text),
            Self::Array(items) => items.iter().any(|item| item.any_text(is)),
            Self::Object(fields) => fields
                .iter()
                .any(|(name, value)| is(name) || value.any_text(is)),
            Self::Null | Self::Bool(_) | Self::Number(_) => false,
        }
    }
}

/// A string, borrowed where its text has no escape.
struct Text<'t>(Cow<'t, str>);

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 't, 't> Deserialize<'de> for Text<'t> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(TextVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any valid JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, said: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(said))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut all: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        while let Some((Text(name), value)) = fields.next_entry()? {
            all.push((name, value));
        }
        Ok(Value::Object(all.into_iter().collect()))
    }
}

impl<'de: 't, 't> Deserialize<'de> for Value<'t> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

impl<'de: 't, 't> Deserialize<'de> for Map<'t> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if let Value::Object(fields) = Value::deserialize(from)? {
            Ok(fields)
        } else {
            Err(D::Error::custom("expected an object"))
        }
    }
}

#[cfg(test)]
impl From<serde_json::Value> for Value<'static> {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(said) => Self::Bool(said),
            serde_json::Value::Number(number) => Self::Number(number),
            serde_json::Value::String(text) => Self::String(text.into()),
            serde_json::Value::Array(items) => {
                Self::Array(items.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(fields) => {
                let fields = fields.into_iter();
                Self::Object(
                    fields
                        .map(|(name, value)| (name.into(), value.into()))
                        .collect(),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let text = r#"{"a":"plain","b":"with \"one\"","a":1}"#;
        let Value::Object(fields) = serde_json::from_str(text).unwrap() else {
            panic!("no object");
        };
        assert_eq!(fields.get("a"), Some(&Value::Number(1.into())));
        assert!(
            matches!(fields.get("b"), Some(Value::String(Cow::Owned(text))) if text == "with \"one\"")
        );
        let plain: Value<'_> = serde_json::from_str("\"plain\"").unwrap();
        assert_eq!(plain, Value::String(Cow::Borrowed("plain")));
        assert!(matches!(plain, Value::String(Cow::Borrowed(_))));
    }

    proptest! {
        #[test]
        fn a_document_is_what_a_parser_reads(text in r#"[\[{](("[ab]{0,2}":)?(1|-0|1\.5|1e2|null|tru|true|"(x|\\n|\\u0041)*"|\[\]|\{"a":1,"a":2\})[,:]?){0,5}[\]}]"#) {
            let known = serde_json::from_str::<serde_json::Value>(&text).ok().map(Value::from);
            let read = serde_json::from_str::<Value<'_>>(&text).ok();
            prop_assert_eq!(read, known, "{}", text);
        }

        #[test]
        fn a_field_is_found_by_its_name(names in prop::collection::vec("[a-d]{0,2}", 0..40), asked in "[a-d]{0,2}") {
            let numbered = names.iter().enumerate();
            let all: Map<'_> = numbered
                .map(|(number, name)| (name.as_str().into(), Value::Number(number.into())))
                .collect();
            prop_assert!(all.keys().is_sorted());
            let last = names.iter().rposition(|name| *name == asked);
            let last = last.map(|at| Value::Number(at.into()));
            prop_assert_eq!(all.get(&asked), last.as_ref());
        }
    }
}
