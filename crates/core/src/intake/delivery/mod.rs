//! Takes a sender's delivery apart: which format it is, which records it holds, which denials they
//! report.
//!
//! The sender has been authenticated before. Records are read one by one, so that a bad one costs
//! no good one beside it. No content reaches an error.

mod alert;
mod bounds;
mod change;
mod dimensions;
mod event;
mod flat;
mod quick;
mod records;
mod reports;
mod row;
pub mod uses;

pub use dimensions::Dimensions;

use super::denial::Denial;
use super::extract;
use super::extract::may_hold_denial;
use super::report::{Delivery, DeliveryError, Format};
use super::work::WorkBudget;
use crate::intake::document::Value;
use memchr::memmem;
use records::{Body, Records};
use reports::Reports;
use std::collections::HashSet;
use std::rc::Rc;

/// What [`Delivery::passed_over`] calls an image that Azure Container Instances could not pull. The
/// firewall may be the cause, as may a wrong name or password: nothing says which, nor an address.
pub const INACCESSIBLE_IMAGE: &str = "inaccessible image";

/// What [`Delivery::passed_over`] calls events of a registry that tell of an image or chart.
pub const IMAGE_EVENTS: [&str; 4] = [
    "image pushed",
    "image deleted",
    "chart pushed",
    "chart deleted",
];

/// What [`Delivery::passed_over`] calls events that tell of a file, which doorward does not fetch.
pub const FILE_EVENTS: [&str; 2] = ["blob created", "capture file created"];

/// What the headers of a delivery say about its body.
///
/// Sources: <https://learn.microsoft.com/azure/event-grid/receive-events> for `aeg-`, the CloudEvents
/// HTTP protocol binding for `ce-`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `content-type`, as sent.
    pub content_type: Option<String>,
    /// `aeg-event-type`: `Notification`, `SubscriptionValidation` or `SubscriptionDeletion`.
    pub event_type: Option<String>,
    /// `aeg-subscription-name`; Event Grid writes it in capitals.
    pub subscription: Option<String>,
    /// The `ce-` headers of an event in binary mode, their names lower-case without the prefix.
    pub cloud_event: Vec<(String, String)>,
}

impl Head {
    /// Picks what matters from all headers of a request, names in any case.
    pub fn of<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            let value = || value.to_owned();
            match name.as_str() {
                "content-type" => head.content_type = Some(value()),
                "aeg-event-type" => head.event_type = Some(value()),
                "aeg-subscription-name" => head.subscription = Some(value()),
                _ => {
                    if let Some(attribute) = name.strip_prefix("ce-") {
                        head.cloud_event.push((attribute.to_owned(), value()));
                    }
                }
            }
        }
        head
    }

    /// An attribute of an event in binary mode.
    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.cloud_event.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The media type, lower-case, its parameters aside.
    fn media_type(&self) -> String {
        let whole = self.content_type.as_deref().unwrap_or_default();
        let essence = whole.split(';').next().unwrap_or_default();
        essence.trim().to_ascii_lowercase()
    }
}

/// Takes a delivery apart. Of a batch of diagnostic records, those in which nothing of interest can
/// stand are counted and not parsed: a broken one among them is not told of.
pub fn read(head: &Head, body: &[u8]) -> Result<Delivery, DeliveryError> {
    let work = WorkBudget::for_body(body.len());
    read_within((head, &Dimensions::default()), body, work)
}

/// The same for a source whose alerts have names of their own for what they are about, within a budget.
/// A body that takes more is not told of in part: nobody could know what of it was not read.
pub fn read_within(
    (head, dimensions): (&Head, &Dimensions),
    body: &[u8],
    work: WorkBudget,
) -> Result<Delivery, DeliveryError> {
    let work = Rc::new(work);
    let delivery = read_counted((head, dimensions), body, &work);
    if work.is_spent() {
        return Err(DeliveryError::TooMuchWork);
    }
    let delivery = delivery?;
    match delivery.bad.first() {
        // Nothing of it was read, and it will not be otherwise next time.
        Some(bad) if bad.error == bounds::NAMES && delivery.bad.len() == delivery.records => {
            Err(DeliveryError::OverBound {
                what: bad.error.clone(),
            })
        }
        Some(_) | None => Ok(delivery),
    }
}

fn read_counted(
    (head, dimensions): (&Head, &Dimensions),
    body: &[u8],
    work: &Rc<WorkBudget>,
) -> Result<Delivery, DeliveryError> {
    let wide = extract::json::is_wide(body).then(|| extract::json::decode(body));
    let body = wide.as_ref().map_or(body, |text| text.as_bytes());
    match quick::read((head, dimensions), work, body) {
        Some((format, reports)) => Ok(reports.into_delivery(format)),
        None => read_whole((head, dimensions), body, work),
    }
}

/// The distinct denials in a file, in order of appearance: the same that a source reports that delivers it
/// as text, which may be JSON.
pub fn denials(bytes: &[u8]) -> Vec<Denial> {
    let head = Head::of([("content-type", "text/plain")]);
    let own = (&head, &Dimensions::default());
    let read = read_within(own, bytes, WorkBudget::unlimited());
    let reports = read.map(|delivery| delivery.reports).unwrap_or_default();
    let mut seen = HashSet::new();
    let denials = reports.into_iter().map(|report| report.denial);
    denials
        .filter(|denial| seen.insert(denial.clone()))
        .collect()
}

