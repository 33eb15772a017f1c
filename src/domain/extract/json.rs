//! Finds denials in documents: JSON, JSON lines, records, and whatever is none of these.

use super::beside::{Around, Looker, pairs};
use super::record;
use super::record::Fields;
use super::{Found, may_hold_denial, newest, quoted, table, thoroughly};
use crate::domain::denial::{Denial, Kind, Service};
use crate::domain::work::WorkBudget;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

/// How deep JSON inside strings of JSON is read as a document; deeper it is text, which is found too.
const NESTED: usize = 16;
/// How many steps it takes to ask an object's fields for what a record may say.
const RECORD: usize = 40;

/// The distinct denials in a document of any kind, in order of appearance.
///
/// Bytes that are not UTF-8 are read as UTF-16 where a byte order mark says so, else leniently.
pub fn parse_document(bytes: &[u8]) -> Vec<Denial> {
    let found = in_text(&decode(bytes), &WorkBudget::unlimited());
    found.into_iter().map(|found| found.denial).collect()
}

/// The denials in a text that may be JSON, JSON lines, or have lines of JSON in it.
pub(in crate::domain) fn in_text(text: &str, work: &WorkBudget) -> Vec<Found> {
    work.charge(text.len());
    if !may_hold_denial(text.as_bytes()) {
        return Vec::new();
    }
    work.charge(text.len());
    let values = serde_json::Deserializer::from_str(text).into_iter();
    let whole: Result<Vec<Value>, _> = values.collect();
    once(match whole {
        Ok(values) => match log_lines(&values) {
            Some(log) => thoroughly(&log, work),
            None => values
                .iter()
                .flat_map(|value| in_value(value, work))
                .collect(),
        },
        Err(_) => by_line(text, work),
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
fn by_line(text: &str, work: &WorkBudget) -> Vec<Found> {
    work.charge(text.len().saturating_mul(2));
    let mut found = Vec::new();
    let mut block_from = 0;
    let mut at: usize = 0;
    for line in text.split_inclusive('\n') {
        let end = at.saturating_add(line.len());
        if let Some(value) = json_in(line).filter(|value| !is_answer(value)) {
            let block = text.get(block_from..at).unwrap_or_default();
            found.extend(in_lines(block, work));
            found.extend(in_value(&value, work));
            block_from = end;
        }
        at = end;
    }
    let block = text.get(block_from..).unwrap_or_default();
    found.extend(in_lines(block, work));
    found
}

fn in_lines(text: &str, work: &WorkBudget) -> Vec<Found> {
    if may_hold_denial(text.as_bytes()) {
        thoroughly(text, work)
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
    let times: Vec<_> = {
        let newest = newest(&found);
        let time = |found: &Found| newest.get(&found.denial).copied().flatten();
        found.iter().map(time).collect()
    };
    let mut seen = HashSet::new();
    found
        .into_iter()
        .zip(times)
        .filter(|(found, _)| seen.insert(found.denial.clone()))
        .map(|(found, at)| Found { at, ..found })
        .collect()
}

/// The denials in a JSON value: in its strings at any depth, and in records with status 403.
pub(in crate::domain) fn in_value(value: &Value, work: &WorkBudget) -> Vec<Found> {
    let mut walk = Walk {
        above: Vec::new(),
        found: Vec::new(),
        looker: Looker::new(work),
        work,
    };
    walk.value(value, 0);
    once(walk.found)
}

struct Walk<'v, 'w> {
    /// The objects and arrays around the value being read, outermost first.
    above: Vec<Around<'v>>,
    found: Vec<Found>,
    looker: Looker<'w>,
    work: &'w WorkBudget,
}

impl<'v> Walk<'v, '_> {
    fn value(&mut self, value: &'v Value, nested: usize) {
        if !self.work.charge(1) {
            return;
        }
        match value {
            Value::String(text) => self.text(text, nested),
            Value::Array(items) if items.iter().any(Value::is_string) => self.lines(items, nested),
            Value::Array(items) => {
                let before = self.found.len();
                self.above.push(Around::of(value));
                for item in items {
                    self.value(item, nested);
                }
                self.above.pop();
                if self.found.len() == before
                    && let Some(pairs) = pairs(value)
                {
                    let named = pairs.into_iter();
                    let named = named.map(|(name, value)| (name.to_owned(), value.clone()));
                    self.record(&named.collect(), before);
                }
            }
            Value::Object(fields) => self.object(value, fields, nested),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Reads an object as what it is: a monitor's notice, a table, a record. What it says to be over is
    /// no denial, nor is what a query quotes.
    fn object(&mut self, value: &'v Value, fields: &'v Map<String, Value>, nested: usize) {
        let alerts = quoted::alerts(fields);
        if alerts.is_none() && quoted::tells_of_end(fields) {
            return;
        }
        let before = self.found.len();
        self.above.push(Around::of(value));
        if let Some(alerts) = alerts {
            for alert in alerts {
                self.value(alert, nested);
            }
        } else if let Some(rows) = table::rows(fields, self.work).filter(|_| nested < NESTED) {
            for row in rows {
                self.inner(&row, nested);
            }
        } else {
            for (name, field) in fields {
                if !quoted::is_query_name(name) {
                    self.value(field, nested);
                }
            }
        }
        self.above.pop();
        self.record(fields, before);
    }

    /// Reads a document within this one.
    fn inner(&mut self, value: &Value, nested: usize) {
        let mut walk = Walk {
            above: Vec::new(),
            found: Vec::new(),
            looker: self.looker.within(),
            work: self.work,
        };
        walk.value(value, nested.saturating_add(1));
        self.looker.after(&walk.looker);
        let found = walk.found;
        self.add(found);
    }

    /// Tells what was found in an object since `before` about the record that the object is; a record
    /// in which nothing was found may be a refusal itself.
    fn record(&mut self, fields: &Map<String, Value>, before: usize) {
        self.work.charge(fields.len().saturating_mul(RECORD));
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
        self.work.charge(text.len());
        if !may_hold_denial(text.as_bytes()) || quoted::is_link(text) {
            return;
        }
        let trimmed = text.trim();
        if nested < NESTED
            && trimmed.starts_with(['{', '['])
            && let Ok(inner) = serde_json::from_str::<Value>(trimmed)
        {
            self.work.charge(trimmed.len());
            self.inner(&inner, nested);
            return;
        }
        self.add(thoroughly(text, self.work));
    }

    /// Adds what was found, with what the record names beside the text.
    fn add(&mut self, found: Vec<Found>) {
        for mut found in found {
            let known = found.about.as_ref().and_then(|about| about.at);
            found.at = found.at.or(known).or_else(|| self.time());
            let denial = &mut found.denial;
            let incomplete =
                denial.registry.is_none() || denial.repository.is_none() && !found.login;
            if denial.service == Service::Acr && denial.kind == Kind::Denied && incomplete {
                self.complete(denial);
            }
            self.found.push(found);
        }
    }

    /// When the nearest record around says that it was written.
    fn time(&self) -> Option<Timestamp> {
        self.above.iter().rev().find_map(Around::at)
    }

    /// Completes a denial by what the objects around its text name, the nearest that names any
    /// registry; not if it names several. Other items of an array are other records, and say nothing
    /// about this one.
    fn complete(&mut self, denial: &mut Denial) {
        let mut inner: Option<&'v Value> = None;
        for around in self.above.iter_mut().rev() {
            let named = self.looker.named(around, inner);
            inner = Some(around.value);
            let Some(named) = named else {
                continue;
            };
            let Some(registry) = &named.registry else {
                return;
            };
            if denial
                .registry
                .as_ref()
                .is_none_or(|known| known == registry)
            {
                denial.registry = Some(registry.clone());
                if denial.repository.is_none() {
                    denial.repository.clone_from(&named.repository);
                    denial.reference.clone_from(&named.reference);
                }
            }
            return;
        }
    }
}
