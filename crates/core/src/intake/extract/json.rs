//! Finds denials in documents: JSON, JSON lines, records, and whatever is none of these.

use super::message::quoted;
use super::record::Fields;
use super::registry::sibling_fields;
use super::registry::sibling_fields::{Around, Looker, pairs};
use super::{Found, may_hold_denial, newest, record, result_fields, table, thoroughly};
use crate::intake::denial::{Attribution, Kind, Service};
use crate::intake::document::{Map, Value};
use crate::intake::work::WorkBudget;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

/// How deep JSON inside strings of JSON is read as a document; deeper it is text, which is found too.
const NESTED: usize = 16;
/// How many steps it takes to ask an object's fields for what a record may say.
const RECORD: usize = 40;

/// The distinct denials in a text that may be a document.
#[cfg(test)]
pub(super) fn parse_document(bytes: &[u8]) -> Vec<crate::intake::denial::Denial> {
    let found = in_text(&decode(bytes), &WorkBudget::unlimited());
    found.into_iter().map(|found| found.denial).collect()
}

/// The denials in a text that may be JSON, JSON lines, or have lines of JSON in it.
#[cfg(test)]
fn in_text(text: &str, work: &WorkBudget) -> Vec<Found> {
    let found = parts(text, work).into_iter().flat_map(|part| match part {
        Part::Text(text) => in_lines(&text, work),
        Part::Document(value) => in_value(&value, work),
    });
    once(found.collect())
}

/// A part of a text.
pub(crate) enum Part<'t> {
    /// Lines that belong together.
    Text(Cow<'t, str>),
    /// A document, as a record of its own.
    Document(Value<'t>),
}

/// The parts of a text that may be JSON, JSON lines, or have lines of JSON in it.
pub(crate) fn parts<'t>(text: &'t str, work: &WorkBudget) -> Vec<Part<'t>> {
    work.charge(text.len().saturating_mul(2));
    if !may_hold_denial(text.as_bytes()) {
        return Vec::new();
    }
    let values = serde_json::Deserializer::from_str(text).into_iter();
    let whole: Result<Vec<Value<'_>>, _> = values.collect();
    match whole {
        Ok(values) => match log_lines(&values) {
            Some(log) => vec![Part::Text(Cow::Owned(log))],
            None => values.into_iter().map(Part::Document).collect(),
        },
        Err(_) => by_line(text, work),
    }
}

/// Text as its author wrote it, from a file or a pipe: bytes that are not UTF-8 are read as UTF-16 or UTF-32
/// where a byte order mark says so, else leniently.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let utf_16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, _) = rest.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        char::decode_utf16(units)
            .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    let utf_32 = |rest: &[u8], unit: fn([u8; 4]) -> u32| {
        let (units, _) = rest.as_chunks::<4>();
        let letters = units.iter().map(|letter| char::from_u32(unit(*letter)));
        letters
            .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => Cow::Owned(utf_32(rest, u32::from_le_bytes)),
        [0, 0, 0xfe, 0xff, rest @ ..] => Cow::Owned(utf_32(rest, u32::from_be_bytes)),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf_16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf_16(rest, u16::from_be_bytes)),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    }
}

/// Whether bytes begin with a mark of UTF-16 or UTF-32.
pub(crate) fn is_wide(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || bytes.starts_with(&[0, 0, 0xfe, 0xff])
}

/// The log that a container runtime wrote as one JSON object for each line, or for each part of a long one;
/// `None` for anything else. Its times stand before its lines.
pub(crate) fn log_lines<'v, 't: 'v>(
    values: impl IntoIterator<Item = &'v Value<'t>>,
) -> Option<String> {
    let mut log = String::new();
    let mut count: usize = 0;
    for value in values {
        let said = |name: &str| value.get(name).and_then(Value::as_str);
        let (line, _) = said("log").zip(said("stream"))?;
        let ours = |name: &str| matches!(name, "log" | "stream" | "time" | "attrs");
        if !value.as_object()?.keys().all(ours) {
            return None;
        }
        if let Some(time) = said("time").filter(|_| log.is_empty() || log.ends_with('\n')) {
            log.push_str(time);
            log.push(' ');
        }
        log.push_str(line);
        count = count.saturating_add(1);
    }
    (count > 1).then_some(log)
}

