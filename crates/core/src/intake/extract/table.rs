//! Tables of columns and rows, as queries are answered with.

use super::record::field;
use crate::intake::document::{Map, Value};
use crate::intake::work::WorkBudget;
use std::borrow::Cow;

/// The longest name of a column that is passed on to every row.
const NAME: usize = 128;

/// The rows of a table, each as a record with its columns' names.
pub(super) fn rows<'t>(
    table: &'t Map<'t>,
    work: &'t WorkBudget,
) -> Option<impl Iterator<Item = Value<'t>> + 't> {
    let columns = column_names(table)?;
    let rows = field(table, "rows")?.as_array()?;
    if !rows.iter().any(Value::is_array) {
        return None;
    }
    Some(rows.iter().filter_map(move |row| {
        let row = row.as_array()?;
        let named = columns.iter().zip(row);
        let named = named.map(|(name, value)| (Cow::Borrowed(*name), value.clone()));
        let row: Map<'t> = named.collect();
        let within = work.charge(row.len().saturating_mul(NAME));
        within.then_some(Value::Object(row))
    }))
}

/// The names of a table's columns; those that are too long are left blank.
pub(crate) fn column_names<'v>(table: &'v Map<'_>) -> Option<Vec<&'v str>> {
    let columns = field(table, "columns")?.as_array()?;
    columns.iter().map(name).collect()
}

fn name<'v>(column: &'v Value<'_>) -> Option<&'v str> {
    let name = match column {
        Value::String(name) => &**name,
        Value::Object(column) => ["name", "columnName"]
            .iter()
            .find_map(|known| field(column, known)?.as_str())
            .unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    Some(if name.len() <= NAME { name } else { "" })
}
