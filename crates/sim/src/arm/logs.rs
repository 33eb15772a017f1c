//! Queries about a registry's log, as far as doorward asks them: each line of the query is known or the
//! whole is refused. Rows are the data plane's diagnostic records
//! (<https://learn.microsoft.com/azure/azure-monitor/logs/api/azure-resource-queries>).

use super::super::calls::RegistryPath;
use super::super::knobs::{LogAccess, Logs};
use super::super::wire::{empty, json, lock};
use super::error::ArmError;
use super::{Asked, ok};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The workspace that the logs go to.
const WORKSPACE: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.OperationalInsights/workspaces/registry-logs";

/// The columns of an answer with their types.
const COLUMNS: [(&str, &str); 14] = [
    ("IngestedAt", "datetime"),
    ("RowKey", "string"),
    ("TimeGenerated", "datetime"),
    ("Type", "string"),
    ("OperationName", "string"),
    ("Identity", "string"),
    ("CallerIpAddress", "string"),
    ("LoginServer", "string"),
    ("UserAgent", "string"),
    ("ResultType", "string"),
    ("ResultDescription", "string"),
    ("CorrelationId", "string"),
    ("Repository", "string"),
    ("Tag", "string"),
];

/// POST of a query.
pub(super) fn answer(asked: &Asked, path: &RegistryPath) -> Result<Response, ArmError> {
    let knobs = lock(&asked.shared.knobs).logs.clone();
    let model = asked.shared.settled();
    let held = model.held(&path.name).ok_or_else(|| {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundError",
            "The resource was not found",
        )
    })?;
    let id = held.registry.id();
    if knobs.access == LogAccess::Forbidden {
        return Ok(json(
            StatusCode::FORBIDDEN,
            &json!({ "error": {
                "code": "InsufficientAccessError",
                "message": "The provided credentials have insufficient access to perform the requested operation",
                "innererror": {
                    "code": "AuthorizationFailedError",
                    "message": format!("User '{}' does not have access to read logs for this resource", asked.by),
                },
            } }),
        ));
    }
    if knobs.access == LogAccess::Empty {
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    let query = Query::of(asked)?;
    if knobs.access == LogAccess::UnknownTables {
        return Err(ArmError::bad(
            "BadArgumentError",
            "The request had some invalid properties: SemanticError, failed to resolve table expression",
        ));
    }
    let now = asked.shared.clock.now();
    let rows = model.log_rows(knobs.ingestion);
    let mine = rows.into_iter().filter(|(taken_in, record)| {
        let of = text(record, "resourceId").eq_ignore_ascii_case(&id);
        let shown = is_shown(&knobs) && !is_denied(&knobs, text(record, "category"));
        of && shown && *taken_in <= now && *taken_in >= query.since
    });
    let mine: Vec<(Timestamp, &Value)> = mine.collect();
    Ok(ok(&whole(asked, &knobs, (&query, &mine), &id)))
}

fn is_shown(knobs: &Logs) -> bool {
    knobs.access == LogAccess::Whole
}

fn is_denied(knobs: &Logs, table: &str) -> bool {
    let mut denied = knobs.denied_tables.iter();
    denied.any(|denied| denied.eq_ignore_ascii_case(table))
}

fn whole(
    asked: &Asked,
    knobs: &Logs,
    (query, mine): (&Query, &[(Timestamp, &Value)]),
    id: &str,
) -> Value {
    let mut found: Vec<(Timestamp, String, Value)> = mine
        .iter()
        .filter(|(_, record)| query.wants(record))
        .map(|(taken_in, record)| {
            let key = key(record);
            let row = row((*taken_in, &key), record);
            (*taken_in, key, row)
        })
        .filter(|(at, key, _)| {
            let after = query.after.as_ref();
            after.is_none_or(|(since, last)| (at, key.as_str()) > (since, last.as_str()))
        })
        .collect();
    found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    found.truncate(query.take);
    let mut rows: Vec<Value> = found.into_iter().map(|(_, _, row)| row).collect();
    rows.push(newest(mine));
    let columns: Vec<Value> = COLUMNS
        .iter()
        .map(|(name, kind)| json!({ "name": name, "type": kind }))
        .collect();
    let mut answer =
        json!({ "tables": [{ "name": "PrimaryResult", "columns": columns, "rows": rows }] });
    let wished = asked.request.header("prefer").unwrap_or_default();
    if let Some(answer) = answer.as_object_mut() {
        if knobs.tells_permissions && wished.contains("include-permissions=true") {
            answer.insert("permissions".to_owned(), permissions(knobs, id));
        }
        if knobs.partial {
            let error = json!({ "code": "PartialError", "message": "There were some errors when processing your query." });
            answer.insert("error".to_owned(), error);
        }
    }
    answer
}