/// Lines that are JSON are records of their own; the lines between them are one text.
fn by_line<'t>(text: &'t str, work: &WorkBudget) -> Vec<Part<'t>> {
    work.charge(text.len().saturating_mul(2));
    let mut parts = Vec::new();
    let block = |from: usize, to: usize| text.get(from..to).filter(|block| !block.is_empty());
    let mut block_from = 0;
    let mut at: usize = 0;
    for line in text.split_inclusive('\n') {
        let end = at.saturating_add(line.len());
        if let Some(value) = json_in(line).filter(|value| !is_answer(value)) {
            parts.extend(block(block_from, at).map(|text| Part::Text(Cow::Borrowed(text))));
            parts.push(Part::Document(value));
            block_from = end;
        }
        at = end;
    }
    parts.extend(block(block_from, text.len()).map(|text| Part::Text(Cow::Borrowed(text))));
    parts
}

/// The denials in lines that are no documents.
pub(crate) fn in_lines(text: &str, work: &WorkBudget) -> Vec<Found> {
    if may_hold_denial(text.as_bytes()) {
        thoroughly(text, work)
    } else {
        Vec::new()
    }
}

/// A line that is a JSON object or array, or a record behind what a log puts before it.
fn json_in(line: &str) -> Option<Value<'_>> {
    let trimmed = line.trim();
    if trimmed.starts_with(['{', '[']) {
        return serde_json::from_str(trimmed).ok();
    }
    let row = ["esultDescription", "allerIpAddress"];
    let row = row.iter().any(|name| trimmed.contains(name));
    let object = trimmed.get(trimmed.find('{')?..).filter(|_| row)?;
    let mut values = serde_json::Deserializer::from_str(object).into_iter();
    values.next()?.ok()
}

/// Whether a line is a registry's answer and no record: clients print it below the request
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>).
fn is_answer(value: &Value<'_>) -> bool {
    let fields = value.as_object();
    fields.is_some_and(|fields| {
        fields.len() == 1 && fields.get("errors").is_some_and(Value::is_array)
    })
}

