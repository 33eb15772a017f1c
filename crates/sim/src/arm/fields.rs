//! Reading a body's fields, and what is said of those that are wrong.

use super::error::ArmError;
use serde_json::{Map, Value};

/// Azure's code for a body that breaks the schema.
pub(super) const CONTENT: &str = "InvalidRequestContent";

pub(super) fn switch(properties: &Value, name: &str) -> Result<Option<bool>, ArmError> {
    match text(properties, name)?.as_deref() {
        None => Ok(None),
        Some("Enabled") => Ok(Some(true)),
        Some("Disabled") => Ok(Some(false)),
        Some(_) => Err(invalid(name, "Enabled or Disabled")),
    }
}

pub(super) fn flag(properties: &Value, name: &str) -> Result<Option<bool>, ArmError> {
    let value = present(properties, name);
    let flag = |value: &Value| value.as_bool().ok_or_else(|| invalid(name, "a boolean"));
    value.map(flag).transpose()
}

pub(super) fn text(properties: &Value, name: &str) -> Result<Option<String>, ArmError> {
    let value = present(properties, name);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    value
        .map(|value| text(value).ok_or_else(|| invalid(name, "a string")))
        .transpose()
}

pub(super) fn present<'a>(properties: &'a Value, name: &str) -> Option<&'a Value> {
    properties.get(name).filter(|value| !value.is_null())
}

/// The objects of a list; none where the list is absent or null.
pub(super) fn entries<'a>(
    set: &'a Map<String, Value>,
    name: &str,
) -> Result<Vec<&'a Map<String, Value>>, ArmError> {
    match set.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(entries)) => entries
            .iter()
            .map(|entry| entry.as_object().ok_or_else(|| invalid(name, "objects")))
            .collect(),
        Some(_) => Err(invalid(name, "an array")),
    }
}

pub(super) fn action_is_allow(entry: &Map<String, Value>) -> Result<(), ArmError> {
    match entry.get("action").map(Value::as_str) {
        None | Some(Some("Allow")) => Ok(()),
        Some(_) => Err(invalid("action", "Allow")),
    }
}

/// The fields that are not among the known ones.
pub(super) fn rest(fields: &Map<String, Value>, known: &[&str]) -> Map<String, Value> {
    fields
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

pub(super) fn invalid(path: &str, wanted: &str) -> ArmError {
    ArmError::bad(
        CONTENT,
        format!("The request content was invalid: '{path}' must be {wanted}."),
    )
}
