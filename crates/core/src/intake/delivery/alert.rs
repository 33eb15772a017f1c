//! The Azure Monitor common alert schema: log alerts by their dimensions or search results, activity
//! log alerts by what they quote.
//!
//! Source: <https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-payload-samples>.

use super::reports::{Context, Reports};
use crate::intake::document::{Map, Value};
use crate::intake::extract::message::quoted;
use crate::intake::extract::record;
use crate::intake::extract::record::{Fields, field};
use crate::intake::extract::table;

/// Alerts that action groups send as a test name this subscription.
const TEST_SUBSCRIPTION: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/";
/// How many rows of search results are read.
const ROWS: usize = 10_000;

/// Whether a record is an alert.
pub(super) fn is_alert(record: &Value<'_>) -> bool {
    record.as_object().is_some_and(|record| {
        let schema = field(record, "schemaId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let known = [
            "azureMonitorCommonAlertSchema",
            "Microsoft.Insights/LogAlert",
        ];
        known.iter().any(|known| schema.eq_ignore_ascii_case(known))
            && field(record, "data").is_some()
    })
}

/// Reads an alert.
pub(super) fn read(alert: &Value<'_>, reports: &mut Reports) -> Result<(), &'static str> {
    let data = object(alert, "data").ok_or("the alert's `data` is not an object")?;
    // Test notifications of the older schema nest the data once more.
    let data = field(data, "data")
        .and_then(Value::as_object)
        .unwrap_or(data);
    let none = Map::new();
    let essentials = field(data, "essentials")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let says = |name: &str| {
        field(essentials, name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if says("alertId")
        .to_ascii_lowercase()
        .starts_with(TEST_SUBSCRIPTION)
    {
        reports.pass_over("test alert");
        return Ok(());
    }
    if says("monitorCondition").eq_ignore_ascii_case("Resolved") {
        reports.pass_over("resolved alert");
        return Ok(());
    }
    let context = Context {
        event_id: None,
        at: says("firedDateTime").parse().ok(),
        resource_id: target(essentials),
    };
    let alert_context = field(data, "alertContext")
        .and_then(Value::as_object)
        .unwrap_or(data);
    let found = quoted(alert_context, &context, reports) > 0
        || dimensions(alert_context, &context, reports) > 0
        || search_results(alert_context, &context, reports) > 0;
    if !found {
        reports.pass_over("alert without a denial");
    }
    Ok(())
}

fn object<'v>(value: &'v Value<'v>, name: &str) -> Option<&'v Map<'v>> {
    field(value.as_object()?, name)?.as_object()
}

/// The registry that an alert is about, if it is about one.
fn target(essentials: &Map<'_>) -> Option<String> {
    let targets = field(essentials, "alertTargetIDs").and_then(Value::as_array)?;
    let mut registries = targets
        .iter()
        .filter_map(|target| record::registry_id(target.as_str()?));
    let first = registries.next()?;
    registries.all(|other| other == first).then_some(first)
}

/// Denials whose message the alert quotes: in a dimension that is a service's own words, or in an
/// activity's `statusMessage`. Its query and its links say what was looked for, not what was found.
fn quoted(alert_context: &Map<'_>, context: &Context, reports: &mut Reports) -> usize {
    let mut quoted = Value::Object(alert_context.clone());
    leave_out(&mut quoted, 0);
    reports.results(&quoted, context)
}

fn leave_out(value: &mut Value<'_>, depth: usize) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name| {
                let query = quoted::is_query_name(name);
                let name = name.to_ascii_lowercase();
                !query
                    && !matches!(
                        name.as_str(),
                        "claims" | "authorization" | "searchresults" | "searchresult"
                    )
            });
            if depth < 64 {
                fields
                    .values_mut()
                    .for_each(|field| leave_out(field, depth.saturating_add(1)));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| leave_out(item, depth)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Log Alerts V2: one row for each condition that names an address or a registry in its dimensions.
fn dimensions<'v>(alert_context: &'v Map<'v>, context: &Context, reports: &mut Reports) -> usize {
    let conditions = field(alert_context, "condition")
        .and_then(Value::as_object)
        .and_then(|condition| field(condition, "allOf"))
        .and_then(Value::as_array);
    let mut found: usize = 0;
    for condition in conditions.into_iter().flatten() {
        let dimensions = condition
            .as_object()
            .and_then(|condition| field(condition, "dimensions"));
        let pair = |dimension: &'v Value<'v>| {
            let dimension = dimension.as_object()?;
            let name = field(dimension, "name")?.as_str()?;
            Some((name, field(dimension, "value")?.clone()))
        };
        let named = dimensions.and_then(Value::as_array).into_iter().flatten();
        let row = reports.dimensions.row(named.filter_map(pair));
        found = found.saturating_add(usize::from(report_row(&row, context, reports)));
    }
    found
}

/// The older form: tables of columns and rows.
fn search_results(alert_context: &Map<'_>, context: &Context, reports: &mut Reports) -> usize {
    let results = ["SearchResults", "SearchResult"]
        .iter()
        .find_map(|name| field(alert_context, name)?.as_object());
    let tables = results
        .and_then(|results| field(results, "tables"))
        .and_then(Value::as_array);
    let mut found: usize = 0;
    for table in tables.into_iter().flatten().filter_map(Value::as_object) {
        let columns = table::column_names(table).unwrap_or_default();
        let rows = field(table, "rows").and_then(Value::as_array);
        for row in rows
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .take(ROWS)
        {
            let names = columns.iter().copied();
            let row = reports.dimensions.row(names.zip(row.iter().cloned()));
            let said = reports.results(&Value::Object(row.clone()), context);
            let told = said > 0 || report_row(&row, context, reports);
            found = found.saturating_add(usize::from(told));
        }
    }
    found
}

/// Reports a row that the alert's query selected: a status 403, unless the row itself says another.
fn report_row(row: &Map<'_>, context: &Context, reports: &mut Reports) -> bool {
    let fields = Fields::of(row);
    let mut about = record::named(&fields);
    about.resource_id = about.resource_id.or_else(|| context.resource_id.clone());
    let denial = record::refused(&fields, &about);
    let refused = record::refusal(&fields, &about).is_some() || !fields.has_status();
    // An address under a name that any table may have is a caller's only beside a registry.
    let named = about.login_server.is_some() || about.resource_id.is_some();
    let caller = denial.ip.is_some() && (named || fields.text(&["callerIpAddress"]).is_some());
    if !refused || !(caller || about.login_server.is_some()) {
        return false;
    }
    about.at = about.at.or(context.at);
    reports.row(denial, about, context);
    true
}