/// Where the registry's log goes, which workspaces show it, and which tables are left out.
fn permissions(knobs: &Logs, id: &str) -> Value {
    let sent = knobs.access != LogAccess::NoDiagnosticSetting;
    let sent_to: &[&str] = if sent { &[WORKSPACE] } else { &[] };
    let mut resource = json!({ "resourceId": id, "dataSources": sent_to });
    if let (false, Some(fields)) = (knobs.denied_tables.is_empty(), resource.as_object_mut()) {
        let denied = json!(knobs.denied_tables);
        fields.insert("denyTables".to_owned(), denied);
    }
    let mut sources = Vec::new();
    if is_shown(knobs) {
        sources.push(json!({ "resourceId": WORKSPACE }));
    }
    json!({ "resources": [resource], "dataSources": sources })
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    let value = record.get(name);
    let value = value.or_else(|| record.get("properties")?.get(name));
    value.and_then(Value::as_str).unwrap_or_default()
}

/// A key that tells rows of one moment apart, hexadecimal.
fn key(record: &Value) -> String {
    text(record, "correlationId").replace('-', "")
}

fn row((taken_in, key): (Timestamp, &str), record: &Value) -> Value {
    let said = |name| Value::from(text(record, name));
    json!([
        taken_in.to_string(),
        key,
        said("time"),
        said("category"),
        said("operationName"),
        said("identity"),
        said("callerIpAddress"),
        said("loginServer"),
        said("userAgent"),
        said("resultType"),
        said("resultDescription"),
        said("correlationId"),
        said("repository"),
        said("tag"),
    ])
}

/// What the query asks for beside: the newest row of any kind. Without rows its times are null.
fn newest(mine: &[(Timestamp, &Value)]) -> Value {
    let taken_in = mine.iter().map(|(at, _)| *at).max();
    let happened = mine.iter().map(|(_, record)| text(record, "time")).max();
    let mut row = vec![Value::Null; COLUMNS.len()];
    for (index, value) in [
        (0, taken_in.map(|at| Value::from(at.to_string()))),
        (2, happened.map(Value::from)),
        (3, Some(Value::from("LatestRow"))),
    ] {
        if let (Some(cell), Some(value)) = (row.get_mut(index), value) {
            *cell = value;
        }
    }
    Value::from(row)
}

/// What a query asks for.
struct Query {
    since: Timestamp,
    /// The addresses whose successes are wanted too.
    watched: Vec<String>,
    after: Option<(Timestamp, String)>,
    take: usize,
}

impl Query {
    fn of(asked: &Asked) -> Result<Self, ArmError> {
        let body: Value = serde_json::from_slice(&asked.request.body)
            .map_err(|_| ArmError::bad("BadArgumentError", "The request body is not JSON."))?;
        let query = body.get("query").and_then(Value::as_str);
        query.and_then(Self::read).ok_or_else(|| {
            ArmError::bad(
                "BadArgumentError",
                "SyntaxError: the simulated log knows one query, for denials and signs of use.",
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut query = Self {
            since: quoted(text, "ingestion_time() >= datetime(", ")")?
                .parse()
                .ok()?,
            watched: Vec::new(),
            after: None,
            take: 0,
        };
        for line in text.lines() {
            if line.starts_with("let rows = union isfuzzy=true (ContainerRegistryLoginEvents |")
                || ["let found = rows", "| order by IngestedAt asc, RowKey asc"].contains(&line)
                || line.starts_with("| extend R")
                || line.starts_with("| project IngestedAt, RowKey, TimeGenerated, Type,")
                || line.starts_with("union found, (rows | summarize ")
            {
                continue;
            }
            if let Some(rest) = line.strip_prefix("| where ResultDescription == '403'") {
                let listed = quoted(rest, "CallerIpAddress in (", ")").unwrap_or_default();
                let listed = listed.split(", ").map(|one| one.trim_matches('\''));
                query.watched = listed.map(str::to_owned).collect();
            } else if let Some(rest) = line.strip_prefix("| where IngestedAt > ") {
                let at = quoted(rest, "datetime(", ")")?.parse().ok()?;
                let key = quoted(rest, "strcmp(RowKey, '", "'")?;
                query.after = Some((at, key.to_owned()));
            } else {
                let rest = line.strip_prefix("| take ")?;
                query.take = rest.trim_end_matches(';').parse().ok()?;
            }
        }
        Some(query)
    }

    fn wants(&self, record: &Value) -> bool {
        let address = text(record, "callerIpAddress");
        match text(record, "resultDescription") {
            "403" => true,
            "200" | "201" => self.watched.iter().any(|watched| watched == address),
            _ => false,
        }
    }
}

/// What stands between two marks.
fn quoted<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}
