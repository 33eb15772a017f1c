//! Takes a body apart into records: one document, an array, an envelope, JSON lines, or text.

use super::quick;
use super::quick::Shape;
use crate::intake::document::Value;
use crate::intake::extract::json::log_lines;
use crate::intake::report::{BadRecord, DeliveryError};
use crate::intake::work::WorkBudget;
use std::borrow::Cow;

/// How many steps it takes to parse a byte.
const PARSED: usize = 4;

/// A body, read.
pub(super) enum Body<'b> {
    Json(Records<'b>),
    Text(Cow<'b, str>),
}

/// Records with their places, counted from 1.
#[derive(Default)]
pub(super) struct Records<'b> {
    pub good: Vec<(usize, Value<'b>)>,
    pub bad: Vec<BadRecord>,
    /// Whether they came in Azure's envelope, `{"records": […]}`.
    pub envelope: bool,
}

impl<'b> Records<'b> {
    pub(super) fn first(&self) -> Option<&Value<'b>> {
        self.good.first().map(|(_, record)| record)
    }

    /// The log that these are the lines of, if they are what a container runtime writes.
    pub(super) fn log(&self) -> Option<String> {
        let values = self.good.iter().map(|(_, value)| value);
        log_lines(values).filter(|_| self.bad.is_empty())
    }

    pub(super) fn count(&self) -> usize {
        self.good.len().saturating_add(self.bad.len())
    }

    fn of(values: Vec<Value<'b>>) -> Self {
        let mut records = Self::default();
        for value in values {
            records.add(value);
        }
        records
    }

    /// Adds a document: the items of an array of objects, those of an envelope, or the document.
    fn add(&mut self, value: Value<'b>) {
        match value {
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) if items.iter().any(Value::is_object) => self.push_all(items),
            Value::Object(mut fields) => match fields.get_mut("records") {
                Some(Value::Array(items)) => {
                    self.envelope = true;
                    let items = std::mem::take(items);
                    self.push_all(items);
                }
                Some(_) | None => self.push(Value::Object(fields)),
            },
            Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => self.push(value),
        }
    }

    fn push_all(&mut self, items: Vec<Value<'b>>) {
        for item in items {
            self.push(item);
        }
    }

    fn push(&mut self, record: Value<'b>) {
        let number = self.count().saturating_add(1);
        self.good.push((number, record));
    }
}

/// How sure it is that a body is JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Its content type says so.
    Json,
    /// It begins as JSON does, and no content type says that it is text.
    Begins,
    /// It may be.
    Perhaps,
}

/// Takes a body apart.
pub(super) fn read<'b>(
    media_type: &str,
    body: &'b [u8],
    work: &WorkBudget,
) -> Result<Body<'b>, DeliveryError> {
    work.charge(body.len().saturating_mul(PARSED));
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if let Some(records) = sequence(body) {
        return Ok(Body::Json(records));
    }
    let expected = expected(media_type, body);
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(_) if expected == Expected::Perhaps => {
            return Ok(Body::Text(String::from_utf8_lossy(body)));
        }
        Err(error) => {
            let offset = error.valid_up_to();
            return lines(body, work)
                .or_else(|| broken_batch(body, work))
                .map(Body::Json)
                .ok_or(DeliveryError::NotUtf8 { offset });
        }
    };
    let whole: Result<Vec<Value<'_>>, _> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect();
    match whole {
        Ok(values)
            if expected != Expected::Perhaps
                || values
                    .iter()
                    .any(|value| value.is_object() || value.is_array()) =>
        {
            if values.is_empty() && expected == Expected::Json {
                return Err(syntax("nothing", 1, 1));
            }
            Ok(Body::Json(Records::of(values)))
        }
        Ok(_) => Ok(Body::Text(Cow::Borrowed(text))),
        Err(error) => match lines(body, work) {
            Some(records) if expected != Expected::Perhaps => Ok(Body::Json(records)),
            Some(_) | None if expected == Expected::Perhaps => Ok(Body::Text(Cow::Borrowed(text))),
            Some(_) | None => broken_batch(body, work)
                .map(Body::Json)
                .ok_or_else(|| syntax(&what(&error), error.line(), error.column())),
        },
    }
}

fn syntax(what: &str, line: usize, column: usize) -> DeliveryError {
    DeliveryError::Syntax {
        what: what.to_owned(),
        line,
        column,
    }
}

/// What a parser found wrong, without the place, which is told separately.
fn what(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let told = told
        .rsplit_once(" at line ")
        .map_or(told.as_str(), |(what, _)| what);
    told.to_owned()
}

/// Whether a body is to be read as JSON and as nothing else.
pub(super) fn is_json(media_type: &str, body: &[u8]) -> bool {
    expected(media_type, body) != Expected::Perhaps
}

