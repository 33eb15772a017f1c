//! What no record may be beyond, so that looking through one is done soon.

use crate::intake::document::Value;

/// How many names one object may have. Records have some dozens.
const MOST_NAMES: usize = 10_000;

/// What is told of a record with more.
pub(super) const NAMES: &str =
    "an object in the record has more than 10,000 names: it was not read";

/// Whether a record is within its bounds; if not, what is told of it. How deep it nests has been
/// checked by whoever parsed it.
pub(super) fn check(record: &Value<'_>) -> Result<(), &'static str> {
    match record {
        Value::Object(fields) if fields.len() > MOST_NAMES => Err(NAMES),
        Value::Object(fields) => fields.values().try_for_each(check),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
