//! JSON that is sent back as it was read, byte for byte: with its members in their order, each digit of its
//! numbers, its escapes and its blanks.
//!
//! `serde_json::Value` keeps none of these: it sorts members, rounds numbers beyond 64 bits and refuses those
//! beyond a double. What we know nothing of in a document of Azure's never becomes a `Value`.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// One JSON value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawJson(String);

/// The members of an object, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawObject(Vec<Member>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    /// The name as it was written.
    key: RawJson,
    /// What it says; as written, where that is no Unicode text (half a surrogate pair).
    name: String,
    value: RawJson,
}

impl RawJson {
    /// Takes in a document.
    pub fn parse(document: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice::<Box<RawValue>>(document).map(|raw| Self::of(&raw))
    }

    /// A text.
    pub fn string(text: &str) -> Self {
        Self(Value::from(text).to_string())
    }

    /// A list.
    pub fn array(elements: &[Self]) -> Self {
        let elements: Vec<&str> = elements.iter().map(Self::as_str).collect();
        Self(format!("[{}]", elements.join(",")))
    }

    /// How it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text that it is, if it is one.
    pub fn text(&self) -> Option<String> {
        serde_json::from_str(&self.0).ok()
    }

    /// Its members, if it is an object.
    pub fn object(&self) -> Option<RawObject> {
        serde_json::from_str(&self.0).ok()
    }

    /// Its elements, if it is a list.
    pub fn elements(&self) -> Option<Vec<Self>> {
        let elements: Vec<&RawValue> = serde_json::from_str(&self.0).ok()?;
        Some(elements.into_iter().map(Self::of).collect())
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }

    fn of(raw: &RawValue) -> Self {
        Self(raw.get().to_owned())
    }
}

impl From<&Value> for RawJson {
    fn from(value: &Value) -> Self {
        Self(value.to_string())
    }
}

impl From<&RawObject> for RawJson {
    fn from(object: &RawObject) -> Self {
        Self(object.to_string())
    }
}

impl RawObject {
    /// The value of the last member of this name, as JSON's readers take it.
    pub fn get(&self, name: &str) -> Option<&RawJson> {
        let mut members = self.0.iter().rev();
        let member = members.find(|member| member.name == name);
        member.map(|member| &member.value)
    }

    /// The members by name; the same one twice comes twice.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawJson)> {
        self.0
            .iter()
            .map(|member| (member.name.as_str(), &member.value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a member this value: in its place, or at the end if there is none. It then stands there once.
    pub fn set(&mut self, name: &str, value: RawJson) {
        let mut value = Some(value);
        self.0.retain_mut(|member| {
            if member.name != name {
                return true;
            }
            let first = value.take();
            let is_first = first.is_some();
            if let Some(value) = first {
                member.value = value;
            }
            is_first
        });
        self.0.extend(value.map(|value| Member {
            key: RawJson::string(name),
            name: name.to_owned(),
            value,
        }));
    }

    /// The same members, each with the value that `with` gives it; without those to which it gives none.
    #[must_use]
    pub fn rewritten(&self, mut with: impl FnMut(&str, &RawJson) -> Option<RawJson>) -> Self {
        let members = self.0.iter().filter_map(|member| {
            let value = with(&member.name, &member.value)?;
            Some(Member {
                value,
                ..member.clone()
            })
        });
        Self(members.collect())
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RawObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, Member { key, value, .. }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{key}:{value}")?;
        }
        f.write_str("}")
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = RawObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawObject, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let key = RawJson::of(key);
            members.push(Member {
                name: key.text().unwrap_or_else(|| key.0.clone()),
                key,
                value: RawJson::of(value),
            });
        }
        Ok(RawObject(members))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// JSON of whatever form is allowed: numbers that no machine has, half surrogate pairs, blanks
    /// everywhere, the same member twice.
    pub(crate) fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
            any_text(),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let blank = "[ \t\r\n]{0,3}";
            let element =
                (blank, inner.clone(), blank).prop_map(|(a, it, b)| format!("{a}{it}{b}"));
            let member = (blank, any_text(), blank, element.clone())
                .prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
            prop_oneof![
                prop::collection::vec(element, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
                any_object(member),
            ]
        })
    }

    fn any_object(member: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        prop::collection::vec(member, 0..4).prop_map(|all| format!("{{{}}}", all.join(",")))
    }

    /// A JSON string as it is written.
    pub(crate) fn any_text() -> impl Strategy<Value = String> {
        r#""([ -!#-\[\]-~äß€𝄞]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,6}""#
    }

    proptest! {
        #[test]
        fn a_value_comes_back_byte_for_byte(json in any_json(), before in "[ \n]{0,2}", after in "[ \n]{0,2}") {
            let raw = RawJson::parse(format!("{before}{json}{after}").as_bytes()).unwrap();
            prop_assert_eq!(raw.as_str(), json);
        }

        #[test]
        fn members_keep_their_order_and_their_bytes(members in prop::collection::vec((any_text(), any_json()), 0..6)) {
            let written: Vec<String> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            let written = format!("{{{}}}", written.join(","));
            let object = RawJson::parse(written.as_bytes()).unwrap().object().unwrap();
            prop_assert_eq!(object.to_string(), written);
        }

        #[test]
        fn elements_keep_their_order_and_their_bytes(elements in prop::collection::vec(any_json(), 0..6)) {
            let written = format!("[{}]", elements.join(","));
            let raw = RawJson::parse(written.as_bytes()).unwrap();
            let again = RawJson::array(&raw.elements().unwrap());
            prop_assert_eq!(again.as_str(), written);
        }
    }

    #[test]
    fn a_member_is_set_in_its_place_and_then_stands_once() {
        let raw = RawJson::parse(br#"{ "a": 1, "\u0062": 2, "c": 3, "b": 4 }"#).unwrap();
        let mut object = raw.object().unwrap();
        assert_eq!(object.get("b").map(RawJson::as_str), Some("4"));
        object.set("b", RawJson::string("x"));
        object.set("d", RawJson::array(&[]));
        assert_eq!(object.to_string(), r#"{"a":1,"\u0062":"x","c":3,"d":[]}"#);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for wrong in ["", "{", "[1,]", "1 2", "\"\\x\"", "{\"a\" 1}", "\u{feff}1"] {
            assert!(RawJson::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