fn expected(media_type: &str, body: &[u8]) -> Expected {
    let json = ["json", "ndjson", "jsonl", "json-seq"];
    let subtype = media_type.rsplit(['/', '+']).next().unwrap_or_default();
    let subtype = subtype.strip_prefix("x-").unwrap_or(subtype);
    if json.contains(&subtype) || subtype.ends_with("json") {
        return Expected::Json;
    }
    let mut visible = body.iter().filter(|byte| !byte.is_ascii_whitespace());
    let begins = match visible.next() {
        Some(b'{') => matches!(visible.next(), Some(b'"' | b'}')),
        Some(b'[') => matches!(visible.next(), Some(b'{' | b']')),
        Some(_) | None => false,
    };
    if begins && !media_type.starts_with("text/") {
        return Expected::Begins;
    }
    Expected::Perhaps
}

/// JSON lines, of which some are bad; `None` if the body is not lines of JSON at all.
fn lines<'b>(body: &'b [u8], work: &WorkBudget) -> Option<Records<'b>> {
    work.charge(body.len().saturating_mul(PARSED));
    let mut records = Records::default();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Value<'_>>(line) {
            Ok(value) => records.add(value),
            Err(error) => {
                let number = records.count().saturating_add(1);
                let line = index.saturating_add(1);
                records.bad.push(BadRecord {
                    record: number,
                    error: format!(
                        "line {line} is not valid JSON: {} at column {}",
                        what(&error),
                        error.column()
                    ),
                });
            }
        }
    }
    let objects = records
        .good
        .iter()
        .filter(|(_, value)| value.is_object())
        .count();
    (objects > 0 && objects >= records.bad.len()).then_some(records)
}

/// The texts of a JSON text sequence (RFC 7464), each behind a record separator; `None` if the body is
/// none, or more of it is broken than not.
fn sequence(body: &[u8]) -> Option<Records<'_>> {
    const SEPARATOR: u8 = 0x1e;
    let texts = body.trim_ascii_start().strip_prefix(&[SEPARATOR])?;
    let mut records = Records::default();
    let texts = texts
        .split(|byte| *byte == SEPARATOR)
        .map(<[u8]>::trim_ascii);
    for text in texts.filter(|text| !text.is_empty()) {
        match serde_json::from_slice::<Value<'_>>(text) {
            Ok(value) => records.add(value),
            Err(error) => {
                let record = records.count().saturating_add(1);
                let (line, column) = (error.line(), error.column());
                let error = format!(
                    "the text is not valid JSON: {} at line {line}, column {column} of it",
                    what(&error)
                );
                records.bad.push(BadRecord { record, error });
            }
        }
    }
    (records.good.len() >= records.bad.len().max(1)).then_some(records)
}

/// How many broken records a batch may have.
const MOST_BROKEN: usize = 100;

/// The records of a batch that is whole from its first bracket to its last, and of which some are
/// broken; `None` if it is none, or if more of it is broken than not.
fn broken_batch<'b>(body: &'b [u8], work: &WorkBudget) -> Option<Records<'b>> {
    let (shape, mut rest) = quick::batch(body.trim_ascii())?;
    if shape == Shape::Lines {
        return None;
    }
    let mut records = Records {
        envelope: shape == Shape::Envelope,
        ..Records::default()
    };
    while !rest.is_empty() && records.bad.len() <= MOST_BROKEN {
        if work.is_spent() {
            return None;
        }
        match item(rest, work) {
            Ok((value, after)) => {
                records.push(value);
                rest = after;
            }
            Err(error) => {
                let record = records.count().saturating_add(1);
                let error = format!("the record is not valid JSON: {error}");
                records.bad.push(BadRecord { record, error });
                rest = next_object(rest);
            }
        }
    }
    (records.good.len() > records.bad.len()).then_some(records)
}

/// The first item of an array's text, and what comes after it and its comma.
fn item<'b>(text: &'b [u8], work: &WorkBudget) -> Result<(Value<'b>, &'b [u8]), String> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter();
    let told = |error: &serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        format!("{} at line {line}, column {column} of it", what(error))
    };
    let next = values.next();
    let read = match &next {
        Some(Err(error)) => place(text, error),
        Some(Ok(_)) | None => values.byte_offset(),
    };
    work.charge(read.saturating_mul(PARSED));
    let value = match next {
        Some(value) => value.map_err(|error| told(&error))?,
        None => return Err("nothing".to_owned()),
    };
    let after = text.get(values.byte_offset()..).unwrap_or_default();
    match after.trim_ascii_start() {
        [] => Ok((value, &[])),
        [b',', after @ ..] => Ok((value, after.trim_ascii_start())),
        _ => Err("expected `,` after it".to_owned()),
    }
}

/// Where in a text a parser stopped.
fn place(text: &[u8], error: &serde_json::Error) -> usize {
    let lines = error.line().saturating_sub(1);
    let mut ends = memchr::memchr_iter(b'\n', text);
    let line = match lines.checked_sub(1) {
        Some(before) => ends.nth(before).unwrap_or(text.len()),
        None => 0,
    };
    line.saturating_add(error.column())
}

/// What begins with the next object that follows another one in an array.
fn next_object(text: &[u8]) -> &[u8] {
    let mut ends = memchr::memmem::find_iter(text, b"},");
    let next = ends.find_map(|end| {
        let after = text.get(end.checked_add(2)?..)?.trim_ascii_start();
        after.starts_with(b"{").then_some(after)
    });
    next.unwrap_or_default()
}
