//! An audit as Markdown.

use super::{Audit, AuditedGrant, Happened, Link};
use crate::messages::invisible::escaped;
use crate::messages::wording;
use jiff::SignedDuration;
use std::fmt::Write;

pub(super) fn of(audit: &Audit) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    head(audit, &mut text).ok();
    grants(audit, &mut text).ok();
    refusals(audit, &mut text).ok();
    happened("What others changed", &audit.changes, &mut text).ok();
    happened("Orders", &audit.orders, &mut text).ok();
    text
}

fn head(audit: &Audit, text: &mut String) -> std::fmt::Result {
    writeln!(text, "# Audit of doorward\n")?;
    writeln!(text, "| | |\n| --- | --- |")?;
    writeln!(text, "| From | {} |", wording::time(audit.from))?;
    writeln!(text, "| To, not included | {} |", wording::time(audit.to))?;
    writeln!(text, "| Made | {} |", wording::time(audit.made_at))?;
    writeln!(text, "| Grants | {} |", audit.grants.len())?;
    let past = audit.seconds_past_end;
    writeln!(text, "| Rule-seconds past end (promised: 0) | {past} |")?;
    writeln!(
        text,
        "| Last entry of the time | {} |",
        link(audit.last.as_ref())
    )?;
    writeln!(
        text,
        "| End of the chain, checked | {} |",
        link(audit.head.as_ref())
    )?;
    writeln!(
        text,
        "\n`doorward ledger verify` prints the end of the chain; the hash of the last entry must be the one above."
    )
}

fn link(link: Option<&Link>) -> String {
    link.map_or_else(
        || "none".to_owned(),
        |link| format!("{}, `{}`", link.seq, link.hash),
    )
}

fn grants(audit: &Audit, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n## What was opened\n")?;
    if audit.grants.is_empty() {
        return writeln!(text, "Nothing.");
    }
    let names = [
        "Decided", "Registry", "Address", "By", "Rule", "Why", "Open for", "Past end", "State",
        "Orders", "Grant",
    ];
    row(text, names.map(str::to_owned))?;
    row(text, names.map(|_| "---".to_owned()))?;
    for grant in &audit.grants {
        row(text, cells(grant))?;
    }
    Ok(())
}

fn cells(it: &AuditedGrant) -> [String; 11] {
    let span = |seconds: u64| {
        wording::duration(SignedDuration::from_secs(
            i64::try_from(seconds).unwrap_or(i64::MAX),
        ))
    };
    [
        wording::time(it.decided_at),
        it.registry.clone(),
        it.address.clone(),
        it.decided_by.clone(),
        it.rule.clone().unwrap_or_else(|| "–".to_owned()),
        it.why.clone(),
        it.opened_at
            .map_or_else(|| "never".to_owned(), |_| span(it.seconds_open)),
        format!("{} s", it.seconds_past_end),
        it.state.clone(),
        it.orders.join("; "),
        it.id.to_string(),
    ]
}

fn row<const N: usize>(text: &mut String, cells: [String; N]) -> std::fmt::Result {
    writeln!(text, "| {} |", cells.map(|it| cell(&it)).join(" | "))
}

/// A text as a cell: what would end it, or mean something to a reader of Markdown or HTML, is escaped.
fn cell(text: &str) -> String {
    let line = wording::in_one_line(&escaped(text));
    let mut cell = String::with_capacity(line.len());
    for letter in line.chars() {
        if "\\|<>[]*_&".contains(letter) {
            cell.push('\\');
        }
        cell.push(letter);
    }
    cell
}

fn refusals(audit: &Audit, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n## What was refused\n")?;
    if audit.refusals.is_empty() {
        return writeln!(text, "Nothing.");
    }
    writeln!(text, "| Cause | Denials |\n| --- | --- |")?;
    for (cause, count) in &audit.refusals {
        row(text, [cause.clone(), count.to_string()])?;
    }
    Ok(())
}

fn happened(title: &str, all: &[Happened], text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n## {title}\n")?;
    if all.is_empty() {
        return writeln!(text, "Nothing.");
    }
    writeln!(text, "| Entry | When | What |\n| --- | --- | --- |")?;
    for it in all {
        row(
            text,
            [it.seq.to_string(), wording::time(it.at), it.what.clone()],
        )?;
    }
    Ok(())
}
