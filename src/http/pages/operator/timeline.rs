//! The ledger, newest first, with a search.

use super::view::{Field, Find, Section};
use super::{encoded, framed, shown, story};
use crate::flow::view::search::{self, Query as Search};
use crate::http::pages::prose::Prose;
use crate::http::{HttpError, Web};
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// How many entries stand on one page.
const PAGE: usize = 50;

/// What is looked for; what is empty does not count.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct Wanted {
    address: String,
    registry: String,
    rule: String,
    person: String,
    kind: String,
    text: String,
    from: String,
    until: String,
    before: String,
}

impl Wanted {
    /// The fields by name and label.
    fn fields(&self) -> [(&'static str, &'static str, &'static str, &str); 8] {
        [
            ("address", "Address", "text", self.address.as_str()),
            ("registry", "Registry", "text", &self.registry),
            ("rule", "Rule", "text", &self.rule),
            ("person", "Person", "text", &self.person),
            ("kind", "Kind", "text", &self.kind),
            ("text", "Id or word", "text", &self.text),
            ("from", "From (UTC)", "datetime-local", &self.from),
            ("until", "Until (UTC)", "datetime-local", &self.until),
        ]
    }

    /// The search, or what of it cannot be read.
    fn search(&self) -> Result<Search, String> {
        let quoted = |text: &str| serde_json::to_string(text.trim()).unwrap_or_default();
        let mut all_of: Vec<String> = [&self.address, &self.registry, &self.text]
            .into_iter()
            .map(|it| it.trim().to_owned())
            .collect();
        if !self.rule.trim().is_empty() {
            all_of.push(format!("\"rule\":{}", quoted(&self.rule)));
        }
        if !self.person.trim().is_empty() {
            all_of.push("\"by\"".to_owned());
            all_of.push(self.person.trim().to_owned());
        }
        all_of.retain(|it| !it.is_empty());
        Ok(Search {
            any_of: Vec::new(),
            all_of,
            kind: Some(self.kind.trim().to_owned()).filter(|it| !it.is_empty()),
            from: time(&self.from)?,
            until: time(&self.until)?,
            before: self.before.parse().ok(),
            limit: PAGE,
        })
    }

    /// The same from before this place.
    fn older(&self, before: i64) -> String {
        let mut link = format!("timeline?before={before}");
        for (name, _, _, value) in self.fields() {
            if !value.is_empty() {
                link = format!("{link}&{name}={}", encoded(value));
            }
        }
        link
    }
}

/// A time as a browser's field or a person writes it; without a zone it is UTC.
fn time(text: &str) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let civil = || {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let at = text.parse().ok().or_else(civil);
    at.map(Some).ok_or_else(|| {
        format!(
            "`{}` is no time: write 2026-11-22T12:00",
            text.replace('`', "'")
        )
    })
}

/// `GET /timeline`.
pub(in crate::http) async fn page(
    State(web): State<Web>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let view = async {
        let app = &web.app;
        let mut view = framed(app, "Timeline", 0);
        let fields = wanted.fields().into_iter();
        let field = |(name, label, kind, value): (_, _, _, &str)| Field {
            name,
            label,
            kind,
            value: value.to_owned(),
            required: false,
        };
        view.find = Some(Find {
            action: "timeline",
            fields: fields.map(field).collect(),
        });
        let found = match wanted.search() {
            Ok(search) => search::run(app, &search).await?,
            Err(why) => {
                view.lead = Prose::new(why);
                search::Found::default()
            }
        };
        let rows = found
            .entries
            .iter()
            .map(|(entry, what)| story::row(entry, what));
        let mut section = Section::new("ledger", "The ledger", "Nothing was found.").table(
            "What happened, newest first",
            &["Event", "Time", "What happened"],
            rows.collect(),
        );
        if let Some(older) = found.older {
            section = section.more("Older", wanted.older(older));
        }
        view.sections = vec![section];
        view.commands = vec!["doorward ledger show".to_owned()];
        Ok::<_, HttpError>(view)
    };
    shown(view.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_a_browser_is_utc() {
        let at = "2026-11-22T12:00:00Z".parse().unwrap();
        for text in [
            "2026-11-22T12:00",
            "2026-11-22 12:00:00",
            "2026-11-22T13:00:00+01:00",
        ] {
            assert_eq!(time(text), Ok(Some(at)), "{text}");
        }
        assert_eq!(time(" "), Ok(None));
        assert!(time("noon").is_err());
    }

    #[test]
    fn link_to_older_entries_keeps_the_search() {
        let wanted = Wanted {
            rule: "a&b".to_owned(),
            ..Wanted::default()
        };
        assert_eq!(wanted.older(7), "timeline?before=7&rule=a%26b");
    }
}