/// Takes a delivery apart, every record of it.
fn read_whole(
    (head, dimensions): (&Head, &Dimensions),
    body: &[u8],
    work: &Rc<WorkBudget>,
) -> Result<Delivery, DeliveryError> {
    work.charge(body.len().saturating_mul(2));
    let media_type = head.media_type();
    let binary_mode = head.attribute("specversion").is_some();
    // An escape could hide it.
    let stands = |text: &str| memmem::find(body, text.as_bytes()).is_some();
    let inaccessible = stands(reports::INACCESSIBLE) || stands("\\u");
    let mut reports = Reports::begin(dimensions, inaccessible, work);
    if !may_hold_denial(body) {
        reports.silent();
    }
    let format = match records::read(&media_type, body, work)? {
        Body::Text(text) => {
            let context = if binary_mode {
                event::binary_mode(head)
            } else {
                reports::Context::default()
            };
            reports.records(usize::from(!text.trim().is_empty()));
            reports.text(&text, &context);
            if binary_mode {
                Format::CloudEvents
            } else {
                Format::Text
            }
        }
        Body::Json(records) if binary_mode => {
            event::data_of_binary_mode(head, &records, &mut reports);
            Format::CloudEvents
        }
        Body::Json(records) if records.log().is_some() => {
            reports.records(records.count());
            reports.text(
                &records.log().unwrap_or_default(),
                &reports::Context::default(),
            );
            Format::Json
        }
        Body::Json(records) => {
            let format = format_of(head, records.first(), records.envelope);
            read_records(format, records, &mut reports);
            format
        }
    };
    Ok(reports.into_delivery(format))
}

/// The format that the headers, the envelope and the first record show.
fn format_of(head: &Head, first: Option<&Value<'_>>, envelope: bool) -> Format {
    if head.event_type.is_some() && !first.is_some_and(is_cloud_event) {
        return Format::EventGrid;
    }
    match first {
        Some(first) if is_cloud_event(first) => Format::CloudEvents,
        Some(first) if is_grid_event(first) => Format::EventGrid,
        Some(first) if alert::is_alert(first) => Format::CommonAlert,
        _ if envelope => Format::Diagnostic,
        Some(first) if is_diagnostic(first) => Format::Diagnostic,
        Some(_) | None => Format::Json,
    }
}

fn read_records(format: Format, records: Records<'_>, reports: &mut Reports) {
    reports.records(records.count());
    reports.bad(records.bad);
    for (number, record) in records.good {
        read_record(format, (number, &record), reports);
    }
}

/// Reads a record as what it is; the delivery's format only says what a record must be.
fn read_record(format: Format, (number, record): (usize, &Value<'_>), reports: &mut Reports) {
    if let Err(error) = bounds::check(record) {
        reports.bad_record(number, error);
        return;
    }
    let read = match record {
        record if is_cloud_event(record) => event::cloud_event(record, reports),
        record if is_grid_event(record) => event::grid_event(record, reports),
        record if alert::is_alert(record) => alert::read(record, reports),
        record => {
            let object = record.is_object();
            match format {
                Format::EventGrid => {
                    Err("an event of Event Grid has `id`, `eventType` and `data`; this has not")
                }
                Format::CloudEvents => {
                    Err("a CloudEvent has `specversion`, `id`, `source` and `type`; this has not")
                }
                Format::Diagnostic if !object => {
                    Err("a diagnostic record is a JSON object; this is none")
                }
                Format::Diagnostic | Format::CommonAlert | Format::Json | Format::Text => {
                    if !reports.is_silent() {
                        reports.value(record, &reports::Context::default());
                    }
                    Ok(())
                }
            }
        }
    };
    // What is not what its format asks for may hold a denial all the same: so are events of a schema of
    // somebody's own.
    if let Err(error) = read {
        let found = !reports.is_silent() && reports.value(record, &reports::Context::default()) > 0;
        if !found && !carries_data(record) {
            reports.bad_record(number, error);
        }
    }
}

/// Whether a record that is no event of a known schema has more in it than what is about an event.
fn carries_data(record: &Value<'_>) -> bool {
    const ABOUT: [&str; 12] = [
        "data_base64",
        "dataVersion",
        "eventTime",
        "eventType",
        "id",
        "metadataVersion",
        "source",
        "specversion",
        "subject",
        "time",
        "topic",
        "type",
    ];
    let fields = record.as_object();
    fields.is_some_and(|fields| fields.keys().any(|name| !ABOUT.contains(&name)))
}

/// Whether a record is an event or alert of a known schema.
fn is_known(record: &Value<'_>) -> bool {
    is_cloud_event(record) || is_grid_event(record) || alert::is_alert(record)
}

fn is_cloud_event(record: &Value<'_>) -> bool {
    record.get("specversion").is_some() && record.get("type").is_some()
}

fn is_grid_event(record: &Value<'_>) -> bool {
    record.get("eventType").is_some_and(Value::is_string) && record.get("data").is_some()
}

fn is_diagnostic(record: &Value<'_>) -> bool {
    let has = |name: &str| {
        record
            .as_object()
            .is_some_and(|record| extract::record::field(record, name).is_some())
    };
    (has("category") || has("Type"))
        && (has("resourceId") || has("_ResourceId") || has("callerIpAddress"))
        || has("operationName") && has("resourceId")
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
