//! A tree of values, printed as YAML that the reader takes back, each value with where it is set.

use crate::secret::SecretRef;
use doorward_core::yaml::Item;
use serde_json::{Value as Json, json};
use std::fmt::Display;

/// A value in effect.
pub(super) enum Value {
    /// A text, number, flag or duration, as it is written.
    Text(String),
    /// Where a secret stands; never the secret.
    Secret(SecretRef),
    /// A list.
    List(Vec<Value>),
    /// A mapping; a name that is not set has no value.
    Map(Vec<(String, Option<Value>)>),
}

/// Words that YAML would take for something else than text.
const NOT_TEXT: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

impl Value {
    /// Anything that is written by its text.
    pub(super) fn text(value: impl Display) -> Self {
        Self::Text(value.to_string())
    }

    /// A list of texts.
    pub(super) fn texts<T: Display>(values: impl IntoIterator<Item = T>) -> Self {
        Self::List(values.into_iter().map(Self::text).collect())
    }

    /// A mapping whose every name is set.
    pub(super) fn map<const N: usize>(fields: [(&str, Value); N]) -> Self {
        let fields = fields.into_iter();
        Self::Map(
            fields
                .map(|(name, value)| (name.to_owned(), Some(value)))
                .collect(),
        )
    }

    /// Adds a field; one without a value is shown as not set.
    pub(super) fn with(mut self, name: &str, value: Option<Value>) -> Self {
        if let Self::Map(fields) = &mut self {
            fields.push((name.to_owned(), value));
        }
        self
    }

    /// Its lines of YAML; `written` is the same place in the file, where there is one.
    pub(super) fn yaml(&self, written: Option<&Item<'_>>) -> String {
        let mut lines = Vec::new();
        self.lines(&mut lines, written, "");
        lines.join("\n")
    }

    fn lines(&self, lines: &mut Vec<String>, written: Option<&Item<'_>>, indent: &str) {
        let Self::Map(fields) = self else { return };
        for (name, value) in fields {
            let below = written.and_then(|item| item.field(name));
            let Some(value) = value else {
                lines.push(format!("{indent}# {name}: not set"));
                continue;
            };
            value.field(lines, below.as_ref(), (name, indent));
        }
    }

    fn field(
        &self,
        lines: &mut Vec<String>,
        written: Option<&Item<'_>>,
        (name, indent): (&str, &str),
    ) {
        let deeper = format!("{indent}  ");
        match self {
            Self::Map(_) if written.is_some_and(|item| !item.is_mapping()) => {
                // Written in a short form: shown in the long one.
                lines.push(format!("{indent}{name}:  # {}", origin(written)));
                self.lines(lines, None, &deeper);
            }
            Self::Map(_) => {
                lines.push(format!("{indent}{name}:"));
                self.lines(lines, written, &deeper);
            }
            Self::List(items) if items.iter().any(|item| matches!(item, Self::Map(_))) => {
                lines.push(format!("{indent}{name}:"));
                let each = written.map(Item::each).unwrap_or_default();
                for (index, item) in items.iter().enumerate() {
                    item.item(lines, each.get(index), &deeper);
                }
            }
            Self::Text(_) | Self::Secret(_) | Self::List(_) => {
                let (shown, origin) = (self.inline(), origin(written));
                let there = self.presence();
                lines.push(format!("{indent}{name}: {shown}  # {origin}{there}"));
            }
        }
    }

    /// One mapping of a list.
    fn item(&self, lines: &mut Vec<String>, written: Option<&Item<'_>>, indent: &str) {
        let mut own = Vec::new();
        self.lines(&mut own, written, &format!("{indent}  "));
        if let Some(first) = own.first_mut() {
            first.replace_range(indent.len()..indent.len() + 2, "- ");
        }
        lines.extend(own);
    }

    /// In one line.
    fn inline(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Secret(SecretRef::Env(name)) => format!("{{ env: {} }}", quoted(name)),
            Self::Secret(SecretRef::File(path)) => {
                format!("{{ file: {} }}", quoted(&path.display().to_string()))
            }
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::inline).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(_) => "{}".to_owned(),
        }
    }

    /// Whether the secrets here can be read now.
    fn presence(&self) -> String {
        let secrets: Vec<&SecretRef> = match self {
            Self::Secret(from) => vec![from],
            Self::List(items) => items.iter().filter_map(Self::secret).collect(),
            Self::Text(_) | Self::Map(_) => Vec::new(),
        };
        let missing = secrets.iter().filter(|from| from.read().is_err()).count();
        match (secrets.len(), missing) {
            (0, _) => String::new(),
            (_, 0) => "; the secret is there".to_owned(),
            (1, _) => "; THE SECRET IS MISSING".to_owned(),
            (all, missing) => format!("; {missing} OF {all} SECRETS ARE MISSING"),
        }
    }

    fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Secret(from) => Some(from),
            Self::Text(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Every single value, as JSON: its path, itself, and where it is set.
    pub(super) fn flat(&self, written: Option<&Item<'_>>, path: &str, to: &mut Vec<Json>) {
        match self {
            Self::Map(fields) => {
                for (name, value) in fields {
                    let below = written.and_then(|item| item.field(name));
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    match value {
                        Some(value) => value.flat(below.as_ref(), &path, to),
                        None => to.push(json!({ "field": path, "value": null })),
                    }
                }
            }
            Self::List(items) if !items.is_empty() => {
                let each = written.map(Item::each).unwrap_or_default();
                for (index, item) in items.iter().enumerate() {
                    item.flat(each.get(index), &format!("{path}[{index}]"), to);
                }
            }
            Self::Text(_) | Self::Secret(_) | Self::List(_) => {
                let value = match self {
                    Self::Text(text) => json!(text),
                    Self::Secret(SecretRef::Env(name)) => json!({ "env": name }),
                    Self::Secret(SecretRef::File(path)) => json!({ "file": path }),
                    Self::List(_) | Self::Map(_) => json!([]),
                };
                let line = written.map(|item| item.place().line);
                let mut told = json!({ "field": path, "value": value, "line": line });
                if let (Self::Secret(from), Some(told)) = (self, told.as_object_mut()) {
                    told.insert("readable".to_owned(), json!(from.read().is_ok()));
                }
                to.push(told);
            }
        }
    }
}

/// Where a value is set.
fn origin(written: Option<&Item<'_>>) -> String {
    written.map_or_else(
        || "default".to_owned(),
        |item| format!("line {}", item.place().line),
    )
}

/// A text as YAML has it.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_./-".contains(letter);
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    let word = NOT_TEXT.contains(&text.to_ascii_lowercase().as_str());
    let number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    let flag = matches!(text, "true" | "false");
    let lasts = doorward_core::yaml::duration::parse(text).is_ok();
    if number || flag || lasts || begins && !word && text.chars().all(plain) {
        text.to_owned()
    } else {
        serde_json::to_string(text).unwrap_or_default()
    }
}
