//! What the log query API answers: rows as records, and whether all of them may be read.

use super::{LATEST_ROW, PAGE, TABLES};
use crate::intake::feed::{FeedFailure, FeedRecord};
use crate::ledger::chain::Hash;
use crate::net::resource_id::ResourceId;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// An answer, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The rows, in order of when Azure took them in.
    pub rows: Vec<Row>,
    /// The rows that could not be read at all, each by its hash.
    pub set_aside: Vec<String>,
    /// Whether there may be more rows after these.
    pub full: bool,
    /// Whether Azure says that rows are missing.
    pub partial: bool,
    /// When Azure took the newest row of any kind in, and when that happened.
    pub newest: Option<(Timestamp, Timestamp)>,
    /// Whether all rows may be read.
    pub access: Access,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When Azure took it in.
    pub ingested: Timestamp,
    /// When it happened.
    pub generated: Timestamp,
    /// Its key among those with the same time.
    pub key: String,
    /// What it says, in the form of a diagnostic setting's export.
    pub record: FeedRecord,
}

/// Whether the absence of rows proves anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Azure confirms that every table of every workspace may be read.
    Proven,
    /// It does not say.
    Unstated,
    /// Something may not be read.
    Missing(FeedFailure),
}

/// An answer that is not one of this API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a log query's answer has `tables` with `columns` and `rows`, and this has not")]
pub struct Malformed;

/// Reads the answer about a registry.
pub fn read(body: &Value, registry: &ResourceId) -> Result<Answer, Malformed> {
    let tables = body.get("tables").and_then(Value::as_array);
    let table = tables.and_then(|all| all.first()).ok_or(Malformed)?;
    let columns = columns(table).ok_or(Malformed)?;
    let rows = table
        .get("rows")
        .and_then(Value::as_array)
        .ok_or(Malformed)?;
    let mut answer = Answer {
        rows: Vec::new(),
        set_aside: Vec::new(),
        full: false,
        partial: body.get("error").is_some_and(|error| !error.is_null()),
        newest: None,
        access: access(body.get("permissions"), registry),
    };
    for values in rows {
        let cells = Cells {
            columns: &columns,
            values: values.as_array().map(Vec::as_slice).unwrap_or_default(),
        };
        if cells.text("Type") == Some(LATEST_ROW) {
            answer.newest = cells.time("IngestedAt").zip(cells.time("TimeGenerated"));
        } else if let Some(row) = cells.row(registry) {
            answer.rows.push(row);
        } else {
            let hash = Hash::of(values.to_string().as_bytes());
            answer.set_aside.push(format!("bad:{hash}"));
        }
    }
    answer.full = answer.rows.len().saturating_add(answer.set_aside.len()) >= PAGE;
    let order = |row: &Row| (row.ingested, row.key.clone());
    answer.rows.sort_by_cached_key(order);
    Ok(answer)
}

fn columns(table: &Value) -> Option<BTreeMap<&str, usize>> {
    let columns = table.get("columns")?.as_array()?.iter().enumerate();
    let named = columns.map(|(index, column)| Some((column.get("name")?.as_str()?, index)));
    named.collect()
}

/// The values of one row, by the names of their columns.
struct Cells<'a> {
    columns: &'a BTreeMap<&'a str, usize>,
    values: &'a [Value],
}

impl<'a> Cells<'a> {
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.values.get(*self.columns.get(name)?)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.value(name)?.as_str()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name)?.parse().ok()
    }

    fn row(&self, registry: &ResourceId) -> Option<Row> {
        let whole = self.values.len() == self.columns.len();
        let table = self.text("Type").filter(|_| whole)?;
        let generated = self.time("TimeGenerated")?;
        let mut properties = Map::new();
        for (name, column) in [
            ("loginServer", "LoginServer"),
            ("userAgent", "UserAgent"),
            ("repository", "Repository"),
            ("tag", "Tag"),
        ] {
            let said = self.text(column).filter(|said| !said.is_empty());
            properties.extend(said.map(|said| (name.to_owned(), Value::from(said))));
        }
        let said = |column| self.value(column).cloned().unwrap_or_default();
        let record = json!({
            "time": generated.to_string(), "category": table, "resourceId": registry.as_str(),
            "operationName": said("OperationName"), "identity": said("Identity"),
            "resultType": said("ResultType"), "resultDescription": said("ResultDescription"),
            "callerIpAddress": said("CallerIpAddress"), "correlationId": said("CorrelationId"),
            "properties": properties,
        });
        let body = record.to_string().into_bytes();
        Some(Row {
            ingested: self.time("IngestedAt")?,
            generated,
            key: self.text("RowKey").unwrap_or_default().to_owned(),
            // Azure may take the same row in twice.
            record: FeedRecord {
                event: format!("row:{}", Hash::of(&body)),
                body,
            },
        })
    }
}

/// What `permissions` says of a registry: where its log goes, which of these workspaces show it, and
/// which tables are left out.
fn access(permissions: Option<&Value>, registry: &ResourceId) -> Access {
    let list = |name: &str| permissions?.get(name)?.as_array();
    let (Some(resources), Some(sources)) = (list("resources"), list("dataSources")) else {
        return Access::Unstated;
    };
    let id = |value: &Value| {
        let id = value.get("resourceId").and_then(Value::as_str);
        id.map(str::to_ascii_lowercase)
    };
    let own = resources
        .iter()
        .find(|resource| id(resource).as_deref() == Some(registry.key()));
    let Some(own) = own else {
        return Access::Unstated;
    };
    let sent_to: Vec<String> = texts(own, "dataSources").collect();
    if sent_to.is_empty() {
        return Access::Missing(FeedFailure::NoDiagnosticSetting);
    }
    let shown: Vec<&Value> = sources
        .iter()
        .filter(|source| id(source).is_some_and(|id| sent_to.contains(&id)))
        .collect();
    let is_shown = |workspace: &&String| {
        let workspace = Some((*workspace).clone());
        shown.iter().any(|source| id(source) == workspace)
    };
    let refusing = sent_to.iter().filter(|workspace| !is_shown(workspace));
    let refusing: Vec<String> = refusing.map(|workspace| last_part(workspace)).collect();
    if !refusing.is_empty() {
        return Access::Missing(FeedFailure::WorkspaceRefuses(refusing));
    }
    let all = shown.into_iter().chain([own]);
    let left_out: Vec<String> = all.flat_map(|it| texts(it, "denyTables")).collect();
    let denied = TABLES.into_iter().filter(|table| {
        let table = table.to_ascii_lowercase();
        left_out.contains(&table)
    });
    let denied: Vec<String> = denied.map(str::to_owned).collect();
    if denied.is_empty() {
        Access::Proven
    } else {
        Access::Missing(FeedFailure::TablesDenied(denied))
    }
}

/// The texts in a list, lower-case.
fn texts<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let list = value.get(name).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_ascii_lowercase)
}

/// A workspace's name, safe to show.
fn last_part(id: &str) -> String {
    let name = id.rsplit('/').next().unwrap_or_default();
    let safe = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    safe.take(63).collect()
}

#[cfg(test)]
mod tests;
