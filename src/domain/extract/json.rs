//! Finds denials in documents: JSON, JSON lines, records, and whatever is none of these.

use super::mention::{self, Mention};
use super::record;
use super::record::Fields;
use super::{Found, frame, may_hold_denial, thoroughly, unescape};
use crate::domain::denial::{Denial, Kind, Service};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

/// How deep JSON inside strings of JSON is read as a document; deeper it is text, which is found too.
const NESTED: usize = 16;
/// How much is looked through for the registry that a record names elsewhere than beside its message.
const ELSEWHERE: usize = 1 << 20;

/// The distinct denials in a document of any kind, in order of appearance.
///
/// Bytes that are not UTF-8 are read as UTF-16 where a byte order mark says so, else leniently.
pub fn parse_document(bytes: &[u8]) -> Vec<Denial> {
    let found = in_text(&decode(bytes));
    found.into_iter().map(|found| found.denial).collect()
}

/// The denials in a text that may be JSON, JSON lines, or have lines of JSON in it.
pub(in crate::domain) fn in_text(text: &str) -> Vec<Found> {
    if !may_hold_denial(text.as_bytes()) {
        return Vec::new();
    }
    let values = serde_json::Deserializer::from_str(text).into_iter();
    let whole: Result<Vec<Value>, _> = values.collect();
    once(match whole {
        Ok(values) => match log_lines(&values) {
            Some(log) => thoroughly(&log),
            None => values.iter().flat_map(in_value).collect(),
        },
        Err(_) => by_line(text),
    })
}

/// Text as its author wrote it, from a file or a pipe.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let utf_16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, _) = rest.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        char::decode_utf16(units)
            .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf_16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf_16(rest, u16::from_be_bytes)),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    }
}

/// The log that a container runtime wrote as one JSON object for each line; `None` for anything else.
fn log_lines(values: &[Value]) -> Option<String> {
    let line = |value: &Value| {
        value.get("stream").and_then(Value::as_str)?;
        value.get("log").and_then(Value::as_str).map(str::to_owned)
    };
    let lines: Option<Vec<String>> = values.iter().map(line).collect();
    lines
        .filter(|lines| lines.len() > 1)
        .map(|lines| lines.concat())
}

/// Lines that are JSON are records of their own; the lines between them are one text.
fn by_line(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut block_from = 0;
    let mut at: usize = 0;
    for line in text.split_inclusive('\n') {
        let end = at.saturating_add(line.len());
        if let Some(value) = json_in(line).filter(|value| !is_answer(value)) {
            found.extend(in_lines(text.get(block_from..at).unwrap_or_default()));
            found.extend(in_value(&value));
            block_from = end;
        }
        at = end;
    }
    found.extend(in_lines(text.get(block_from..).unwrap_or_default()));
    found
}

fn in_lines(text: &str) -> Vec<Found> {
    if may_hold_denial(text.as_bytes()) {
        thoroughly(text)
    } else {
        Vec::new()
    }
}

/// A line that is a JSON object or array, or a record behind what a log puts before it.
fn json_in(line: &str) -> Option<Value> {
    let trimmed = line.trim();
    if trimmed.starts_with(['{', '[']) {
        return serde_json::from_str(trimmed).ok();
    }
    let row =
        trimmed.contains("403") && trimmed.contains("esultDescription") && trimmed.ends_with('}');
    let object = trimmed.get(trimmed.find('{')?..).filter(|_| row)?;
    serde_json::from_str(object).ok()
}

/// Whether a line is a registry's answer and no record: clients print it below the request
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>).
fn is_answer(value: &Value) -> bool {
    let fields = value.as_object();
    fields.is_some_and(|fields| {
        fields.len() == 1 && fields.get("errors").is_some_and(Value::is_array)
    })
}

/// Each denial once, in order of appearance.
fn once(found: Vec<Found>) -> Vec<Found> {
    let mut seen = HashSet::new();
    found
        .into_iter()
        .filter(|found| seen.insert(found.denial.clone()))
        .collect()
}

/// The denials in a JSON value: in its strings at any depth, and in records with status 403.
pub(in crate::domain) fn in_value(value: &Value) -> Vec<Found> {
    let mut walk = Walk {
        above: Vec::new(),
        found: Vec::new(),
        elsewhere: ELSEWHERE,
    };
    walk.value(value, 0);
    once(walk.found)
}

struct Walk<'v> {
    /// The objects and arrays around the value being read, outermost first.
    above: Vec<&'v Value>,
    found: Vec<Found>,
    elsewhere: usize,
}

