//! `doorward audit`: what the ledger says of a month, for an auditor.

use crate::cli::Failure;
use crate::cli::forms::csv;
use crate::cli::ledger::Where;
use crate::store;
use anyhow::Context;
use askama::Template;
use clap::ValueEnum;
use clock::Clock;
use doorward_core::audit::{Audit, AuditedGrant, Fold, Happened, Link};
use doorward_core::messages::invisible::escaped_lines;
use doorward_core::messages::wording;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use std::io::Write;

/// How many entries are read at once.
const PAGE: i64 = 1000;

/// What `doorward audit` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditOrder {
    /// The month, in UTC: 2026-10
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    month: Month,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Form::Markdown)]
    output: Form,
    #[command(flatten)]
    which: Where,
}

/// A month in UTC: its beginning, and that of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Month {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A page that stands by itself
    Html,
    /// Tables for a wiki or a pull request
    Markdown,
    /// The grants as comma-separated values
    Csv,
    /// All of it for programs
    Json,
}

fn month(text: &str) -> Result<Month, String> {
    let wrong = |_| "write a year and a month, such as 2026-10".to_owned();
    let first: Date = format!("{text}-01").parse().map_err(wrong)?;
    let begins = |date: Date| {
        let zoned = date.to_zoned(TimeZone::UTC);
        zoned.map(|zoned| zoned.timestamp()).map_err(wrong)
    };
    let next = first.checked_add(Span::new().months(1)).map_err(wrong)?;
    Ok(Month {
        from: begins(first)?,
        to: begins(next)?,
    })
}

impl AuditOrder {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        let now = Clock::system().now();
        if self.month.from > now {
            let what = "that month has not begun";
            return Err(Failure::wrong_input(anyhow::anyhow!(what)));
        }
        let audit = self.read(now).await?;
        let text = match self.output {
            Form::Html => html(&audit)?,
            Form::Markdown => audit.markdown(),
            Form::Csv => {
                let grants = serde_json::to_value(&audit.grants).map_err(anyhow::Error::new)?;
                escaped_lines(&csv(&grants))
            }
            Form::Json => {
                let json = serde_json::to_string_pretty(&audit).map_err(anyhow::Error::new)?;
                escaped_lines(&json) + "\n"
            }
        };
        let written = std::io::stdout().write_all(text.as_bytes());
        written.map_err(|error| anyhow::Error::new(error).into())
    }

    /// What the ledger says, once its whole chain has been checked.
    async fn read(&self, now: Timestamp) -> Result<Audit, Failure> {
        let ledger = self.which.open().await?;
        let end = ledger.verify().await;
        let end = end.context("the audit was not made: a ledger that is not whole proves nothing");
        let end = end?;
        let head = end.as_ref().map(|(seq, hash)| Link {
            seq: *seq,
            hash: hash.to_string(),
        });
        let last = end.map_or(0, |(seq, _)| seq);
        let mut fold = Fold::new(self.month.from, self.month.to);
        let mut seq = 0;
        loop {
            let entries = ledger.entries(seq, PAGE).await;
            let entries = entries.map_err(anyhow::Error::new)?;
            // What was written since the chain was checked is left for the next time.
            let checked = entries.iter().take_while(|entry| entry.seq <= last);
            let before = seq;
            for entry in checked {
                let what = store::what(entry).map_err(anyhow::Error::new)?;
                fold.take(entry, &what);
                seq = entry.seq;
            }
            if seq == before {
                return Ok(fold.finish(now, head));
            }
        }
    }
}

/// What happened: when, by which entry, and what.
type Lines = Vec<(String, i64, String)>;

/// An audit as a page.
#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    from: String,
    facts: Vec<(&'static str, String)>,
    heads: [&'static str; 12],
    grants: Vec<[String; 12]>,
    refusals: Vec<(String, u64)>,
    sections: [(&'static str, Lines); 2],
}

fn html(audit: &Audit) -> Result<String, Failure> {
    let link = |link: &Option<Link>| match link {
        Some(link) => format!("{}, {}", link.seq, link.hash),
        None => "none".to_owned(),
    };
    let happened = |all: &[Happened]| {
        let lines = all.iter();
        let lines = lines.map(|it| (wording::time(it.at), it.seq, it.what.clone()));
        lines.collect()
    };
    let refusals = audit.refusals.iter();
    let page = Page {
        from: wording::time(audit.from),
        facts: vec![
            ("From", wording::time(audit.from)),
            ("To, not included", wording::time(audit.to)),
            ("Made", wording::time(audit.made_at)),
            (
                "Rule-seconds past end (promised: 0)",
                audit.seconds_past_end.to_string(),
            ),
            ("Last entry of the time", link(&audit.last)),
            ("End of the chain, checked", link(&audit.head)),
        ],
        heads: [
            "Decided", "Registry", "Address", "By", "Rule", "Why", "Denial", "Open for",
            "Past end", "State", "Orders", "Grant",
        ],
        grants: audit.grants.iter().map(cells).collect(),
        refusals: refusals
            .map(|(cause, count)| (cause.clone(), *count))
            .collect(),
        sections: [
            ("What others changed", happened(&audit.changes)),
            ("Orders", happened(&audit.orders)),
        ],
    };
    Ok(page.render().map_err(anyhow::Error::new)?)
}

fn cells(it: &AuditedGrant) -> [String; 12] {
    let lasted = i64::try_from(it.seconds_open).unwrap_or(i64::MAX);
    let lasted = wording::duration(SignedDuration::from_secs(lasted));
    [
        wording::time(it.decided_at),
        it.registry.clone(),
        it.address.clone(),
        it.decided_by.clone(),
        it.rule.clone().unwrap_or_else(|| "–".to_owned()),
        it.why.clone(),
        it.denial.clone(),
        it.opened_at.map_or_else(|| "never".to_owned(), |_| lasted),
        format!("{} s", it.seconds_past_end),
        it.state.clone(),
        it.orders.join("; "),
        it.id.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn month_begins_and_ends_in_utc() {
        let december = month("2026-12").unwrap();
        assert_eq!(december.from.to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(december.to.to_string(), "2027-01-01T00:00:00Z");
        for wrong in ["2026", "2026-13", "2026-10-01", "October", ""] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
    }
}
