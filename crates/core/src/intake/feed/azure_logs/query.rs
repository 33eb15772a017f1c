//! The query for a registry's denials, and for signs that watched addresses are at work.

use super::{LATEST_ROW, OVERLAP, PAGE, TABLES};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// How many addresses are looked for; signs of use of others are not seen.
const MOST_WATCHED: usize = 200;

/// How much later than it happened Azure may take a row in.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// How far Azure's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// Which rows are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Those that Azure took in from here on.
    pub since: Timestamp,
    /// Within a longer answer: those after this one, by time and key.
    pub after: Option<(Timestamp, String)>,
}

impl Window {
    /// The window of a cursor, or the rest of one after a full page.
    pub fn of(cursor: Timestamp, after: Option<(Timestamp, String)>) -> Self {
        Self {
            since: cursor.checked_sub(OVERLAP).unwrap_or(cursor),
            after,
        }
    }

    /// When the rows may have happened, as the API takes it.
    pub fn timespan(&self, now: Timestamp) -> String {
        let from = self.since.checked_sub(LATE).unwrap_or(self.since);
        let to = now.checked_add(AHEAD).unwrap_or(now);
        format!("{from}/{to}")
    }
}

/// The query, in Kusto's language. Nothing in it is a caller's text: times, addresses and a key of
/// hexadecimal digits.
pub fn query(window: &Window, watched: &BTreeSet<Ipv4Addr>) -> String {
    let since = window.since;
    let table = |table: &str| {
        format!(
            "({table} | where ingestion_time() >= datetime({since}) | extend IngestedAt = ingestion_time())"
        )
    };
    let tables = TABLES.map(table).join(", ");
    let mut lines = vec![
        format!("let rows = union isfuzzy=true {tables};"),
        "let found = rows".to_owned(),
        wanted(watched),
        "| extend Repository = column_ifexists('Repository', ''), Tag = column_ifexists('Tag', '')".to_owned(),
        "| extend RowKey = hash_sha256(strcat(tostring(TimeGenerated), '|', Type, '|', CorrelationId, '|', CallerIpAddress, '|', \
         ResultDescription, '|', Repository, '|', Tag))"
            .to_owned(),
    ];
    if let Some((at, key)) = &window.after {
        let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        lines.push(format!(
            "| where IngestedAt > datetime({at}) or (IngestedAt == datetime({at}) and strcmp(RowKey, '{key}') > 0)"
        ));
    }
    lines.extend([
        "| project IngestedAt, RowKey, TimeGenerated, Type, OperationName, Identity, CallerIpAddress, LoginServer, UserAgent, \
         ResultType, ResultDescription, CorrelationId, Repository, Tag"
            .to_owned(),
        "| order by IngestedAt asc, RowKey asc".to_owned(),
        format!("| take {PAGE};"),
        format!(
            "union found, (rows | summarize IngestedAt = max(IngestedAt), TimeGenerated = max(TimeGenerated) | extend Type = '{LATEST_ROW}')"
        ),
    ]);
    lines.join("\n")
}

fn wanted(watched: &BTreeSet<Ipv4Addr>) -> String {
    let denied = "| where ResultDescription == '403'";
    if watched.is_empty() {
        return denied.to_owned();
    }
    let addresses = watched.iter().take(MOST_WATCHED);
    let addresses: Vec<String> = addresses.map(|address| format!("'{address}'")).collect();
    let addresses = addresses.join(", ");
    format!(
        "{denied} or (ResultDescription in ('200', '201') and CallerIpAddress in ({addresses}))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_overlaps_cursor_and_asks_for_watched_addresses() {
        let cursor = "2026-11-22T12:00:00Z".parse().unwrap();
        let text = query(&Window::of(cursor, None), &BTreeSet::new());
        assert!(
            text.contains("ingestion_time() >= datetime(2026-11-22T11:50:00Z)"),
            "{text}"
        );
        assert!(
            !text.contains("strcmp") && !text.contains("'200'"),
            "{text}"
        );
        let watched = [Ipv4Addr::new(20, 1, 2, 3)].into();
        let after = Some((cursor, "ab'1".to_owned()));
        let text = query(&Window::of(cursor, after), &watched);
        assert!(text.contains("CallerIpAddress in ('20.1.2.3')"), "{text}");
        assert!(text.contains("strcmp(RowKey, 'ab1') > 0"), "{text}");
    }
}
