//! Event Grid events and CloudEvents: handshakes, events that can never carry a denial, and data
//! that may.

use super::Head;
use super::change;
use super::records::Records;
use super::reports::{Context, Reports};
use crate::intake::document::Value;
use crate::intake::extract::record;
use base64::Engine;

/// Reads an event in `EventGridSchema`.
///
/// Source: <https://learn.microsoft.com/azure/event-grid/event-schema>.
pub(super) fn grid_event(event: &Value<'_>, reports: &mut Reports) -> Result<(), &'static str> {
    let kind = text(event, "eventType").ok_or("`eventType` is not a string")?;
    if kind.eq_ignore_ascii_case("Microsoft.EventGrid.SubscriptionValidationEvent") {
        // The code is echoed; the `validationUrl` beside it is never fetched.
        let code = event
            .get("data")
            .and_then(|data| text(data, "validationCode"));
        let code = code.filter(|code| !code.is_empty() && code.len() <= 256);
        reports.validate(code.ok_or("the validation event has no `data.validationCode`")?);
        return Ok(());
    }
    let registry = ["topic", "subject"]
        .iter()
        .find_map(|name| record::registry_id(text(event, name)?));
    let context = Context {
        event_id: text(event, "id")
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        at: text(event, "eventTime").and_then(|time| time.parse().ok()),
        resource_id: registry,
    };
    data(kind, event.get("data"), &context, reports);
    Ok(())
}

/// Reads a `CloudEvent` in structured mode, alone or of a batch.
///
/// Source: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>.
pub(super) fn cloud_event(event: &Value<'_>, reports: &mut Reports) -> Result<(), &'static str> {
    let kind = text(event, "type").ok_or("`type` is not a string")?;
    let context = context(|name| text(event, name));
    let encoded = match text(event, "data_base64") {
        Some(encoded) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
            let bytes = bytes.map_err(|_| "`data_base64` is not valid base64")?;
            Some(Value::String(
                String::from_utf8_lossy(&bytes).into_owned().into(),
            ))
        }
        None => None,
    };
    data(
        kind,
        event.get("data").or(encoded.as_ref()),
        &context,
        reports,
    );
    Ok(())
}

/// What the headers of an event in binary mode say of it.
pub(super) fn binary_mode(head: &Head) -> Context {
    context(|name| head.attribute(name))
}

/// Reads the data of an event in binary mode.
pub(super) fn data_of_binary_mode(head: &Head, records: &Records<'_>, reports: &mut Reports) {
    let kind = head.attribute("type").unwrap_or_default();
    let context = binary_mode(head);
    reports.records(1);
    reports.bad(records.bad.clone());
    for (_, record) in &records.good {
        data(kind, Some(record), &context, reports);
    }
}

/// An event is the same event where `source` and `id` are the same.
fn context<'e>(attribute: impl Fn(&str) -> Option<&'e str>) -> Context {
    let id = attribute("id").filter(|id| !id.is_empty());
    let source = attribute("source").unwrap_or_default();
    let registry = [source, attribute("subject").unwrap_or_default()];
    Context {
        event_id: id.map(|id| format!("{source} {id}")),
        at: attribute("time").and_then(|time| time.parse().ok()),
        resource_id: registry.into_iter().find_map(record::registry_id),
    }
}

/// Reads the data of an event of this type, if it can carry a denial.
fn data(kind: &str, data: Option<&Value<'_>>, context: &Context, reports: &mut Reports) {
    if let Some(change) = data.and_then(|data| change::of(kind, data, context)) {
        reports.change(change);
        return;
    }
    if let Some(name) = never_a_denial(kind) {
        reports.pass_over(name);
        return;
    }
    if let Some(data) = data {
        reports.value(data, context);
    }
}

/// The types of events that can never carry a denial, with their names.
const TYPES: &[(&str, &str)] = &[
    (
        "microsoft.eventgrid.subscriptiondeletedevent",
        "subscription deleted",
    ),
    (
        "microsoft.eventgrid.subscriptionvalidationevent",
        "subscription validation",
    ),
    ("microsoft.containerregistry.imagepushed", "image pushed"),
    ("microsoft.containerregistry.imagedeleted", "image deleted"),
    ("microsoft.containerregistry.chartpushed", "chart pushed"),
    ("microsoft.containerregistry.chartdeleted", "chart deleted"),
    ("microsoft.storage.blobcreated", "blob created"),
    (
        "microsoft.eventhub.capturefilecreated",
        "capture file created",
    ),
    (
        "microsoft.resources.resourcewritesuccess",
        "resource written",
    ),
    (
        "microsoft.resources.resourcewritefailure",
        "resource write failed",
    ),
    (
        "microsoft.resources.resourcewritecancel",
        "resource write cancelled",
    ),
    (
        "microsoft.resources.resourcedeletesuccess",
        "resource deleted",
    ),
    (
        "microsoft.resources.resourcedeletefailure",
        "resource deletion failed",
    ),
    (
        "microsoft.resources.resourcedeletecancel",
        "resource deletion cancelled",
    ),
    (
        "microsoft.resources.resourceactionsuccess",
        "resource action",
    ),
    (
        "microsoft.resources.resourceactionfailure",
        "resource action failed",
    ),
    (
        "microsoft.resources.resourceactioncancel",
        "resource action cancelled",
    ),
];

/// How the types of a registry's own events begin.
const REGISTRY: &str = "Microsoft.ContainerRegistry.";

/// The name of the events of a type that can never carry a denial.
fn never_a_denial(kind: &str) -> Option<&'static str> {
    let known = TYPES
        .iter()
        .find(|(known, _)| kind.eq_ignore_ascii_case(known))
        .map(|(_, name)| *name);
    // What a registry tells of those it has served holds their own words.
    let of_registry = kind.get(..REGISTRY.len());
    let of_registry = of_registry.is_some_and(|start| start.eq_ignore_ascii_case(REGISTRY));
    known.or(of_registry.then_some("event of a registry"))
}

pub(super) fn text<'v>(value: &'v Value<'v>, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}
