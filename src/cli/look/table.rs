//! What the API says of things, in columns and in lines for people.

use super::kinds::Kind;
use doorward_core::messages::invisible::escaped;
use doorward_core::messages::wording;
use jiff::Timestamp;
use serde_json::Value;

/// Columns as wide as what is in them.
pub(super) fn of(kind: &Kind, items: &[Value], wide: bool) -> String {
    if items.is_empty() {
        return format!("there are no {}\n", kind.plural);
    }
    let further = kind.wide.iter().filter(|_| wide);
    let columns: Vec<&(&str, &str)> = kind.columns.iter().chain(further).collect();
    let head: Vec<String> = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
    let row = |item: &Value| -> Vec<String> {
        let cells = columns.iter().map(|(_, place)| item.pointer(place));
        cells
            .map(|value| text(value.unwrap_or(&Value::Null)))
            .collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(items.iter().map(row)).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A thing, a line for each fact.
pub(super) fn whole(item: &Value) -> String {
    let mut lines = Vec::new();
    facts("", item, &mut lines);
    let width = lines.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0);
    let line = |(name, value): &(String, String)| format!("{name:<width$}  {value}\n");
    lines.iter().map(line).collect()
}

fn facts(within: &str, item: &Value, lines: &mut Vec<(String, String)>) {
    let members = match item {
        Value::Object(members) => members,
        other => return lines.push((within.to_owned(), text(other))),
    };
    for (name, value) in members {
        let name = name.replace('_', " ");
        let name = if within.is_empty() {
            name
        } else {
            format!("{within} {name}")
        };
        match value {
            Value::Object(_) => facts(&name, value, lines),
            Value::Array(all) if all.iter().any(Value::is_object) => {
                for one in all {
                    facts(&name, one, lines);
                }
            }
            value => lines.push((name, text(value))),
        }
    }
}

/// A value on one line. What others wrote cannot move the terminal's cursor.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => wording::time(at),
            Err(_) => wording::in_one_line(&escaped(text)),
        },
        Value::Array(all) if all.is_empty() => "-".to_owned(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::REQUESTS;
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_are_aligned_and_hostile_text_is_escaped() {
        let items = [
            json!({ "id": "a", "state": "waiting", "rule": "x\u{1b}[2Jy\nz" }),
            json!({ "id": "bcd", "state": "answered", "rule": null }),
        ];
        let table = of(&REQUESTS, &items, false);
        assert!(
            !table.contains('\u{1b}') && table.lines().count() == 3,
            "{table}"
        );
        let at = |line: &str, what: &str| line.find(what).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(at(lines[0], "STATE"), at(lines[2], "answered"));
        assert!(lines[2].ends_with('-'), "{table}");
        assert_eq!(of(&REQUESTS, &[], false), "there are no requests\n");
    }
}