impl<'v> Walk<'v> {
    fn value(&mut self, value: &'v Value, nested: usize) {
        match value {
            Value::String(text) => self.text(text, nested),
            Value::Array(items) if items.iter().any(Value::is_string) => self.lines(items, nested),
            Value::Array(items) => {
                self.above.push(value);
                for item in items {
                    self.value(item, nested);
                }
                self.above.pop();
            }
            Value::Object(fields) => {
                let before = self.found.len();
                self.above.push(value);
                for field in fields.values() {
                    self.value(field, nested);
                }
                self.above.pop();
                self.record(fields, before);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Tells what was found in an object since `before` about the record that the object is; a record
    /// in which nothing was found may be a refusal itself.
    fn record(&mut self, fields: &Map<String, Value>, before: usize) {
        let fields = Fields::of(fields);
        let Some(about) = record::about(&fields) else {
            return;
        };
        let refusal = record::refusal(&fields, &about);
        let about = Rc::new(about);
        if self.found.len() == before {
            self.found.extend(refusal.map(|denial| Found {
                row: true,
                about: Some(Rc::clone(&about)),
                ..Found::plain(denial)
            }));
            return;
        }
        for found in self.found.iter_mut().skip(before) {
            if found.about.is_none() && found.denial.service == Service::Acr {
                found.about = Some(Rc::clone(&about));
                if found.denial.resource.is_none() {
                    found.denial.resource.clone_from(&about.resource_id);
                }
            }
        }
    }

    /// Strings of an array are lines of one text, but for those that are documents.
    fn lines(&mut self, items: &'v [Value], nested: usize) {
        let document = |text: &str| text.trim_start().starts_with(['{', '[']);
        let text = |item: &'v Value| item.as_str().filter(|text| !document(text));
        let lines: Vec<&str> = items.iter().filter_map(text).collect();
        self.text(&lines.join("\n"), nested);
        for item in items.iter().filter(|item| text(item).is_none()) {
            self.value(item, nested);
        }
    }

    fn text(&mut self, text: &str, nested: usize) {
        if !may_hold_denial(text.as_bytes()) {
            return;
        }
        let trimmed = text.trim();
        if nested < NESTED
            && trimmed.starts_with(['{', '['])
            && let Ok(inner) = serde_json::from_str::<Value>(trimmed)
        {
            let mut walk = Walk {
                above: Vec::new(),
                found: Vec::new(),
                elsewhere: self.elsewhere,
            };
            walk.value(&inner, nested.saturating_add(1));
            self.elsewhere = walk.elsewhere;
            self.add(walk.found);
            return;
        }
        self.add(thoroughly(text));
    }

    /// Adds what was found, with what the record names beside the text.
    fn add(&mut self, found: Vec<Found>) {
        for mut found in found {
            let denial = &mut found.denial;
            let incomplete =
                denial.registry.is_none() || denial.repository.is_none() && !found.login;
            if denial.service == Service::Acr && denial.kind == Kind::Denied && incomplete {
                self.complete(denial);
            }
            self.found.push(found);
        }
    }

    /// Completes a denial by what the objects around its text name, the nearest that names any
    /// registry; not if it names several. Other items of an array are other records, and say nothing
    /// about this one.
    fn complete(&mut self, denial: &mut Denial) {
        let mut inner: Option<&Value> = None;
        for around in self.above.iter().rev() {
            let mut named = Vec::new();
            for (key, field) in beside(around) {
                if !inner.is_some_and(|inner| holds(inner, field)) {
                    collect(key, field, &mut named, &mut self.elsewhere);
                }
            }
            inner = Some(around);
            if named.is_empty() {
                continue;
            }
            let Some(registry) = only(named.iter().map(|mention| mention.registry.as_ref())) else {
                return;
            };
            if denial
                .registry
                .as_ref()
                .is_none_or(|known| *known == registry)
            {
                denial.registry = Some(registry);
                let images = || named.iter().filter(|mention| mention.repository.is_some());
                if denial.repository.is_none() {
                    denial.repository = only(images().map(|image| image.repository.as_ref()));
                    let references = images().map(|image| image.reference.as_ref());
                    denial.reference = only(references).filter(|_| denial.repository.is_some());
                }
            }
            return;
        }
    }
}

/// The fields of a record. Pairs of a name and a value are fields as well: so Azure Batch and
/// OpenTelemetry write records.
fn beside(value: &Value) -> Vec<(&str, &Value)> {
    let pair = |item| -> Option<(&str, &Value)> {
        let fields = Value::as_object(item).filter(|fields| fields.len() == 2)?;
        let name = fields.get("name").or_else(|| fields.get("key"))?;
        Some((name.as_str()?, fields.get("value")?))
    };
    match value {
        Value::Object(fields) => fields.iter().map(|(key, field)| (&**key, field)).collect(),
        Value::Array(items) => {
            let pairs: Option<Vec<_>> = items.iter().map(pair).collect();
            pairs.unwrap_or_default()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Whether `field` is the value that was come from, or the one of the pair that it is.
fn holds(inner: &Value, field: &Value) -> bool {
    std::ptr::eq(inner, field)
        || inner
            .get("value")
            .is_some_and(|value| std::ptr::eq(value, field))
}

/// The value that all of these are, if there is any.
fn only<'m>(mut values: impl Iterator<Item = Option<&'m String>>) -> Option<String> {
    let first = values.next()??;
    values
        .all(|value| value == Some(first))
        .then(|| first.clone())
}

/// The registries that the strings of a value name, until `budget` bytes have been looked at.
fn collect(key: &str, value: &Value, named: &mut Vec<Mention>, budget: &mut usize) {
    match value {
        Value::String(text) => {
            let Some(left) = budget.checked_sub(text.len().saturating_add(16)) else {
                return;
            };
            *budget = left;
            named.extend(
                named_by(key, text)
                    .into_iter()
                    .filter(|mention| mention.registry.is_some()),
            );
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(key, item, named, budget)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, field)| collect(key, field, named, budget)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The registries that one string names: by their own domain anywhere in it, by a custom domain
/// where its key says that it is an image or a registry.
fn named_by(key: &str, text: &str) -> Vec<Mention> {
    let text = unescape::clean(text);
    let own = mention::all(&text);
    if !own.is_empty() || !names_image(key) {
        return own;
    }
    let line = format!("image {text}");
    let host = frame::named_host(&line);
    host.map(|(from, to)| mention::custom_domain(&line, from, to))
        .into_iter()
        .collect()
}

/// Whether what goes by this name is an image or a registry.
pub(super) fn names_image(key: &str) -> bool {
    const KEYS: &[&str] = &[
        "image",
        "registry",
        "loginserver",
        "login_server",
        "registryserver",
        "registry_server",
        "imagename",
        "image_name",
    ];
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
}
