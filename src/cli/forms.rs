//! What a command prints for spreadsheets: comma-separated values (RFC 4180, with plain line breaks), made of the JSON that programs get.

use serde_json::Value;

/// A list as lines of cells, the first of them names. Of an object it is its first list that counts; without any
/// list the object itself is the one line.
pub(super) fn csv(value: &Value) -> String {
    let own = std::slice::from_ref(value);
    let rows: &[Value] = match value {
        Value::Array(rows) => rows,
        Value::Object(members) => members.values().find_map(list).unwrap_or(own),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => own,
    };
    let Some(Value::Object(first)) = rows.first() else {
        return String::new();
    };
    let names: Vec<&String> = first.keys().collect();
    let head = names
        .iter()
        .map(|name| cell(&Value::String((*name).clone())));
    let mut text = line(head);
    for row in rows {
        text += &line(
            names
                .iter()
                .map(|name| cell(row.get(name.as_str()).unwrap_or(&Value::Null))),
        );
    }
    text
}

fn list(value: &Value) -> Option<&[Value]> {
    value.as_array().map(Vec::as_slice)
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",") + "\n"
}

/// A cell. A text that a spreadsheet would take for a formula is marked as text.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{text}")
        }
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let rows =
            json!({ "b": 1, "rows": [{ "a": "x,\"y\"", "n": 2 }, { "a": "=1+1", "n": null }] });
        assert_eq!(csv(&rows), "a,n\n\"x,\"\"y\"\"\",2\n'=1+1,\n");
        assert_eq!(csv(&json!([])), "");
        assert_eq!(csv(&json!({ "a": 1, "b": [] })), "");
        assert_eq!(csv(&json!({ "a": true })), "a\ntrue\n");
    }
}