/// Each denial once, in order of appearance, as surely as any of its like is known.
fn once(mut found: Vec<Found>) -> Vec<Found> {
    if found.len() < 2 {
        return found;
    }
    crate::intake::extract::grade_alike(&mut found);
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
pub(crate) fn in_value(value: &Value<'_>, work: &WorkBudget) -> Vec<Found> {
    walk(value, false, work)
}

/// The same, only in what a service wrote as its result: in a row or an alert, whose other fields are a
/// caller's own words.
pub(crate) fn in_results(value: &Value<'_>, work: &WorkBudget) -> Vec<Found> {
    walk(value, true, work)
}

fn walk(value: &Value<'_>, results: bool, work: &WorkBudget) -> Vec<Found> {
    let mut walk = Walk::new(results, Looker::new(work), work);
    walk.value(value, 0);
    once(walk.found)
}

struct Walk<'v, 'w> {
    /// The objects and arrays around the value being read, outermost first.
    above: Vec<Around<'v>>,
    /// The name of the field that is being read.
    key: &'v str,
    /// Whether only what a service wrote as its result counts.
    results: bool,
    found: Vec<Found>,
    looker: Looker<'w>,
    work: &'w WorkBudget,
}

impl<'v, 'w> Walk<'v, 'w> {
    fn new(results: bool, looker: Looker<'w>, work: &'w WorkBudget) -> Self {
        Self {
            above: Vec::new(),
            key: "",
            results,
            found: Vec::new(),
            looker,
            work,
        }
    }

    fn value(&mut self, value: &'v Value<'v>, nested: usize) {
        if !self.work.charge(1) {
            return;
        }
        match value {
            Value::String(text) => self.text(text, nested),
            Value::Array(items) if items.iter().any(Value::is_string) => self.lines(items, nested),
            Value::Array(items) => {
                let before = self.found.len();
                let fields: Option<Map<'v>> = pairs(value).map(|pairs| {
                    let named = pairs.into_iter();
                    let named = named.map(|(name, value)| (Cow::Borrowed(name), value.clone()));
                    named.collect()
                });
                let outer = (self.results, self.key);
                let azures = |fields: &Map<'_>| record::is_azures(&Fields::of(fields));
                self.results |= fields.as_ref().is_some_and(azures);
                self.above.push(Around::of(value));
                for item in items {
                    self.value(item, nested);
                }
                self.above.pop();
                (self.results, self.key) = outer;
                if let Some(fields) = fields {
                    self.record(&Fields::of(&fields), before);
                }
            }
            Value::Object(fields) => self.object((value, fields), nested),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Reads an object as what it is: a monitor's notice, a table, a record. What it says to be over is
    /// no denial, nor is what a query quotes.
    fn object(&mut self, (value, fields): (&'v Value<'v>, &'v Map<'v>), nested: usize) {
        let alerts = quoted::alerts(fields);
        let over = alerts.is_none() && quoted::tells_of_end(fields);
        if over || record::is_notice(fields) {
            return;
        }
        let before = self.found.len();
        self.work.charge(fields.len().saturating_mul(RECORD));
        let known = Fields::of(fields);
        let outer = (self.results, self.key);
        self.results |= record::is_azures(&known);
        self.above.push(Around::of(value));
        if let Some(alerts) = alerts {
            for alert in alerts {
                self.value(alert, nested);
            }
        } else if let Some(rows) = table::rows(fields, self.work).filter(|_| nested < NESTED) {
            for row in rows {
                self.inner(&row, nested, true);
            }
        } else if self.results
            && let Some((name, value)) = sibling_fields::pair(value)
        {
            self.field(name, value, nested);
        } else {
            for (name, field) in fields.iter() {
                self.field(name, field, nested);
            }
        }
        self.above.pop();
        (self.results, self.key) = outer;
        self.record(&known, before);
    }

    /// Reads a field, if it may state a denial.
    fn field(&mut self, name: &'v str, field: &'v Value<'v>, nested: usize) {
        let states = !self.results || result_fields::may_state(name, field);
        if states && !quoted::is_query_name(name) {
            self.key = name;
            self.value(field, nested);
        }
    }

    /// Reads a document within this one.
    fn inner(&mut self, value: &Value<'_>, nested: usize, results: bool) {
        let mut walk = Walk::new(results, self.looker.within(), self.work);
        walk.value(value, nested.saturating_add(1));
        self.looker.after(&walk.looker);
        let found = walk.found;
        self.add(found);
    }

    /// Tells what was found in an object since `before` about the record that the object is; a record
    /// in which nothing was found may be a refusal itself.
    fn record(&mut self, fields: &Fields<'_>, before: usize) {
        let Some(about) = record::about(fields) else {
            return;
        };
        let mut index = 0;
        self.found.retain(|found| {
            index = usize::saturating_add(index, 1);
            index <= before || record::bears_out(fields, &found.denial)
        });
        if self.found.len() == before {
            let refusal = record::refusal(fields, &about);
            self.found.extend(refusal.map(|denial| Found {
                row: true,
                about: Some(Rc::new(about)),
                ..Found::plain(denial)
            }));
            return;
        }
        let about = Rc::new(about);
        for found in self.found.iter_mut().skip(before) {
            if found.about.is_none() && found.denial.service == Service::Acr {
                found.about = Some(Rc::clone(&about));
                let denial = &mut found.denial;
                if denial.registry.is_some() && denial.registry == about.login_server {
                    denial.attribution = Some(Attribution::Stated);
                }
                if denial.resource.is_none() {
                    denial.resource.clone_from(&about.resource_id);
                }
            }
        }
    }

    /// Strings of an array are lines of one text, but for those that are documents.
    fn lines(&mut self, items: &'v [Value<'v>], nested: usize) {
        let document = |text: &str| text.trim_start().starts_with(['{', '[']);
        let text = |item: &'v Value<'v>| item.as_str().filter(|text| !document(text));
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
            && let Ok(inner) = serde_json::from_str::<Value<'_>>(trimmed)
        {
            self.work.charge(trimmed.len());
            self.inner(&inner, nested, self.results);
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
                !denial.names_registry_surely() || denial.repository.is_none() && !found.login;
            if denial.service == Service::Acr && denial.kind == Kind::Denied && incomplete {
                sibling_fields::complete(denial, self.key, &mut self.above, &mut self.looker);
            }
            self.found.push(found);
        }
    }

    /// When the nearest record around says that it was written.
    fn time(&self) -> Option<Timestamp> {
        self.above.iter().rev().find_map(Around::at)
    }
}
